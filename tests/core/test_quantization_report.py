"""What quantizing did to each layer, against the definitions."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from snntk_core import Dense, Graph, Input, Node, NumberFormat, Relu, Tanh, evaluate
from snntk_core.quantization_report import quantization_report
from snntk_core.quantized_output import with_output_format


@pytest.fixture
def graph() -> Graph:
    weight = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    nodes = (
        Node("in", Input((4,))),
        Node("dense", Dense(weight, np.float32([0, 1, 2])), "in"),
        Node("relu", Relu(), "dense"),
        Node("tanh", Tanh(), "relu"),
    )
    return Graph(nodes).verify()


def test_every_array_has_a_row(graph: Graph) -> None:
    weight, bias = NumberFormat(4, np.float32([0.1, 0.2, 0.1]), -1), NumberFormat(4, 1.0)
    arrays = Dense(weight.round(graph["dense"].op.weight), graph["dense"].op.bias)
    after = graph.replace("dense", arrays, formats={"weight": weight, "bias": bias})
    after = with_output_format(after, "relu", NumberFormat(3, 0.25, signed=False))
    after = with_output_format(after, "tanh", NumberFormat(6, 0.05))
    batch = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    rows = {(row.layer, row.role): row for row in quantization_report(graph, after, batch)}
    assert list(rows) == [("dense", "weight"), ("dense", "bias"), ("relu", "output"), ("tanh", "output")]

    before = graph["dense"].op.weight.astype(np.float64)
    row = rows["dense", "weight"]
    assert row.bits == 4
    assert row.scale == pytest.approx((0.1, 0.2))
    assert row.saturation == pytest.approx((np.abs(before) > 7.5 * np.float32([0.1, 0.2, 0.1])).mean())
    noise = np.square(before - arrays.weight).sum()
    assert row.signal_to_noise == pytest.approx(10 * np.log10(np.square(before).sum() / noise))
    assert rows["dense", "bias"].signal_to_noise == inf

    for layer, rounded, top in (("relu", "relu", 1.875), ("tanh", "tanh_rounded", 1.575)):
        values = evaluate(graph, batch, layer).astype(np.float64)
        noise = np.square(values - evaluate(after, batch, rounded)).sum()
        assert rows[layer, "output"].saturation == pytest.approx((values > top).mean())
        assert rows[layer, "output"].signal_to_noise == pytest.approx(10 * np.log10(np.square(values).sum() / noise))


def test_without_samples_nothing_is_known_of_outputs(graph: Graph) -> None:
    (row,) = quantization_report(graph, with_output_format(graph, "relu", NumberFormat(3, 0.25, signed=False)))
    assert (row.bits, row.saturation, row.signal_to_noise) == (3, None, None)
