"""softmax-to-readout: every output ends with a Readout, linked by its last nonlinearity."""

import numpy as np
import pytest

from snntk_core import (
    Add,
    Context,
    Dense,
    Flatten,
    Graph,
    Identity,
    Input,
    LogSoftmax,
    Node,
    Op,
    Readout,
    Relu,
    Reshape,
    Sigmoid,
    Softmax,
    Tanh,
    evaluate,
)
from snntk_standard import SoftmaxToReadout

RNG = np.random.default_rng(0)


def rewritten(graph: Graph) -> Graph:
    after = SoftmaxToReadout().apply(graph.verify(), Context()).verify()
    batch = RNG.normal(size=(3, *graph.input_shape))
    for old, new in zip(graph.outputs, after.outputs, strict=True):
        np.testing.assert_allclose(evaluate(after, batch, new), evaluate(graph, batch, old), atol=1e-12)
        assert isinstance(after[new].op, Readout)
    assert str(SoftmaxToReadout().apply(after, Context())) == str(after)
    return after


def chain(shape: tuple[int, ...], *ops: Op) -> Graph:
    nodes = [Node("input", Input(shape))]
    for op in ops:
        nodes.append(Node(f"node{len(nodes)}", op, (nodes[-1].name,)))
    return Graph(tuple(nodes))


def links(graph: Graph) -> list[str]:
    return [node.op.link for node in graph if isinstance(node.op, Readout)]


@pytest.mark.parametrize(
    ("op", "link"),
    [(Softmax(), "softmax"), (Softmax(0), "softmax"), (LogSoftmax(), "log-softmax"), (Sigmoid(), "sigmoid"),
     (Tanh(), "tanh")],
)  # fmt: skip
def test_the_last_nonlinearity_becomes_the_link_under_its_name(op: Op, link: str) -> None:
    after = rewritten(chain((4,), Dense(RNG.normal(size=(4, 3))), op))
    assert [node.name for node in after] == ["input", "node1", "node2"]
    assert links(after) == [link]


def test_an_output_without_one_gets_the_identity() -> None:
    after = rewritten(chain((4,), Relu()))
    assert after.outputs == ("node1_readout",)
    assert links(after) == ["identity"]


def test_axes_of_length_one_do_not_hide_it() -> None:
    after = rewritten(chain((1, 1, 4), Softmax(), Flatten(), Identity()))
    assert links(after) == ["softmax"]
    assert not any(isinstance(node.op, Softmax) for node in after)


def test_a_softmax_over_something_else_stays() -> None:
    for ops in ((Softmax(0),), (Softmax(), Flatten()), (Softmax(), Reshape((4, 3)))):
        assert links(rewritten(chain((3, 4), *ops))) == ["identity"]


def test_several_outputs_are_each_ended_and_what_others_read_stays() -> None:
    nodes = (
        Node("input", Input((4,))),
        Node("gate", Sigmoid(), ("input",)),
        Node("sum", Add(), ("gate", "input")),
        Node("soft", Softmax(), ("sum",)),
    )
    after = rewritten(Graph(nodes, ("soft", "gate", "sum")))
    assert after.outputs == ("soft", "gate_readout", "sum_readout")
    assert links(after) == ["softmax", "identity", "identity"]
    assert after["sum"].inputs == ("gate", "input")
