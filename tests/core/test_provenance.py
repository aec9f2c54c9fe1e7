"""What a layer of the source became is known after every edit, in a file, and in what is refused."""

from pathlib import Path

import numpy as np
import pytest

from snntk_core import Capabilities, Dense, Dropout, Flatten, Graph, Identity, Input, Issue, Node, NumberFormat, Relu
from snntk_core.artifact import load_graph, save_graph
from snntk_core.errors import UnknownName
from snntk_core.layout import channels_first, channels_last
from snntk_core.ops import Conv2D
from snntk_core.provenance import formats_lost, nodes_by_layer, traced


def network() -> Graph:
    nodes = (
        Node("input", Input((3,)), origin=("data",)),
        Node("dense", Dense(np.eye(3)), ("input",), origin=("dense",)),
        Node("dense_relu", Relu(), ("dense",), origin=("dense",)),
        Node("noise", Dropout(), ("dense_relu",), origin=("noise",)),
    )
    return Graph(nodes, layers={"data": "Input", "dense": "Dense", "noise": "Dropout", "same": "Identity"})


def test_every_layer_is_there_with_its_nodes_or_none() -> None:
    assert dict(nodes_by_layer(network())) == {
        "data": ("input",),
        "dense": ("dense", "dense_relu"),
        "noise": ("noise",),
        "same": (),
    }


def test_edits_keep_where_nodes_came_from() -> None:
    graph = network().bypass("noise").rename("dense", "weights")
    graph = graph.replace("weights", Dense(2 * np.eye(3)), origin=("scale", "dense"))
    assert graph["weights"].origin == ("dense", "scale")
    graph = graph.insert_after("dense_relu", "after", Identity()).insert_before("weights", "before", Identity())
    assert graph["after"].origin == ("dense",)
    assert graph["before"].origin == ("dense", "scale")
    graph = graph.insert_after("after", "other", Identity(), origin=("noise",))
    assert nodes_by_layer(graph)["noise"] == ("other",)
    assert nodes_by_layer(graph)["scale"] == ("before", "weights")


def test_what_the_layout_pass_writes_belongs_to_the_layer_that_asked_for_it() -> None:
    conv = channels_first("conv", Conv2D(np.ones((3, 3, 2, 4))), "input", 2)
    nodes = [Node(n.name, n.op, n.inputs, origin=("conv",)) for n in conv]
    source = Node("input", Input((2, 5, 5)), origin=("data",))
    graph = channels_last(Graph((source, *nodes), layers={"data": "Input", "conv": "Convolution"}))
    assert {node.name: node.origin for node in graph} == {
        "input": ("data",),
        "conv": ("conv",),
        "conv_transposed": ("conv",),
    }
    assert dict(graph.layers) == {"data": "Input", "conv": "Convolution"}


def test_a_file_keeps_it(tmp_path: Path) -> None:
    graph = network()
    again = load_graph(save_graph(graph, tmp_path / "net.snntk"))
    assert list(again.layers.items()) == list(graph.layers.items())
    assert [node.origin for node in again] == [node.origin for node in graph]


def test_a_file_without_it_opens(tmp_path: Path) -> None:
    plain = Graph((Node("input", Input((3,))), Node("flat", Flatten(), ("input",))))
    again = load_graph(save_graph(plain, tmp_path / "net.snntk"))
    assert not again.layers
    assert all(not node.origin for node in again)
    assert not nodes_by_layer(again)


def test_an_issue_names_the_layer_where_the_node_has_another_name() -> None:
    graph = network()
    issues = traced(graph, Capabilities(frozenset({Input, Dense})).check(graph))
    remedy = "Take it out of the model, or choose a simulator that runs it: snntk check --for NAME."
    assert [str(issue) for issue in issues] == [
        f"dense_relu (layer 'dense'): Relu is not supported. {remedy}",
        f"noise: Dropout is not supported. {remedy}",
    ]
    assert str(*traced(graph, [Issue("the network", "is odd.")])) == "the network: is odd."


def test_names_are_not_nodes() -> None:
    with pytest.raises(UnknownName, match=r"^There is no node 'same'"):
        network()["same"]


def test_a_node_that_is_not_there_is_answered_with_the_nearest_and_with_a_list_that_ends() -> None:
    many = Graph((Node("input", Input((3,))), *(Node(f"relu_{i:03}", Relu(), ("input",)) for i in range(110))))
    with pytest.raises(UnknownName) as caught:
        many["rleu_007"]
    text = str(caught.value)
    assert text.startswith("There is no node 'rleu_007'. Did you mean 'relu_007'? Known: input, relu_000, ")
    assert text.endswith("relu_098 and 11 more.")
    with pytest.raises(UnknownName, match=r"There is no node 3\. Known: input, relu_000"):
        many[3]


def test_number_formats_that_a_step_lost_are_named() -> None:
    formats = {"weight": NumberFormat(8, 1.0)}
    nodes = [Node("input", Input((3,))), Node("a", Dense(np.eye(3)), ("input",), formats)]
    graph = Graph((*nodes, Node("b", Dense(np.eye(3)), ("a",), formats), Node("c", Relu(), ("b",))))
    assert formats_lost("nothing", graph, graph.rename("c", "d")) == ""
    assert formats_lost("nothing", graph, graph.replace("a", Dense(2 * np.eye(3)), formats=formats)) == ""
    changed = graph.replace("a", Dense(2 * np.eye(3))).bypass("b")
    assert formats_lost("halve", graph, changed) == (
        "halve changed the values of a, b, which have left their number formats."
    )
