"""Quantizers applied: what is rounded, what is recorded, who has the last word."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_core import (
    ActivationQuantizer,
    ClippedRelu,
    Dense,
    FakeQuantize,
    Graph,
    Input,
    Node,
    NumberFormat,
    Op,
    QuantizedRelu,
    Relu,
    Tanh,
    WeightQuantizer,
    activations,
    evaluate,
    option,
)
from snntk_core.errors import FormatError, GraphError
from snntk_core.quantization import in_turn, quantize_activations, quantize_weights
from snntk_core.quantized_output import with_output_format
from snntk_core.testing.random_graphs import random_batch, random_graph


@dataclass(frozen=True)
class Largest(WeightQuantizer):
    """``step = max|w| / highest``; biases stay float."""

    name: ClassVar[str] = "largest"
    bits: int = option(8)

    def format_for(self, array, role, node) -> NumberFormat | None:
        return None if role == "bias" else NumberFormat.spanning(self.bits, np.abs(array).max())


@dataclass(frozen=True)
class Fixed(WeightQuantizer):
    """A grid of 1/16 for biases."""

    name: ClassVar[str] = "fixed"

    def format_for(self, array, role, node) -> NumberFormat | None:
        return NumberFormat(8, 1 / 16) if role == "bias" else None


@dataclass(frozen=True)
class Range(ActivationQuantizer):
    """The largest output gets the largest code."""

    name: ClassVar[str] = "range"
    ops: ClassVar[tuple[type[Op], ...]] = (Relu, ClippedRelu, QuantizedRelu, Tanh)
    bits: int = option(8)
    signed: bool = option(False)

    def format_for(self, statistics, node) -> NumberFormat | None:
        return NumberFormat.spanning(self.bits, statistics.maximum.max(), signed=self.signed)


@pytest.fixture
def graph() -> Graph:
    rng = np.random.default_rng(0)

    def dense(*shape: int) -> Dense:
        return Dense(rng.normal(size=shape).astype(np.float32), rng.normal(size=shape[-1]).astype(np.float32))

    nodes = (
        Node("in", Input((5,))),
        Node("one", dense(5, 6), "in"),
        Node("relu", Relu(), "one"),
        Node("two", dense(6, 6), "relu"),
        Node("relu6", ClippedRelu(), "two"),
        Node("three", dense(6, 4), "relu6"),
        Node("tanh", Tanh(), "three"),
    )
    return Graph(nodes).verify()


@pytest.fixture
def batch() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(64, 5)).astype(np.float32) * 2


def test_what_a_quantizer_leaves_alone_stays(graph: Graph) -> None:
    found = quantize_weights(graph, Largest(4), "t*")
    assert found["one"].op is graph["one"].op
    assert {key: fmt.bits for key, fmt in found["two"].formats.items()} == {"weight": 4}
    np.testing.assert_array_equal(found["two"].op.bias, graph["two"].op.bias)
    assert found["two"].formats["weight"].quantizer == "largest(bits=4)"
    assert quantize_weights(graph, Largest(), "nothing*") is graph


def test_the_last_step_that_gives_a_format_has_the_last_word(graph: Graph, batch: np.ndarray) -> None:
    pairs = [(Largest(8), "*"), (Largest(2), "two"), (Fixed(), "*"), (Range(8), "*"), (Range(3), "relu6")]
    found = graph
    for step in in_turn(pairs):
        found = step.apply(found, batch)
    assert [found[name].formats["weight"].bits for name in ("one", "two", "three")] == [8, 2, 8]
    assert all(found[name].formats["bias"].bits == 8 for name in ("one", "two", "three"))
    direct = quantize_weights(graph, Largest(2), "two")
    np.testing.assert_array_equal(found["two"].op.weight, direct["two"].op.weight)
    assert found["relu6"].formats["output"].bits == 3
    assert found["relu6"].op.levels == 7


def test_outputs_are_on_their_grids(graph: Graph, batch: np.ndarray) -> None:
    found = quantize_activations(graph, Range(4, signed=True), batch)
    kept = {node.name: node.formats["output"] for node in found if "output" in node.formats}
    assert list(kept) == ["relu", "relu6", "tanh_rounded"]
    assert isinstance(found["relu"].op, QuantizedRelu)
    assert isinstance(found["tanh_rounded"].op, FakeQuantize)
    assert found.outputs == ("tanh_rounded",)
    for name, values in activations(found, batch, kept).items():
        assert kept[name].honored_by(values)


def test_a_fake_quantization_is_changed_by_the_next(graph: Graph, batch: np.ndarray) -> None:
    once = quantize_activations(graph, Range(8, signed=True), batch, "tanh")
    twice = quantize_activations(once, Range(3, signed=True), batch, "tanh")
    assert len(twice) == len(once)
    assert twice["tanh_rounded"].op.highest == 3


def test_a_bound_below_the_range_takes_levels_away(graph: Graph) -> None:
    found = with_output_format(graph, "relu6", NumberFormat(8, 0.5, signed=False))
    assert found["relu6"].op.levels == 12
    channels = replace(graph["relu6"].op, upper=np.linspace(1, 6, 6, dtype=np.float32))
    found = with_output_format(graph.replace("relu6", channels), "relu6", NumberFormat(8, 0.5, signed=False))
    assert isinstance(found["relu6_rounded"].op, FakeQuantize)


@settings(deadline=None)
@given(seed=st.integers(0, 300), bits=st.integers(1, 8))
def test_rounding_after_an_activation_is_a_quantized_activation(seed: int, bits: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, spiking_friendly=True)
    batch = random_batch(rng, graph)
    names = [node.name for node in graph if isinstance(node.op, Relu | ClippedRelu)]
    values = activations(graph, batch, names)
    for name in names:
        kept = NumberFormat.spanning(bits, float(rng.uniform(0.5, 3)), signed=False)
        found = with_output_format(graph, name, kept)
        new = name if "output" in found[name].formats else f"{name}_rounded"
        rounded, codes = evaluate(found, batch, new), values[name] / kept.scale
        clear = np.abs(codes - np.floor(codes) - 0.5) > 1e-4  # a format takes what is nearly a tie for one
        np.testing.assert_allclose(rounded[clear], kept.round(values[name])[clear], rtol=1e-6)


def test_without_samples_a_quantizer_that_needs_them_is_refused(graph: Graph) -> None:
    with pytest.raises(FormatError, match="range needs calibration samples"):
        quantize_activations(graph, Range(), None)


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        (NumberFormat(1, 1.0), "one signed bit, which has no zero"),
        (NumberFormat(8, np.ones(5), axis=-1), "5 along axis -1"),
        (NumberFormat(8, np.ones(6), axis=1), "6 along axis 1"),
    ],
)
def test_an_output_format_that_cannot_be_is_refused(graph: Graph, kept: NumberFormat, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        with_output_format(graph, "relu", kept)


def test_a_format_that_the_op_does_not_keep_is_no_valid_graph(graph: Graph) -> None:
    found = with_output_format(graph, "relu", NumberFormat(4, 0.5, signed=False))
    node = found["relu"]
    wrong = replace(found, nodes=tuple(replace(n, op=QuantizedRelu(0.25)) if n is node else n for n in found))
    with pytest.raises(GraphError, match="relu: its output is not in the 4-bit format"):
        wrong.verify()
