"""NEST has one kernel for a process: who holds it, who gives way, and what is left of it."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from snntk_core import Probes
from snntk_core.errors import SnntkError
from snntk_core.testing.spiking_graphs import exact_batch, networks
from snntk_nest.kernel import Kernel, check_version, quiet_nest
from snntk_nest.simulator import NestSimulator

pytest.importorskip("nest", reason="nest-simulator is not installed")

STEPS = 6


@pytest.fixture
def nest():
    module = quiet_nest()
    module.ResetKernel()
    yield module
    module.ResetKernel()


def test_of_two_programs_the_one_that_runs_takes_the_kernel(nest):
    graphs = networks()
    first, second = graphs["residual"], graphs["perceptron"]
    with NestSimulator().compile(first) as one, NestSimulator(resolution=0.5).compile(second) as other:
        expected = one.run(exact_batch(first), duration=STEPS)
        between = other.run(exact_batch(second), duration=STEPS)
        again = one.run(exact_batch(first), duration=STEPS)
        other.close()
        assert nest.network_size  # it was not its own any more
    assert not nest.network_size
    assert between.spike_counts["neuron1"].any()
    for name, counts in expected.spike_counts.items():
        assert np.array_equal(again.spike_counts[name], counts)


def test_another_thread_is_kept_out_of_the_kernel(nest):
    graph = networks()["convolutional"]
    with NestSimulator().compile(graph) as program, ThreadPoolExecutor(1) as pool:
        calls = (
            pool.submit(program.run, exact_batch(graph), duration=STEPS),
            pool.submit(program.close),
            pool.submit(NestSimulator().compile, graph),
        )
        for call in calls:
            with pytest.raises(SnntkError, match="nest belongs to the thread"):
                call.result()
        assert program.run(exact_batch(graph), duration=STEPS).scores.any()


def test_a_network_of_somebody_else_is_not_touched(nest):
    nest.Create("iaf_psc_delta", 3)
    with pytest.raises(SnntkError, match="a network of 3 nodes that is not of snntk"):
        NestSimulator().compile(networks()["perceptron"])
    assert nest.network_size == 3


def test_a_network_built_in_between_is_not_touched_either(nest):
    graph = networks()["perceptron"]
    program = NestSimulator().compile(graph)
    nest.ResetKernel()
    nest.Create("spike_recorder")
    with pytest.raises(SnntkError, match=r"call nest\.ResetKernel"):
        program.run(exact_batch(graph), duration=STEPS)
    program.close()
    assert nest.network_size == 1


def test_a_kernel_that_was_reset_is_built_again(nest):
    graph = networks()["convolutional"]
    batch = exact_batch(graph)
    with NestSimulator().compile(graph) as program:
        expected = program.run(batch, duration=STEPS)
        nest.ResetKernel()
        got = program.run(batch, duration=STEPS)
    assert np.array_equal(got.scores, expected.scores)


def test_a_closed_program_leaves_nothing_in_the_kernel(nest):
    program = NestSimulator().compile(networks()["perceptron"])
    assert nest.network_size
    program.close()
    program.close()
    assert not nest.network_size


def test_a_run_that_was_interrupted_leaves_nothing_behind(nest, monkeypatch):
    graph = networks()["convolutional"]
    batch = exact_batch(graph)
    with NestSimulator().compile(graph) as program:
        expected = program.run(batch, duration=STEPS)
        with monkeypatch.context() as patch:
            patch.setattr(Kernel, "run", interrupted(Kernel.run, after=3))
            with pytest.raises(KeyboardInterrupt):
                program.run(batch, duration=STEPS)
        assert not nest.network_size
        got = program.run(batch, duration=STEPS)
    assert np.array_equal(got.scores, expected.scores)


def interrupted(function, after: int):
    calls = iter(range(after))

    def instead(*arguments):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return function(*arguments)

    return instead


def test_multimeters_do_not_stay(nest):
    graph = networks()["perceptron"]
    with NestSimulator().compile(graph) as program:
        size = nest.network_size
        for _ in range(2):
            program.run(exact_batch(graph), duration=STEPS, probes=Probes(potentials=("neuron1",)))
        program.run(exact_batch(graph), duration=STEPS)
        assert nest.network_size == size


IN_A_PROCESS = """
import json, os, signal, sys
sys.argv = ["snntk", "--help", "--verbosity=ALL"]
before = sys.getdlopenflags(), list(sys.argv), dict(os.environ), signal.getsignal(signal.SIGINT)
from snntk_nest.simulator import NestSimulator
from snntk_core.testing.spiking_graphs import exact_batch, networks
light = "nest" not in sys.modules
graph = networks()["convolutional"]
program = NestSimulator().compile(graph)
import nest
loudness = nest.verbosity
program.run(exact_batch(graph), duration=3)
program.close()
after = sys.getdlopenflags(), list(sys.argv), dict(os.environ), signal.getsignal(signal.SIGINT)
print(json.dumps({
    "light": light,
    "process": before == after,
    "verbosity": nest.verbosity == loudness,
    "empty": nest.network_size == 0,
}))
"""


def test_nest_says_nothing_and_leaves_the_process_as_it_was():
    done = subprocess.run([sys.executable, "-c", IN_A_PROCESS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found == dict.fromkeys(found, True)


@pytest.mark.parametrize("version", ["3.8.0", "2.20.2"])
def test_a_nest_that_is_too_old_is_refused(version):
    with pytest.raises(SnntkError, match=rf"NEST {version} is too old. Run: pip install"):
        check_version(version)


def test_later_versions_are_taken():
    for version in ("3.10.0", "3.10.0-post0.dev0", "4.0"):
        check_version(version)
