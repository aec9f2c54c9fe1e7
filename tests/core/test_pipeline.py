"""The straight line: every step is checked, timed and announced, and what breaks its promise is named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from snntk_core import Exportable, Preserves, hookimpl
from snntk_core.data import Data
from snntk_core.errors import DataError, DeviationError, Incompatible, SnntkError
from snntk_core.pipeline import deviation, execute, load, probe_batch
from snntk_core.plan import resolve
from snntk_core.recipe import Recipe, Step
from snntk_core.reference import evaluate
from snntk_core.registry import Registry
from snntk_core.result import Result

CODE = Step("code")


def run(registry: Registry, model: object, data: Data, recipe: Recipe, **more) -> Result:
    return execute(resolve(recipe, registry, calibrated=data.calibration is not None), model, data, registry, **more)


@pytest.fixture
def data(registry, pairs, batch, calibration) -> Data:
    """Samples with the model's own decisions as labels."""
    labels = evaluate(load(pairs, registry).graph, batch).argmax(axis=1)
    return Data(batch, labels, calibration)


def test_a_run_gives_everything(registry, pairs, data) -> None:
    recipe = Recipe("mine", transforms=(Step("halve"), Step("keep")), code=CODE, duration=64)
    result = run(registry, pairs, data, recipe)
    assert [record.component for record in result.ledger] == ["pairs", "halve", "keep", "code", "numpy", "reference"]
    assert [record.stage for record in result.ledger] == [
        "parse",
        "simplify",
        "adapt",
        "spikify",
        "simulate",
        "evaluate",
    ]
    parse, halve, keep, code, simulate, _ = result.ledger
    assert parse.deviation < 1e-6
    assert halve.deviation < 1e-6
    assert keep.deviation == 0
    assert code.deviation > 0
    assert simulate.deviation is None
    assert (parse.nodes_before, parse.nodes_after, code.nodes_after) == (0, 6, 7)
    assert result.accuracy.analog == result.accuracy.rewritten == 1
    assert result.accuracy.spiking[64] >= 0.95
    assert result.accuracy.agreement == result.accuracy.spiking
    assert [layer.name for layer in result.layers] == ["relu1", "relu2"]
    assert all(layer.correlation > 0.97 for layer in result.layers)
    assert result.source == "a builtins.list"
    assert result.graph.spiking
    assert not result.analog.spiking
    assert result.calibration_samples == 50
    assert result.cost.multiply_accumulates == 6 * 16 + 16 * 12 + 12 * 4
    assert result.cost.source_multiply_accumulates == 6 * 16
    assert result.cost.neurons == 28
    assert result.cost.neuron_updates == 28 * 64
    counts = {layer.name: layer.rate * 64 * layer.neurons for layer in result.layers}
    assert result.cost.spikes == pytest.approx(sum(counts.values()))
    assert result.cost.accumulates == pytest.approx(counts["relu1"] * 12 + counts["relu2"] * 4)


def test_parts_do_not_change_the_result(registry, pairs, data, monkeypatch) -> None:
    recipe = Recipe(code=CODE, duration=8)
    whole = run(registry, pairs, data, recipe)
    monkeypatch.setattr("snntk_core.pipeline.part_size", lambda graph: 7)
    parts = run(registry, pairs, data, recipe)
    assert parts.accuracy.spiking == whole.accuracy.spiking
    assert [layer.rate for layer in parts.layers] == pytest.approx([layer.rate for layer in whole.layers])
    assert parts.cost.accumulates == pytest.approx(whole.cost.accumulates)


def test_a_quantizer_stands_in_the_ledger_with_what_it_cost(registry, pairs, data) -> None:
    result = run(registry, pairs, data, Recipe(quantizers=(Step("eight"),), code=CODE, duration=4))
    record = result.ledger[1]
    assert (record.stage, record.component, record.preserves) == ("quantize", "eight", "nothing")
    assert 0 < record.deviation < 0.5
    assert result.analog["dense0"].formats["weight"].bits == 8


def test_a_broken_promise_names_the_step_and_what_ran_before(registry, pairs, data) -> None:
    recipe = Recipe(transforms=(Step("halve"), Step("liar")), code=CODE)
    with pytest.raises(DeviationError, match=r"liar says it preserves output, but .*before it: pairs, halve\."):
        run(registry, pairs, data, recipe)
    with pytest.raises(DeviationError, match="halve says it preserves scale"):
        run(registry, pairs, data, Recipe(transforms=(Step("halve", {"factor": -1.0}),), code=CODE))


def test_a_parser_that_reads_another_network_is_caught(registry, make_plugin, components, pairs, data) -> None:
    @dataclass(frozen=True)
    class Careless(components.Pairs):
        """Forgets the biases."""

        name = "careless"

        def parse(self, model):
            return components.Pairs().parse([(weight, bias * 0) for weight, bias in model])

    registry.register(make_plugin(Careless), "careless")
    with pytest.raises(DeviationError, match="The parser careless says it preserves output"):
        run(registry, pairs, data, Recipe(parser=Step("careless"), code=CODE))


