"""Regular input spikes of a recipe: PyNN plays them, though they come of neurons that reset by subtraction."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import snntk
from snntk_core import Graph, IntegrateFire, Probes
from snntk_core.connectivity import spiking_nodes
from snntk_core.registry import Registry

pytest.importorskip("pyNN", reason="PyNN is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")

DEMO = Path(snntk.__file__).parent / "demo"
SIMULATORS = Registry.discover().simulators
STEP = 2.0**-8  # of weights, biases and thresholds: sums are exact whatever their order
RECIPE = """extends = "rate"
[code]
name = "rate"
reset = "zero"
[input]
encoding = "regular"
rate = 500
"""


def digits(shift: float, folder: Path) -> tuple[Graph, np.ndarray]:
    """Return what the recipe makes of the demo digits, on a grid, and samples; ``shift``: what is taken from pixels."""
    recipe = folder / "regular.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    with np.load(DEMO / "digits.npz") as file:
        x, calibration = ((file[key] - shift).astype(np.float32) for key in ("x", "calibration"))
    graph = snntk.convert(DEMO / "digits.onnx", calibration=calibration, recipe=recipe)
    for node in graph:
        rounded = {name: np.round(array / STEP) * STEP for name, array in node.op.arrays.items()}
        graph = graph.replace(node.name, replace(node.op, **rounded))
    return graph, np.round(x[:10] * 64).astype(np.float32) / 64


@pytest.mark.parametrize("shift", [0.0, 0.5], ids=["unsigned", "signed"])
@pytest.mark.parametrize("backend", ["brian2", "nest"])
def test_every_spike_of_the_demo_digits_is_that_of_numpy(backend, shift, tmp_path):
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    graph, batch = digits(shift, tmp_path)
    resets = [node.op.reset for node in graph if isinstance(node.op, IntegrateFire)]
    assert resets == ["subtract"] * (2 if shift else 1) + ["zero"] * 3
    held = tuple(node.name for node in graph if isinstance(node.op, IntegrateFire))
    probes = Probes(spikes=spiking_nodes(graph), potentials=held, operations=True)
    with SIMULATORS["numpy"]().compile(graph) as program:
        expected = program.run(batch, duration=32, probes=probes)
    with SIMULATORS["pynn"](backend=backend).compile(graph) as program:
        got = program.run(batch, duration=32, probes=probes)
    for name, train in expected.spikes.items():
        assert len(train.time), name
        for part in ("sample", "time", "unit"):
            np.testing.assert_array_equal(getattr(got.spikes[name], part), getattr(train, part), err_msg=name)
        np.testing.assert_array_equal(got.operations[name], expected.operations[name])
    for name in held:
        np.testing.assert_allclose(got.potentials[name], expected.potentials[name], rtol=1e-6, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(got.scores, expected.scores, atol=1e-6)
