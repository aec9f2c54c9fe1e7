"""drop-dropout: nothing that does nothing is left."""

import numpy as np

from snntk_core import Add, Context, Dense, Dropout, Graph, Identity, Input, Node
from snntk_standard import DropDropout


def test_dropout_and_identity_go_and_their_readers_read_what_they_read() -> None:
    nodes = (
        Node("input", Input((2,))),
        Node("drop", Dropout(), ("input",)),
        Node("same", Identity(), ("drop",)),
        Node("dense", Dense(np.eye(2)), ("same",)),
        Node("sum", Add(), ("dense", "drop")),
        Node("end", Dropout(), ("sum",)),
    )
    after = DropDropout().apply(Graph(nodes), Context()).verify()
    assert [node.name for node in after] == ["input", "dense", "sum"]
    assert after["sum"].inputs == ("dense", "input")
    assert after.outputs == ("sum",)


def test_a_graph_without_them_is_returned_itself() -> None:
    graph = Graph((Node("input", Input((2,))),))
    assert DropDropout().apply(graph, Context()) is graph
