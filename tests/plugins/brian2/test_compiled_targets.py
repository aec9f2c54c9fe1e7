"""The targets that are compiled give what the numpy target gives, and clean up; a compiler that is missing is named."""

from __future__ import annotations

import shutil
import tempfile

import numpy as np
import pytest

from snntk_brian2.compiler import COMPILERS
from snntk_brian2.simulator import Brian2Simulator
from snntk_core import Dense, Flatten, Graph, IntegrateFire, Node, PoissonSpikes, Probes, Readout, SpikeSource
from snntk_core import SpikingMaxPool as Pool
from snntk_core.errors import OptionError, SnntkError
from snntk_core.testing.spiking_graphs import exact, exact_batch, identity_network, networks
from snntk_numpy.simulator import NumpySimulator

brian2 = pytest.importorskip("brian2", reason="brian2 is not installed")
COMPILER = any(shutil.which(name) for name in COMPILERS)
needs_compiler = pytest.mark.skipif(not COMPILER, reason="there is no C++ compiler")


@pytest.fixture
def quick():
    """Code that is compiled quickly and runs slowly."""
    flags = "codegen.cpp.extra_compile_args_gcc"
    before = brian2.prefs[flags]
    brian2.prefs[flags] = ["-w", "-O0", "-std=c++11"]
    yield
    brian2.prefs[flags] = before


def small() -> Graph:
    """Spikes drawn at random, a pool by gate, and neurons that leak and rest."""
    nodes = (
        Node("input", SpikeSource((3, 3, 2))),
        Node("drawn", PoissonSpikes(np.float32(1), 3), ("input",)),
        Node("pool", Pool((2, 2), (1, 1), rule="gate"), ("drawn",)),
        Node("flat", Flatten(), ("pool",)),
        Node("dense", Dense(exact(8, 5, seed=1), exact(5, seed=2)), ("flat",)),
        Node("fire", IntegrateFire(np.float32(0.75), reset="zero", leak=0.5, refractory=1), ("dense",)),
        Node("out", Dense(exact(5, 2, seed=3)), ("fire",)),
        Node("readout", Readout(), ("out",)),
    )
    return Graph(nodes)


@needs_compiler
def test_a_standalone_program_gives_the_spikes_of_numpy_and_removes_its_folder(quick):
    graph, probes = small(), Probes(spikes=("drawn", "pool", "fire"), potentials=("fire",), units={"fire": (3, 0)})
    batch = np.abs(exact_batch(graph, 5))
    expected = NumpySimulator().compile(graph).run(batch, duration=12, probes=probes)
    device = brian2.get_device()
    with Brian2Simulator(target="cpp_standalone", copies=2).compile(graph) as program:
        got = program.run(batch, duration=12, probes=probes)
        again = program.run(batch[3:4], duration=12, probes=probes)
        folder = program.backend.project.folder
        assert folder.is_dir()
        assert not list((folder / "static_arrays").glob("init_*.dat"))
    assert not folder.exists()
    assert brian2.get_device() is device
    for name, train in got.spikes.items():
        for one, other in zip(vars(train).values(), vars(expected.spikes[name]).values(), strict=True):
            assert np.array_equal(one, other), name
    assert min(counts.sum() for counts in got.spike_counts.values()) > 20
    assert np.array_equal(got.potentials["fire"], expected.potentials["fire"])
    assert np.allclose(got.scores, expected.scores, atol=1e-6)
    assert np.array_equal(again.spike_counts["fire"], expected.spike_counts["fire"][3:4])


@needs_compiler
def test_a_program_that_does_not_compile_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setitem(brian2.prefs, "devices.cpp_standalone.make_cmd_unix", "false")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    graph, device = networks()["perceptron"], brian2.get_device()
    program = Brian2Simulator(target="cpp_standalone").compile(graph)
    with pytest.raises(SnntkError, match=r"^Brian2's program does not work: Project compilation failed .*'numpy'"):
        program.run(exact_batch(graph), duration=3)
    assert brian2.get_device() is device
    assert not list(tmp_path.glob("snntk_brian2_*"))


@needs_compiler
def test_cython_gives_the_spikes_of_numpy(quick, tmp_path, monkeypatch):
    monkeypatch.setitem(brian2.prefs, "codegen.runtime.cython.cache_dir", str(tmp_path))
    graph = identity_network(4)
    batch, probes = exact_batch(graph, 5), Probes(spikes=("neuron",))
    expected = NumpySimulator().compile(graph).run(batch, duration=12, probes=probes)
    got = Brian2Simulator(target="cython", copies=2).compile(graph).run(batch, duration=12, probes=probes)
    for one, other in zip(vars(got.spikes["neuron"]).values(), vars(expected.spikes["neuron"]).values(), strict=True):
        assert np.array_equal(one, other)
    assert list(tmp_path.iterdir()), "nothing was compiled"


@pytest.mark.parametrize("target", ["cython", "cpp_standalone"])
def test_a_compiler_that_is_missing_is_named(target, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(OptionError, match=r"needs a C\+\+ compiler.*take the target 'numpy'"):
        Brian2Simulator(target=target).compile(networks()["perceptron"])
    Brian2Simulator(target="numpy").compile(networks()["perceptron"]).close()
