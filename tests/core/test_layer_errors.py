"""The errors of each layer, alone and piled up, channel by channel."""

from __future__ import annotations

import numpy as np
import pytest

from snntk_core import Dense, Graph, Input, LeakyRelu, Node, NumberFormat, Relu, evaluate
from snntk_core.errors import FormatError
from snntk_core.layer_errors import layer_errors
from snntk_core.quantized_output import with_output_format

RNG = np.random.default_rng(0)
SAMPLES = RNG.normal(size=(300, 4))
WEIGHTS = RNG.normal(size=(4, 5)), RNG.normal(size=(5, 3))


def network(*weights: np.ndarray) -> Graph:
    return Graph(
        (
            Node("input", Input((4,))),
            Node("first", Dense(weights[0]), ("input",)),
            Node("relu", Relu(), ("first",)),
            Node("second", Dense(weights[1]), ("relu",)),
            Node("leaky", LeakyRelu(0.5), ("second",)),
        )
    ).verify()


@pytest.fixture
def before() -> Graph:
    return network(*WEIGHTS)


@pytest.fixture
def after(before: Graph) -> Graph:
    found = NumberFormat(3, np.float32(0.25))
    graph = before
    for name in ("first", "second"):
        graph = graph.replace(name, Dense(found.round(before[name].op.weight)), formats={"weight": found})
    graph = with_output_format(graph, "relu", NumberFormat(2, np.float32(0.5), signed=False))
    return with_output_format(graph, "leaky", NumberFormat(4, np.float32(0.25))).verify()


def test_each_layer_alone_and_with_all_before_it(before: Graph, after: Graph) -> None:
    rows = layer_errors(before, after, SAMPLES)
    assert [(row.layer, row.kind) for row in rows] == [
        ("first", "Dense"), ("relu", "QuantizedRelu"), ("second", "Dense"), ("leaky", "FakeQuantize"),
    ]  # fmt: skip
    found, read = evaluate(after, SAMPLES, "second"), evaluate(after, SAMPLES, "relu")
    alone, should = read @ WEIGHTS[1], evaluate(before, SAMPLES, "second")
    for errors, expected in ((rows[2].single, alone), (rows[2].cumulative, should)):
        np.testing.assert_allclose(errors.squared_error, ((found - expected) ** 2).mean(axis=0))
        np.testing.assert_allclose(errors.signal, (expected**2).mean(axis=0))
        smape = np.abs(found - expected) / np.maximum(np.abs(found) + np.abs(expected), 1e-30)
        np.testing.assert_allclose(errors.smape, smape.mean(axis=0))
        ratio = 10 * np.log10((expected**2).sum() / ((found - expected) ** 2).sum())
        assert errors.signal_to_noise == pytest.approx(ratio)


def test_saturation_counts_what_lies_beyond_the_largest_code(before: Graph, after: Graph) -> None:
    rows = {row.layer: row for row in layer_errors(before, after, SAMPLES)}
    current = evaluate(after, SAMPLES, "first")
    np.testing.assert_allclose(rows["relu"].saturation, (current > 1.75).mean(axis=0))
    rounded = evaluate(after, SAMPLES, "leaky")
    np.testing.assert_allclose(rows["leaky"].saturation, (np.abs(rounded) > 7.5 * 0.25).mean(axis=0))
    assert rows["first"].saturation is None


def test_what_did_not_move_has_no_error(before: Graph) -> None:
    found = NumberFormat(8, np.float32(1.0))
    same = before.replace("first", before["first"].op, formats={"weight": found})
    (row,) = layer_errors(before, same, SAMPLES)
    assert row.single.signal_to_noise == row.cumulative.signal_to_noise == float("inf")
    assert not row.single.smape.any()


def test_a_network_without_formats_is_refused(before: Graph) -> None:
    with pytest.raises(FormatError, match="No layer of the float network is quantized"):
        layer_errors(before, before, SAMPLES)
