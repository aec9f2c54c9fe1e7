"""The formats of a network as data: applied again they give the same network, and what does not fit is named."""

from __future__ import annotations

import json
import tomllib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_core import Dense, Graph, Input, Node, NumberFormat, Relu, Tanh, evaluate
from snntk_core.errors import FormatError
from snntk_core.format_table import as_toml, format_table, others, with_formats
from snntk_core.quantized_output import with_output_format


def network(name: str = "dense") -> Graph:
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(4, 3)).astype(np.float32), rng.normal(size=3).astype(np.float32)
    nodes = (
        Node("in", Input((4,))),
        Node(name, Dense(weight, bias), "in"),
        Node("relu", Relu(), name),
        Node("tanh", Tanh(), "relu"),
    )
    return Graph(nodes).verify()


def quantized(graph: Graph, name: str = "dense", step: float = 0.1) -> Graph:
    op = graph[name].op
    formats = {
        "weight": NumberFormat.spanning(4, np.abs(op.weight).max(axis=0), axis=-1),
        "bias": NumberFormat(8, step, full_range=True, quantizer="mine"),
    }
    arrays = {role: found.round(op.arrays[role]) for role, found in formats.items()}
    graph = graph.replace(name, Dense(**arrays), formats=formats)
    graph = with_output_format(graph, "relu", NumberFormat(3, np.float32([step, 1, 2]), -1, signed=False), "half-down")
    return with_output_format(graph, "tanh", NumberFormat(5, step))


@settings(deadline=None)
@given(name=st.text(min_size=1).filter(lambda t: t not in ("in", "relu", "tanh") and t.isprintable()))
def test_a_table_applied_to_the_float_network_gives_the_quantized_one(name: str) -> None:
    graph = network(name)
    found = quantized(graph, name, 0.3)
    table = format_table(found, ("fold-batchnorm",))
    batch = np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32)
    for read in (tomllib.loads(as_toml(table)), json.loads(json.dumps(table))):
        again = with_formats(graph, read)
        assert str(again) == str(found)
        for node in found:
            for role, array in node.op.arrays.items():
                np.testing.assert_array_equal(again[node.name].op.arrays[role], array)
        np.testing.assert_array_equal(evaluate(again, batch), evaluate(found, batch))
        assert format_table(again, ("fold-batchnorm",)) == table


def test_everything_that_does_not_fit_is_named_at_once() -> None:
    table = format_table(quantized(network()))
    table["layers"]["dens"] = {"weight": {"bits": 8, "scale": 1.0, "signed": True}}
    table["layers"]["relu"] = {"weight": {"bits": 8, "scale": 1.0, "signed": True}}
    table["layers"]["dense"]["weight"]["scale"] = [1.0, 2.0]
    table["layers"]["dense"]["bias"]["bits"] = "many"
    with pytest.raises(FormatError) as refusal:
        with_formats(network(), table)
    for words in (
        "there is no layer 'dens'. Did you mean 'dense'?",
        "relu, weight: it is a Relu without a weight",
        "dense, weight: 2 steps along axis -1 do not fit the shape (4, 3)",
        "dense, bias: bits must be a whole number",
    ):
        assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "version is missing"),
        ({"version": 2, "layers": {}}, "has version 2"),
        ({"version": 1, "layers": {"dense": {"weights": {}}}}, "dense has formats for weights"),
        ({"version": 1, "layers": [1]}, "layers must be"),
        ({"version": 1, "layers": {"dense": {"weight": {"bits": 8}}}}, "scale is missing"),
        ({"version": 1, "layers": {"dense": {"weight": {"bits": 99, "scale": 1.0, "signed": True}}}}, "1 to 32 bits"),
        ({"version": 1, "layers": {"dense": {"weight": {"bits": 8, "scale": -1.0, "signed": True}}}}, "above zero"),
    ],
)
def test_what_is_no_table_is_refused(table: dict, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        with_formats(network(), table)


def test_checksums_tell_which_layers_have_other_weights() -> None:
    graph = network()
    found = quantized(graph)
    table = format_table(found)
    assert others(found, table) == ()
    code = found["dense"].op.weight.copy()
    code[0, 0] += found["dense"].formats["weight"].scale.reshape(-1)[0]
    moved = found.replace("dense", Dense(code, found["dense"].op.bias), formats=found["dense"].formats)
    assert others(moved, table) == others(with_formats(graph, table), format_table(moved)) == ("dense",)
    assert others(moved, {**table, "checksums": {"gone": "0"}}) == ()
    without = {key: table[key] for key in ("version", "layers")}
    assert others(with_formats(graph, without), without) == ()
    with pytest.raises(FormatError, match="checksums"):
        with_formats(graph, {**table, "checksums": {"dense": 3}})
