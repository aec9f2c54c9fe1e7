"""Every linear op in torch is what the reference says it is, bit for bit where sums are exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed")

from snntk_core import Add, Concat, LinearOp, MaxPool, SpikeSource, SpikingMaxPool, Subtract, apply  # noqa: E402
from snntk_core.errors import ShapeError  # noqa: E402
from snntk_core.shapes import size  # noqa: E402
from snntk_core.testing import random_ops  # noqa: E402
from snntk_torchsim.linear import prepared  # noqa: E402
from snntk_torchsim.population import largest_of_windows  # noqa: E402
from snntk_torchsim.simulator import TorchSimulator  # noqa: E402
from snntk_torchsim.windows import pool_reach  # noqa: E402

CPU = torch.device("cpu")
DRAWS = {
    draw.__name__: draw
    for draw in (
        random_ops.dense, random_ops.convolution, random_ops.pointwise, random_ops.same_shape, random_ops.depthwise,
        random_ops.transposed, random_ops.scale, random_ops.average_pool, random_ops.global_pool,
        random_ops.structure, random_ops.flatten,
    )
}  # fmt: skip


def exact(op):
    """The op with its arrays rounded to eighths, in single precision."""
    return replace(op, **{name: (np.round(a * 8) / 8).astype(np.float32) for name, a in op.arrays.items()})


def drawn(rng, draw, kind):
    """An op that fits a random shape, and the shape; no example where none does."""
    shape = random_ops.random_input(rng).infer()
    try:
        op = draw(rng, shape)
        out = op.infer(shape)
    except ShapeError:
        assume(False)
    assume(isinstance(op, kind) and min(out) > 0 and size(out) < 5000)
    return exact(op), shape


@pytest.mark.parametrize("name", DRAWS)
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_linear_op_is_that_of_the_reference(name, seed):
    rng = np.random.default_rng(seed)
    op, shape = drawn(rng, DRAWS[name], LinearOp)
    assume(type(op) in TorchSimulator.capabilities.ops)
    x = (rng.integers(-8, 9, (3, *shape)) / 4).astype(np.float32)
    y = prepared(op, shape, CPU)(torch.from_numpy(x))
    assert y.dtype == torch.float32
    assert np.array_equal(y.numpy(), apply(op, x))


@pytest.mark.parametrize("op", [Add(), Subtract(), Concat(), Concat(0), Concat(-2)], ids=repr)
def test_a_join_is_that_of_the_reference(op):
    rng = np.random.default_rng(0)
    xs = [(rng.integers(-8, 9, (3, 4, 5, 2)) / 4).astype(np.float32) for _ in range(2)]
    y = prepared(op, (4, 5, 2), CPU)(*map(torch.from_numpy, xs))
    assert np.array_equal(y.numpy(), apply(op, *xs))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_largest_of_windows_is_that_of_the_reference(seed):
    rng = np.random.default_rng(seed)
    analog, shape = drawn(rng, random_ops.max_pool, MaxPool)
    op = SpikingMaxPool(analog.kernel, analog.strides, analog.padding, analog.ceil_mode, analog.dilation)
    x = rng.normal(size=(3, *shape)).astype(np.float32)
    y = largest_of_windows(op, pool_reach(op, shape), torch.from_numpy(x))
    assert np.array_equal(y.numpy(), apply(op, x))


def test_what_is_no_linear_op_is_refused():
    with pytest.raises(TypeError, match="SpikeSource is no linear op"):
        prepared(SpikeSource((2,)), (2,), CPU)
