"""Three ways to scan neurons over steps give one result: the reference's own step, torch's ops, the Triton kernel.

Without a GPU the kernel runs in Triton's interpreter, where Triton is installed.
"""

from __future__ import annotations

import importlib.util
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed")

from snntk_core import IntegrateFire  # noqa: E402
from snntk_torchsim.scan import Emitted, NeuronArrays, State, scan_in_memory, scan_step_by_step  # noqa: E402
from snntk_torchsim.triton_scan import BLOCK, scan_for, scan_fused  # noqa: E402

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
TRITON = importlib.util.find_spec("triton") is not None
if TRITON and DEVICE.type == "cpu":
    os.environ["TRITON_INTERPRET"] = "1"  # read when the kernel is first made

SHAPE = (7, 2)
SAMPLES = BLOCK // 14 + 2  # more neurons than one program of the kernel takes


def eighths(rng, *shape, low=-6, high=12):
    return (rng.integers(low, high, shape) / 8).astype(np.float32)


def scanned(scan, op, currents, keep, device):
    """What two chunks leave, one after the other: everything emitted, and the state."""
    neurons = NeuronArrays.of(op, SHAPE, device)
    shape = (SAMPLES, *SHAPE)
    zeros = torch.zeros(shape, dtype=torch.int32, device=device)
    potential = neurons.initial.expand(shape).contiguous().clone()
    state = State(potential, zeros.clone() if op.refractory else None, zeros.clone())
    left = []
    for current, steps in currents:
        whole = (steps, *shape)
        emitted = Emitted(
            torch.empty(whole, device=device),
            torch.empty(whole, dtype=torch.bool, device=device) if keep else None,
            torch.empty(whole, device=device) if keep else None,
        )
        scan(neurons, state, torch.from_numpy(current.copy()).to(device), emitted)
        left += [emitted.spikes, emitted.fired, emitted.potentials]
    left += [state.potential, state.blocked, state.counts]
    return [None if tensor is None else tensor.cpu() for tensor in left]


ways = [
    pytest.param(scan_step_by_step, id="step by step"),
    pytest.param(scan_fused, id="triton", marks=pytest.mark.skipif(not TRITON, reason="triton is not installed")),
]


@pytest.mark.parametrize("scan", ways)
@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["subtract", "zero"]),
    st.sampled_from([0.0, 0.5, 0.125]),
    st.integers(0, 3),
    st.booleans(),
    st.booleans(),
    st.sampled_from([(), (2,), (7, 2), (7, 1)]),
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
)
def test_every_scan_leaves_the_same(scan, seed, reset, leak, refractory, carries, keep, spread, steps):
    rng = np.random.default_rng(seed)
    threshold, initial = eighths(rng, *spread, low=1), eighths(rng, *spread)
    op = IntegrateFire(threshold, initial, eighths(rng, 2) if carries else None, reset, leak, refractory)
    constant = eighths(rng, 1, SAMPLES, *SHAPE), steps[0]
    changing = eighths(rng, steps[1], SAMPLES, *SHAPE), steps[1]
    expected = scanned(scan_in_memory, op, [constant, changing], keep, torch.device("cpu"))
    for one, other in zip(scanned(scan, op, [constant, changing], keep, DEVICE), expected, strict=True):
        assert (one is None) == (other is None)
        assert one is None or torch.equal(one, other)


@pytest.mark.parametrize("scan", [pytest.param(scan_in_memory, id="in memory"), *ways])
def test_spikes_may_be_written_over_the_current(scan):
    device = torch.device("cpu") if scan is scan_in_memory else DEVICE
    rng = np.random.default_rng(0)
    neurons = NeuronArrays.of(IntegrateFire(0.75, refractory=1), SHAPE, device)
    current = torch.from_numpy(eighths(rng, 9, SAMPLES, *SHAPE)).to(device)
    found = []
    for over in (True, False):
        zeros = torch.zeros(SAMPLES, *SHAPE, dtype=torch.int32, device=device)
        drive = current.clone()
        emitted = Emitted(drive if over else torch.empty_like(drive))
        scan(neurons, State(zeros.float(), zeros.clone(), zeros.clone()), drive, emitted)
        found.append(emitted.spikes)
    assert torch.equal(*found)
    assert 0 < found[0].sum() < found[0].numel()


def test_the_reference_is_scanned_on_a_cpu():
    assert scan_for(torch.device("cpu")) == ("in memory", scan_in_memory)
    way, scan = scan_for(torch.device("cuda"))
    assert (way, scan) == (("triton", scan_fused) if TRITON else ("step by step, without triton", scan_step_by_step))
