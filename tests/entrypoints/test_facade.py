"""The facade, as a program that embeds snntk uses it."""

from pathlib import Path

import numpy as np
import pytest

import snntk
from snntk_core import Dense, Graph, Input, Node, Scale, Sigmoid
from snntk_core.data import Data
from snntk_core.errors import (
    ArtifactError,
    DataError,
    Incompatible,
    OptionError,
    RecipeError,
    UnknownName,
    UnreadableSource,
)
from snntk_core.recipe import Recipe, Step


def test_everything_public_is_there_and_documented() -> None:
    for name in snntk.__all__:
        assert (getattr(snntk, name).__doc__ or "").strip(), name
    assert snntk.__version__


def test_parse_reads_a_live_model_a_path_and_a_named_parser(layers, model: Path, registry) -> None:
    graphs = [
        snntk.parse(layers, registry=registry),
        snntk.parse(model, registry=registry),
        snntk.parse(str(model), parser="layers", registry=registry),
        snntk.parse((model,), registry=registry),
    ]
    assert [[node.name for node in graph] for graph in graphs] == [[n.name for n in graphs[0]]] * 4
    assert graphs[0].meta["parser"] == "layers"


def test_evaluate_is_the_model(layers, samples, registry) -> None:
    x = samples
    for i, (weight, bias) in enumerate(layers):
        x = (np.maximum(x, 0) if i else x) @ weight + bias
    np.testing.assert_allclose(snntk.evaluate(snntk.parse(layers, registry=registry), samples), x, atol=1e-6)


@pytest.mark.parametrize(
    ("source", "message"), [("nothing.layers.npz", "There is no file"), (object(), "No parser reads")]
)
def test_what_no_parser_reads_is_refused(source, message: str, registry) -> None:
    with pytest.raises(UnreadableSource, match=message):
        snntk.parse(source, registry=registry)


def test_convert_gives_a_spiking_graph_from_a_model_or_a_graph(layers, calibration, registry) -> None:
    graph = snntk.parse(layers, registry=registry)
    for source in (layers, graph):
        assert snntk.convert(source, calibration=calibration, registry=registry).spiking
    assert not graph.spiking


def test_convert_takes_a_recipe_object_and_says_what_is_wrong_with_it(layers, calibration, registry) -> None:
    recipe = Recipe("mine", code=Step("toy-code", {"margin": 2.0}))
    assert snntk.convert(layers, calibration=calibration, recipe=recipe, registry=registry).spiking
    wrong = Recipe(code=Step("toy-code", {"margn": 1}))
    with pytest.raises(RecipeError, match=r"no option 'margn'. Did you mean 'margin'"):
        snntk.convert(layers, calibration=calibration, recipe=wrong, registry=registry)
    with pytest.raises(UnknownName, match="Did you mean 'rate'"):
        snntk.convert(layers, calibration=calibration, recipe="rte", registry=registry)


def test_calibration_that_cannot_be_is_refused_at_once(layers, calibration, registry) -> None:
    for samples, message in (
        (calibration[:0], "no calibration samples"),
        (calibration[:, :5], r"The calibration samples do not fit. The model takes samples of shape \(12,\)"),
        (np.array(["a"]), "The calibration samples are text"),
    ):
        with pytest.raises(DataError, match=message):
            snntk.convert(layers, calibration=samples, registry=registry)


def test_what_is_no_graph_no_batch_and_no_path_is_refused(spiking, samples, registry) -> None:
    for batch, message in ((None, "objects"), ("abc", "text"), (3, "a single number"), ([], "no samples")):
        with pytest.raises(DataError, match=message):
            snntk.evaluate(spiking, batch)
        with pytest.raises(DataError, match=message):
            snntk.simulate(spiking, batch, steps=2, registry=registry)
    with pytest.raises(snntk.SnntkError, match=r"A snntk.Graph is needed, got a str. Open it first: snntk.open"):
        snntk.simulate("x.snntk", samples, steps=2, registry=registry)
    with pytest.raises(snntk.SnntkError, match=r"A snntk.Graph is needed, got a NoneType"):
        snntk.evaluate(None, samples)
    with pytest.raises(ArtifactError, match=r"is the path of a .snntk file, got a NoneType"):
        snntk.open(None)


