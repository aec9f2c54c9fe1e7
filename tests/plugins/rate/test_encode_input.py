"""Input as spike trains: what is put behind the source, what carries the mean, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from snntk_core import (
    Context,
    Dense,
    Graph,
    Input,
    IntegrateFire,
    Node,
    PoissonSpikes,
    Readout,
    Relu,
    Scale,
    SpikeSource,
    Subtract,
    evaluate,
)
from snntk_core.data import Data
from snntk_core.errors import DataError, Incompatible, OptionError, RecipeError
from snntk_core.pipeline import execute
from snntk_core.plan import resolve
from snntk_core.recipe import load_recipe, read_recipe
from snntk_core.registry import Registry
from snntk_core.testing.spiking_graphs import networks
from snntk_numpy.simulator import NumpySimulator
from snntk_rate import EncodeInput

POSITIVE = np.linspace(0, 0.5, 40, dtype=np.float32).reshape(10, 4)
SIGNED = np.linspace(-1, 0.5, 40, dtype=np.float32).reshape(10, 4)


def straight() -> Graph:
    """A network that says what it is given."""
    nodes = (Node("x", SpikeSource((4,))), Node("copy", Dense(np.eye(4, dtype=np.float32)), ("x",)))
    return Graph((*nodes, Node("readout", Readout(), ("copy",))))


def scores(graph: Graph, batch: np.ndarray, steps: int) -> np.ndarray:
    return NumpySimulator().compile(graph).run(batch, duration=steps).scores[:, -1]


def encoded(samples: np.ndarray, **options: object) -> Graph:
    return EncodeInput.configure(options).apply(straight(), Context(samples)).verify()


def test_a_current_stays_a_current():
    graph = straight()
    assert EncodeInput().apply(graph, Context(POSITIVE)) is graph


def test_regular_spikes_come_from_a_neuron_behind_the_source():
    graph = encoded(POSITIVE, encoding="regular", rate=500, dt=0.5)
    assert [node.name for node in graph] == ["x", "x_spikes", "copy", "readout"]
    op = graph["x_spikes"].op
    assert isinstance(op, IntegrateFire)
    assert (op.threshold, op.initial_potential) == (2, 1)  # 0.5 * 1000 / (500 * 0.5), and half of it
    assert (graph.source.op.lowest, graph.source.op.largest) == (0, 2)
    assert graph.meta["input"] == "regular spikes, 500 Hz at 0.5, steps of 0.5 ms"


@pytest.mark.parametrize("samples", [POSITIVE, SIGNED])
def test_regular_spikes_carry_the_input_to_half_a_spike(samples: np.ndarray):
    graph = encoded(samples, encoding="regular", rate=250)
    spike = 4 * np.abs(samples).max()
    assert np.abs(scores(graph, samples, 64) - samples).max() <= spike / 2 / 64 + 1e-6


@pytest.mark.parametrize("samples", [POSITIVE, SIGNED])
def test_random_spikes_carry_the_input_on_average(samples: np.ndarray):
    spike, steps = np.abs(samples).max(), 4000
    off = scores(encoded(samples, encoding="poisson", seed=2), samples, steps) - samples
    assert np.abs(off).max() < 5 * spike / 2 / np.sqrt(steps)  # five standard deviations of the widest
    assert np.abs(off).max() > 0


def test_signed_inputs_become_two_trains_one_of_which_is_subtracted():
    graph = encoded(SIGNED, encoding="poisson", seed=4)
    kinds = {node.name: type(node.op) for node in graph}
    assert kinds == {
        "x": SpikeSource, "x_positive": PoissonSpikes, "x_negated": Scale, "x_negative": PoissonSpikes,
        "x_spikes": Subtract, "copy": Dense, "readout": Readout,
    }  # fmt: skip
    assert graph["x_negative"].op.seed == 4
    assert (graph.source.op.lowest, graph.source.op.largest) == (-1, 1)


def test_options_say_what_calibration_data_does_not():
    graph = EncodeInput(encoding="poisson", peak=2.0, signed=True).apply(straight(), Context())
    assert graph["x_positive"].op.amplitude == 2
    for options in ({}, {"peak": 2.0}, {"signed": False}):
        with pytest.raises(Incompatible, match=r"x: nothing says how large the input is.*--calibration"):
            EncodeInput(encoding="regular", **options).apply(straight(), Context())
    with pytest.raises(Incompatible, match="not all zero"):
        EncodeInput(encoding="regular").apply(straight(), Context(np.zeros((2, 4))))


def test_it_stands_behind_a_spike_code_and_once():
    analog = Graph((Node("x", Input((4,))), Node("relu", Relu(), ("x",))))
    with pytest.raises(Incompatible, match=r"x: the network is not spiking\. Add a spike code"):
        EncodeInput(encoding="poisson").apply(analog, Context(POSITIVE))
    graph = encoded(POSITIVE, encoding="poisson")
    assert EncodeInput(encoding="regular").apply(graph, Context(POSITIVE)) is graph


@pytest.mark.parametrize("encoding", ["regular", "poisson"])
@pytest.mark.parametrize("title", networks())
def test_the_limit_of_a_network_stays_what_it_was(title: str, encoding: str):
    graph = networks()[title]
    for low in (0, -1):
        samples = np.random.default_rng(0).uniform(low, 1, (9, *graph.input_shape))
        after = EncodeInput(encoding=encoding).apply(graph, Context(samples)).verify()
        np.testing.assert_allclose(evaluate(after, samples), evaluate(graph, samples), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 0}, "rate .* above 0"),
        ({"rate": 2000}, "2000 Hz is more than one spike in a step of 1 ms"),
        ({"dt": -1}, "dt .* above 0"),
        ({"peak": 0}, "peak lies above 0"),
        ({"seed": -1}, "seed is a whole number"),
        ({"encoding": "poison"}, "encoding"),
        ({"rates": 3}, "rates.*rate"),
    ],
)
def test_options_that_make_no_sense_are_named(options: dict[str, object], message: str):
    with pytest.raises(OptionError, match=message):
        EncodeInput.configure({"encoding": "poisson"} | options)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.discover()


def model() -> Graph:
    rng = np.random.default_rng(3)
    nodes = (
        Node("x", Input((4,))),
        Node("dense", Dense(rng.normal(size=(4, 8)).astype(np.float32)), ("x",)),
        Node("relu", Relu(), ("dense",)),
        Node("scores", Dense(rng.normal(size=(8, 3)).astype(np.float32)), ("relu",)),
    )
    return Graph(nodes)


def run(registry: Registry, table: dict[str, object], x: np.ndarray, calibration: np.ndarray | None):
    from snntk.given import GraphParser

    recipe = read_recipe({"input": table, "simulate": {"name": "numpy", "duration": 8}}, "mine")
    recipe = recipe.over(load_recipe("rate", registry))
    plan = resolve(recipe, registry, calibrated=calibration is not None)
    from dataclasses import replace

    return execute(replace(plan, parser=GraphParser()), model(), Data(x, calibration=calibration), registry)


def test_a_recipe_encodes_the_input_after_the_code(registry: Registry):
    result = run(registry, {"encoding": "poisson", "rate": 500, "seed": 7}, POSITIVE, POSITIVE)
    assert [record.component for record in result.ledger][-4:-2] == ["rate", "encode-input"]
    assert isinstance(result.graph["x_spikes"].op, PoissonSpikes)
    assert any("poisson spikes, 500 Hz at 0.5, steps of 1 ms, seed 7" in note for note in result.notes)


def test_data_that_calibration_did_not_show_is_refused_before_it_is_run(registry: Registry):
    with pytest.raises(DataError, match=r"reaches 1, .* carry 0\.5 at most. Convert with a peak of at least 1"):
        run(registry, {"encoding": "regular"}, 2 * POSITIVE, POSITIVE)


def test_without_calibration_a_peak_is_enough(registry: Registry):
    recipe = read_recipe({"code": {"name": "rate"}, "input": {"encoding": "poisson", "peak": 1, "signed": False}}, "it")
    plan = resolve(recipe, registry, calibrated=False)
    from snntk_core.pipeline import Line

    line = Line(registry, Context())
    assert line.convert(model(), plan)[1]["x_spikes"].op.amplitude == 1
    assert line.ledger[-1].deviation < 1e-6


def test_mistakes_of_the_table_are_named(registry: Registry):
    wrong = read_recipe({"input": {"encoding": "poison", "rates": 3}, "code": {"name": "rate"}}, "mine")
    with pytest.raises(RecipeError, match=r"(?s)got 'poison'.*no option 'rates'"):
        resolve(wrong, registry)
    other = read_recipe({"input": {"name": "fold-batchnorm"}, "code": {"name": "rate"}}, "mine")
    with pytest.raises(RecipeError, match="fold-batchnorm does not encode an input"):
        resolve(other, registry)
    twice = read_recipe({"input": {"seed": 1}, "transform": [{"name": "encode-input"}], "code": {"name": "rate"}}, "it")
    with pytest.raises(RecipeError, match=r"encode-input stands in \[input\] and among the transforms"):
        resolve(twice, registry)


def test_a_saved_network_keeps_its_spikes(tmp_path: Path):
    from snntk_core.artifact import load_graph, save_graph

    graph = encoded(POSITIVE, encoding="poisson", seed=3)
    again = load_graph(save_graph(graph, tmp_path / "net.snntk"))
    np.testing.assert_array_equal(scores(again, POSITIVE, 20), scores(graph, POSITIVE, 20))