def test_a_parser_sends_a_source_to_another(registry, make_plugin, components, pairs) -> None:
    assert load(tuple(pairs), registry).parser.name == "pairs"
    detour = components.Detour(to="back")

    @dataclass(frozen=True)
    class Back(components.Detour):
        """Sends it back."""

        name = "back"
        to: str = "detour"

    @dataclass(frozen=True)
    class Home(components.Detour):
        """Sends it to itself."""

        name = "home"
        to: str = "home"

    registry.register(make_plugin(Back, Home), "more")
    with pytest.raises(SnntkError, match="send the model to each other"):
        load(tuple(pairs), registry, Home())
    assert load(tuple(pairs), registry, Back()).parser.name == "pairs"
    with pytest.raises(SnntkError):
        load(tuple(pairs), registry, replace(detour, to="nobody"))


def test_a_recipe_without_a_code_is_refused(registry, pairs, data) -> None:
    with pytest.raises(SnntkError, match="has no spike code"):
        run(registry, pairs, data, Recipe())


def test_calibration_is_needed_and_is_never_test_data(registry, pairs, data) -> None:
    recipe = Recipe(transforms=(Step("calibrated"),), code=CODE, duration=2)
    plan = resolve(recipe, registry)
    with pytest.raises(DataError, match="never from the test set"):
        execute(plan, pairs, replace(data, calibration=None), registry)
    (note,) = run(registry, pairs, replace(data, calibration=data.x[:5]), recipe).notes
    assert note.startswith("5 calibration samples are also test samples")


def test_what_the_simulator_cannot_take_is_refused_before_it_runs(
    registry, make_plugin, components, pairs, data
) -> None:
    @dataclass(frozen=True)
    class Narrow(components.Numpy):
        """Takes no neurons."""

        name = "narrow"
        capabilities = components.Absent.capabilities

    registry.register(make_plugin(Narrow), "narrow")
    with pytest.raises(Incompatible) as caught:
        run(registry, pairs, data, Recipe(code=CODE, simulator=Step("narrow")))
    assert [issue.node for issue in caught.value.issues] == ["dense0", "relu1", "dense1", "relu2", "dense2", "readout"]
    assert caught.value.exit_code == 3


def test_a_simulator_that_only_exports_is_told_apart(registry, make_plugin, components, pairs, data) -> None:
    class Files(Exportable):
        def close(self) -> None:
            pass

        def export(self, directory: Path):
            raise AssertionError

    @dataclass(frozen=True)
    class Exporter(components.Numpy):
        """Writes files."""

        name = "exporter"

        def compile(self, graph):
            return Files()

    registry.register(make_plugin(Exporter), "exporter")
    with pytest.raises(SnntkError, match="The simulator exporter writes networks and runs nothing here"):
        run(registry, pairs, data, Recipe(code=CODE, simulator=Step("exporter")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros((0, 6)), "labels": None}, "no samples"),
        ({"x": np.zeros((4, 5)), "labels": None}, r"takes samples of shape \(6,\), the data has \(5,\)"),
        ({"x": np.full((4, 6), np.nan), "labels": None}, "not finite"),
    ],
)
def test_data_that_does_not_fit_is_refused(registry, pairs, data, change, message: str) -> None:
    with pytest.raises(DataError, match=message):
        run(registry, pairs, replace(data, **change), Recipe(code=CODE))


def test_observers_see_every_stage_and_the_result_and_cannot_stop_it(registry, pairs, data) -> None:
    seen: list[str] = []

    class Watcher:
        @hookimpl
        def snntk_stage_finished(self, record):
            seen.append(record.component)

        @hookimpl
        def snntk_run_finished(self, result):
            raise RuntimeError("fell over")

    registry.register(Watcher(), "watcher")
    result = run(registry, pairs, data, Recipe(code=CODE, duration=2))
    assert seen == ["pairs", "code", "numpy", "reference"]
    assert result.notes == ("watcher failed in snntk_run_finished: RuntimeError: fell over",)


def test_progress_begins_at_zero_and_ends_full(registry, pairs, data) -> None:
    calls = []
    run(registry, pairs, data, Recipe(code=CODE, duration=2), progress=lambda *call: calls.append(call))
    simulating = [(done, total) for what, done, total in calls if what == "Simulating"]
    assert simulating[0] == (0, 40)
    assert simulating[-1] == (40, 40)
    assert any(what == "Converting: code" for what, _, _ in calls)


def test_deviation_is_relative_and_knows_scale() -> None:
    x = np.array([[1.0, -2.0], [3.0, 4.0]])
    assert deviation(x, x, Preserves.OUTPUT) == 0
    assert deviation(x, x + 0.4, Preserves.OUTPUT) == pytest.approx(0.1)
    assert deviation(x, x * 7, Preserves.SCALE) == pytest.approx(0)
    assert deviation(x, x * 7, Preserves.OUTPUT) == pytest.approx(6)
    assert deviation(x, -x, Preserves.SCALE) == float("inf")
    assert deviation(x, x[:, :1], Preserves.OUTPUT) == float("inf")
    assert deviation(np.zeros((2, 2)), np.zeros((2, 2)), Preserves.SCALE) == 0


def test_graphs_are_compared_on_given_samples_or_seeded_noise(registry, pairs, batch) -> None:
    graph = load(pairs, registry).graph
    np.testing.assert_array_equal(probe_batch(graph, None), probe_batch(graph, None))
    assert probe_batch(graph, None).shape == (16, 6)
    np.testing.assert_array_equal(probe_batch(graph, batch), batch[:16].astype(np.float64))