def test_run_takes_a_graph_as_convert_and_check_do(layers, samples, labels, calibration, spiking, registry) -> None:
    data = Data(samples, labels, calibration)
    graph = snntk.parse(layers, registry=registry)
    first, second = (snntk.run(source, data, steps=8, registry=registry) for source in (layers, graph))
    assert first.accuracy.spiking == second.accuracy.spiking
    assert second.graph.meta["parser"] == "layers"
    with pytest.raises(snntk.SnntkError, match="spiking one already"):
        snntk.run(spiking, data, registry=registry)


def test_convert_without_calibration_says_what_is_missing(layers, registry) -> None:
    with pytest.raises(RecipeError, match="toy-code needs calibration samples"):
        snntk.convert(layers, calibration=None, registry=registry)


def test_a_spiking_network_is_not_converted_again(spiking, calibration, registry) -> None:
    with pytest.raises(snntk.SnntkError, match="spiking one already"):
        snntk.convert(spiking, calibration=calibration, registry=registry)


def test_simulate_records_scores_accuracy_and_probes(spiking, samples, labels, registry) -> None:
    recording = snntk.simulate(spiking, samples, steps=48, labels=labels, probes=["relu_1"], registry=registry)
    assert recording.scores.shape == (60, 48, 5)
    assert recording.accuracy is not None
    assert recording.accuracy.shape == (48,)
    assert recording.accuracy[-1] > 0.9
    train = recording.spikes["relu_1"]
    assert len(train.sample) == recording.spike_counts["relu_1"].sum()
    assert snntk.simulate(spiking, samples[:3], steps=2, registry=registry).accuracy is None


def test_parts_of_a_batch_are_joined_as_if_it_ran_at_once(spiking, samples, registry, monkeypatch) -> None:
    probes = snntk.Probes(spikes=("relu_1", "relu_2"), potentials=("relu_1",))
    whole = snntk.simulate(spiking, samples, steps=8, probes=probes, registry=registry)
    monkeypatch.setattr("snntk.api.part_size", lambda graph: 7)
    parts = snntk.simulate(spiking, samples, steps=8, probes=probes, registry=registry)
    np.testing.assert_allclose(parts.scores, whole.scores, atol=1e-6)
    np.testing.assert_array_equal(parts.synaptic_operations, whole.synaptic_operations)
    np.testing.assert_allclose(parts.potentials["relu_1"], whole.potentials["relu_1"], atol=1e-5)
    for name in probes.spikes:
        np.testing.assert_array_equal(parts.spike_counts[name], whole.spike_counts[name])
        trains = [recording.spikes[name] for recording in (parts, whole)]
        first, second = (sorted(zip(train.sample, train.time, train.unit, strict=True)) for train in trains)
        assert first == second


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"steps": 0}, OptionError, "whole number of at least 1"),
        ({"steps": 2.5}, OptionError, "whole number of at least 1"),
        ({"steps": 4, "probes": ["relu_9"]}, UnknownName, "Did you mean 'relu_"),
        ({"steps": 4, "simulator": "nmpy"}, UnknownName, "Did you mean 'numpy'"),
        ({"steps": 4, "labels": [1, 2]}, DataError, "60 samples but 2 labels"),
    ],
)
def test_simulate_refuses_in_one_sentence(spiking, samples, registry, arguments, error, message: str) -> None:
    with pytest.raises(error, match=message):
        snntk.simulate(spiking, samples, registry=registry, **arguments)


