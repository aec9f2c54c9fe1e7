"""Regular input spikes of a recipe are given to the cores: nothing of the input is rounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import snntk
from snntk_core import Dense, Graph, IntegrateFire, Node, Probes, Readout, SpikeSource, SpikingMaxPool
from snntk_core.connectivity import spiking_nodes
from snntk_core.testing.spiking_graphs import exact
from snntk_loihi.grid import grid_of
from snntk_loihi.simulator import LoihiSimulator
from snntk_numpy.simulator import NumpySimulator

DEMO = Path(snntk.__file__).parent / "demo"
RECIPE = """extends = "rate"
[code]
name = "rate"
reset = "zero"
threshold = 8.0
[input]
encoding = "regular"
rate = 500
"""


def assert_like_numpy(graph: Graph, batch: np.ndarray, steps: int) -> None:
    """Every spike and potential is that of numpy on the rounded network."""
    held = tuple(node.name for node in graph if isinstance(node.op, IntegrateFire))
    probes = Probes(spikes=spiking_nodes(graph), potentials=held)
    expected = NumpySimulator(workers=1).compile(grid_of(graph).graph).run(batch, duration=steps, probes=probes)
    with LoihiSimulator().compile(graph) as program:
        got = program.run(batch, duration=steps, probes=probes)
    for name, train in expected.spikes.items():
        assert len(train.time), name
        for part in ("sample", "time", "unit"):
            np.testing.assert_array_equal(getattr(got.spikes[name], part), getattr(train, part), err_msg=name)
    for name in held:
        np.testing.assert_array_equal(got.potentials[name], expected.potentials[name], err_msg=name)
    np.testing.assert_allclose(got.scores, expected.scores, atol=1e-5)


@pytest.mark.parametrize("shift", [0.0, 0.5], ids=["unsigned", "signed"])
def test_every_spike_of_the_demo_digits_is_that_of_numpy(emulator, shift, tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed")
    recipe = tmp_path / "regular.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    with np.load(DEMO / "digits.npz") as file:
        x, calibration = ((file[key] - shift).astype(np.float32) for key in ("x", "calibration"))
    graph = snntk.convert(DEMO / "digits.onnx", calibration=calibration, recipe=recipe)
    encoding = [node for node in graph if isinstance(node.op, IntegrateFire) and node.op.reset == "subtract"]
    assert len(encoding) == (2 if shift else 1)
    rounded = grid_of(graph).graph
    assert all(np.array_equal(rounded[node.name].op.threshold, node.op.threshold) for node in encoding)
    assert_like_numpy(graph, x[:10], 32)


@pytest.mark.parametrize("pooled", [False, True])
def test_a_network_of_nothing_but_given_spikes_needs_no_core(emulator, pooled):
    nodes = [Node("input", SpikeSource((4, 4, 2))), Node("spikes", IntegrateFire(), ("input",))]
    if pooled:
        nodes.append(Node("pool", SpikingMaxPool((2, 2)), ("spikes",)))
    nodes.append(Node("dense", Dense(exact(2, 3)), (nodes[-1].name,)))
    graph = Graph((*nodes, Node("readout", Readout(), ("dense",))))
    batch = np.random.default_rng(0).uniform(0, 1, (3, 4, 4, 2)).astype(np.float32)
    assert_like_numpy(graph, batch, 8)
