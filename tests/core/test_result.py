"""The result says where the networks part, what it cost, and all of it as plain data."""

import json

import pytest

from snntk_core.plan import resolve
from snntk_core.recipe import Recipe, Step
from snntk_core.result import ENERGY_ASSUMPTIONS, Accuracy, Cost, LayerReport, Result, StageRecord


def layer(name: str, correlation: float | None) -> LayerReport:
    return LayerReport(name, "IntegrateFire", 4, 0.1, 0.2, 0.3, correlation, 0.1)


@pytest.fixture
def result(registry, pairs) -> Result:
    """A result made by hand."""
    plan = resolve(Recipe("mine", code=Step("code"), duration=16), registry)
    graph = registry.parsers["pairs"]().parse(pairs)
    return Result(
        source="model.x",
        plan=plan,
        graph=graph,
        analog=graph,
        ledger=(StageRecord("parse", "pairs", "output", 0.1, 0, 6, 1e-9),),
        accuracy=Accuracy(10, 1.0, 1.0, 0.9, {16: 0.8}, {16: 0.7}, {16: 0.1}),
        layers=(layer("a", None), layer("b", 0.99), layer("c", 0.4), layer("d", 0.1)),
        cost=Cost(100, 1000, 200, 500, 2000, 40),
        calibration_samples=50,
        seconds=1.5,
        notes=("mind this",),
    )


def test_the_first_layer_below_the_limit_is_where_they_part(result: Result) -> None:
    assert result.parts_at == "c"
    assert result.duration == 16


def test_energy_is_in_nanojoules_part_by_part() -> None:
    energy = Cost(100, 1000, 200, 500, 2000, 40).energy
    assert energy == {
        "spiking_synapses": pytest.approx(0.9),
        "spiking_source": pytest.approx(0.92),
        "spiking_neurons": pytest.approx(0.45),
        "spiking_total": pytest.approx(2.27),
        "analog_total": pytest.approx(9.2),
    }
    assert any("45 nm" in text for text in ENERGY_ASSUMPTIONS)


def test_the_report_is_json_with_everything_that_must_be_stated(result: Result) -> None:
    report = json.loads(json.dumps(result.report()))
    assert report["spike_class"] == "unsigned"
    assert report["total_latency_steps"] == 16
    assert report["calibration_samples"] == 50
    assert report["accuracy"]["spiking"] == {"16": 0.8}
    assert report["first_layer_that_parts"] == "c"
    assert report["ledger"][0]["component"] == "pairs"
    assert report["energy_assumptions"] == list(ENERGY_ASSUMPTIONS)
    assert report["notes"] == ["mind this"]
    assert (report["recipe"], report["simulator"], report["source"]) == ("mine", "numpy", "model.x")
