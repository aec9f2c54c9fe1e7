"""What each node of a file became: itself, part of another, or no node of its own."""

import json

import numpy as np

from snntk_core.provenance import nodes_by_layer
from snntk_onnx import OnnxParser

WEIGHTS = {"w": np.eye(4, dtype=np.float32), "b": np.ones(4, np.float32)}
NODES = [
    ("MatMul", ["x", "w"], ["product"], {}),
    ("Add", ["product", "b"], ["sum"], {}),
    ("Relu", ["sum"], ["y"], {}),
]


def test_merged_nodes_share_one(load_small):
    graph = load_small(NODES, (4,), 13, WEIGHTS)
    assert nodes_by_layer(graph) == {"x": ("x",), "MatMul0": ("MatMul0",), "Add1": ("MatMul0",), "Relu2": ("Relu2",)}
    assert graph.layers["Add1"] == "Add"


def test_what_the_layout_pass_takes_out_is_listed_without_a_node(load_small):
    turns = [("Transpose", [reads], [gives], {"perm": [0, 2, 1]}) for reads, gives in (("x", "a"), ("b", "y"))]
    graph = load_small([turns[0], ("Relu", ["a"], ["b"], {}), turns[1]], (3, 5), 13)
    assert nodes_by_layer(graph) == {"x": ("x",), "Transpose0": (), "Relu1": ("Relu1",), "Transpose2": ()}


def test_constants_are_no_layers(load_small):
    nodes = [("Neg", ["b"], ["minus"], {}), ("Add", ["x", "minus"], ["y"], {})]
    graph = load_small(nodes, (4,), 13, {"b": WEIGHTS["b"]})
    assert list(graph.layers) == ["x", "Add1"]


def named(model, entries, layers):
    model.metadata_props.add(key="snntk.layers", value=layers)
    for node, said in zip(model.graph.node, entries, strict=True):
        node.metadata_props.add(key="snntk.layers", value=said)
    return OnnxParser().parse(OnnxParser().load(model))


def test_a_file_may_say_which_layers_it_was_made_of(small):
    layers = {"x": "Input", "ip1": "InnerProduct", "drop": "Dropout", "relu1": "ReLU"}
    entries = [json.dumps(names) for names in (["ip1"], ["ip1"], ["relu1"])]
    graph = named(small(NODES, (4,), 13, WEIGHTS), entries, json.dumps(layers))
    assert list(graph.layers.items()) == list(layers.items())
    assert nodes_by_layer(graph) == {"x": ("x",), "ip1": ("MatMul0",), "drop": (), "relu1": ("Relu2",)}


def test_what_is_said_badly_is_as_good_as_unsaid(small):
    plain = OnnxParser().parse(OnnxParser().load(small(NODES, (4,), 13, WEIGHTS)))
    for wrong in ("{", "[" * 100_000, "[1, null]", '{"a": 1}', '"text"', "7"):
        graph = named(small(NODES, (4,), 13, WEIGHTS), [wrong] * 3, wrong)
        assert graph.layers == plain.layers
        assert nodes_by_layer(graph) == nodes_by_layer(plain)