def test_simulate_refuses_batches_that_do_not_fit_and_analog_networks(spiking, layers, samples, registry) -> None:
    with pytest.raises(DataError, match="takes samples of shape"):
        snntk.simulate(spiking, samples[:, :5], steps=2, registry=registry)
    with pytest.raises(DataError, match="no samples"):
        snntk.simulate(spiking, samples[:0], steps=2, registry=registry)
    with pytest.raises(snntk.SnntkError, match="Convert it first"):
        snntk.simulate(snntk.parse(layers, registry=registry), samples, steps=2, registry=registry)


def test_run_reports_and_takes_data_in_every_form(layers, samples, labels, calibration, data: Path, registry) -> None:
    results = [
        snntk.run(layers, (samples, labels), calibration=calibration, registry=registry),
        snntk.run(layers, Data(samples, labels, calibration), registry=registry),
        snntk.run(layers, data, registry=registry),
    ]
    for result in results:
        assert result.accuracy.spiking == results[0].accuracy.spiking
        assert result.accuracy.analog == 1
        assert result.accuracy.spiking[32] > 0.9
    unlabeled = snntk.run(layers, samples, calibration=calibration, steps=4, samples=10, registry=registry)
    assert unlabeled.accuracy.spiking is None
    assert unlabeled.accuracy.samples == 10
    assert set(unlabeled.accuracy.agreement) == {1, 2, 4}


def test_run_says_which_data_it_takes(layers, calibration, registry) -> None:
    with pytest.raises(DataError, match="got a int"):
        snntk.run(layers, 3, calibration=calibration, registry=registry)


def test_check_returns_every_issue_with_its_remedy(layers, registry) -> None:
    assert snntk.check(layers, registry=registry) == ()
    nodes = [Node("input", Input((4,))), Node("dense", Dense(np.eye(4)), ("input",))]
    nodes += [Node("first", Sigmoid(), ("dense",)), Node("second", Sigmoid(), ("first",))]
    issues = snntk.check(Graph(tuple(nodes)), registry=registry)
    assert [issue.node for issue in issues] == ["first", "second"]
    assert all("Replace it by a ReLU" in str(issue) for issue in issues)


def test_check_asks_the_simulator_about_a_spiking_network(spiking, registry) -> None:
    assert snntk.check(spiking, "numpy", registry=registry) == ()
    scaled = spiking.insert_after("relu_1", "scaled", Scale(np.float32(1)))
    (issue,) = snntk.check(scaled, registry=registry)
    assert (issue.node, issue.problem) == ("scaled", "Scale is not supported.")
    with pytest.raises(Incompatible, match=r"scaled \(layer 'pair 0'\): Scale"):
        snntk.simulate(scaled, np.zeros((1, 12)), steps=1, registry=registry)


def test_plugins_lists_them(registry) -> None:
    assert {info.name for info in snntk.plugins(registry=registry)} == {"toy_parser", "toy_simulator", "toy_code"}
    assert isinstance(snntk.plugins(), tuple)


def test_saved_networks_open_and_simulate_to_the_same_bit(spiking, samples, tmp_path: Path, registry) -> None:
    path = snntk.save(spiking, tmp_path / "deep" / "folder" / "net.snntk")
    again = snntk.open(path, registry=registry)
    first, second = (snntk.simulate(graph, samples, steps=9, registry=registry) for graph in (spiking, again))
    np.testing.assert_array_equal(first.scores, second.scores)
    assert snntk.save(again, tmp_path / "again.snntk").read_bytes() == path.read_bytes()
    assert snntk.check(path, registry=registry) == ()
    with pytest.raises(ArtifactError, match="is a folder"):
        snntk.save(spiking, tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactError, match=r"file/net.snntk cannot be written"):
        snntk.save(spiking, tmp_path / "file" / "net.snntk")
    with pytest.raises(ArtifactError, match=r"Did you mean 'again.snntk'\?"):
        snntk.open(tmp_path / "agian.snntk")
