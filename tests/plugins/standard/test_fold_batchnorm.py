"""fold-batchnorm: every weighted op, both directions, and what must stay."""

import numpy as np
import pytest

from snntk_core import (
    Add,
    AveragePool,
    BatchNorm,
    Concat,
    Context,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    Graph,
    Input,
    MaxPool,
    Node,
    Op,
    Relu,
    Scale,
    Subtract,
    evaluate,
)
from snntk_standard import FoldBatchnorm

RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


def batchnorm(channels: int, scale: np.ndarray | None = None) -> BatchNorm:
    variance = RNG.uniform(0.5, 2, size=channels)
    return BatchNorm(normal(channels), variance, normal(channels) if scale is None else scale, normal(channels))


def chain(shape: tuple[int, ...], *ops: Op) -> Graph:
    nodes = [Node("input", Input(shape))]
    for op in ops:
        nodes.append(Node(f"{type(op).__name__.lower()}{len(nodes)}", op, (nodes[-1].name,)))
    return Graph(tuple(nodes)).verify()


def folded(graph: Graph) -> Graph:
    after = FoldBatchnorm().apply(graph, Context()).verify()
    batch = np.random.default_rng(1).normal(size=(3, *graph.input_shape))
    np.testing.assert_allclose(evaluate(after, batch), evaluate(graph, batch), atol=1e-10)
    return after


def kinds(graph: Graph) -> list[str]:
    return [type(node.op).__name__ for node in graph.nodes[1:]]


BEFORE = {
    "dense": ((4,), Dense(normal(4, 6))),
    "conv1d": ((7, 4), Conv1D(normal(3, 4, 6), normal(6))),
    "conv2d": ((6, 6, 4), Conv2D(normal(3, 3, 4, 6), padding="same", strides=(2, 1))),
    "grouped": ((6, 6, 4), Conv2D(normal(3, 3, 2, 6), groups=2)),
    "depthwise": ((6, 6, 4), DepthwiseConv2D(normal(3, 3, 4, 1))),
    "depthwise with multiplier": ((6, 6, 4), DepthwiseConv2D(normal(3, 3, 4, 3), normal(12))),
    "transposed, as many in as out": ((4, 4, 4), ConvTranspose2D(normal(3, 3, 4, 4), normal(4), strides=(2, 2))),
    "transposed in groups": ((4, 4, 4), ConvTranspose2D(normal(3, 3, 2, 6), groups=2)),
}


@pytest.mark.parametrize("name", BEFORE)
def test_it_folds_into_every_weighted_op_before_it(name: str) -> None:
    shape, op = BEFORE[name]
    after = folded(chain(shape, op, batchnorm(op.units)))
    assert kinds(after) == [type(op).__name__]


@pytest.mark.parametrize("scale", [None, normal(6)])
@pytest.mark.parametrize("offset", [None, normal(6)])
def test_scale_and_offset_may_be_missing(scale: np.ndarray | None, offset: np.ndarray | None) -> None:
    norm = BatchNorm(normal(6), np.full(6, 0.5), scale, offset, 1e-3)
    assert kinds(folded(chain((4,), Dense(normal(4, 6)), norm))) == ["Dense"]


def test_it_passes_what_it_commutes_with() -> None:
    after = folded(chain((6, 6, 4), Conv2D(normal(3, 3, 4, 6)), AveragePool((2, 2)), Flatten(), batchnorm(24)))
    assert kinds(after)[-1] == "Scale"  # 24 different factors are not one for each of 6 channels
    after = folded(chain((6, 6, 4), Conv2D(normal(3, 3, 4, 6)), AveragePool((2, 2)), batchnorm(6)))
    assert kinds(after) == ["Conv2D", "AveragePool"]


def test_it_passes_max_pooling_only_with_positive_factors() -> None:
    for scale, expected in ((np.ones(6), ["Conv2D", "MaxPool"]), (-np.ones(6), ["Conv2D", "MaxPool", "Scale"])):
        graph = chain((6, 6, 4), Conv2D(normal(3, 3, 4, 6)), MaxPool((2, 2)), batchnorm(6, scale))
        assert kinds(folded(graph)) == expected


def test_after_an_activation_it_folds_forward_where_no_zero_is_shifted() -> None:
    ahead = [Conv2D(normal(3, 3, 4, 6)), Relu(), batchnorm(6)]
    valid = folded(chain((6, 6, 4), *ahead, Conv2D(normal(3, 3, 6, 2))))
    assert kinds(valid) == ["Conv2D", "Relu", "Conv2D"]
    padded = folded(chain((6, 6, 4), *ahead, Conv2D(normal(3, 3, 6, 2), padding="same")))
    assert kinds(padded) == ["Conv2D", "Relu", "Scale", "Conv2D"]


def test_it_folds_forward_into_all_that_read_it_or_none() -> None:
    nodes = (
        Node("input", Input((4,))),
        Node("norm", batchnorm(4), ("input",)),
        Node("left", Dense(normal(4, 3)), ("norm",)),
        Node("right", Dense(normal(4, 3)), ("norm",)),
        Node("sum", Add(), ("left", "right")),
    )
    assert kinds(folded(Graph(nodes))) == ["Dense", "Dense", "Add"]
    blocked = Graph((*nodes[:3], Node("right", Relu(), ("norm",)), Node("down", Dense(normal(4, 3)), ("right",)),
                     Node("sum", Add(), ("left", "down"))))  # fmt: skip
    assert kinds(folded(blocked)).count("Scale") == 1


def test_what_others_read_is_not_changed() -> None:
    dense = Node("dense", Dense(normal(4, 4)), ("input",))
    graph = Graph((Node("input", Input((4,))), dense, Node("norm", batchnorm(4), ("dense",)),
                   Node("sum", Add(), ("dense", "norm"))))  # fmt: skip
    assert kinds(folded(graph)) == ["Dense", "Scale", "Add"]
    two_outputs = Graph(graph.nodes[:3], ("norm", "dense"))
    assert kinds(folded(two_outputs)) == ["Dense", "Scale"]


@pytest.mark.parametrize(("join", "channels"), [(Add(), 4), (Subtract(), 4), (Concat(), 8)])
def test_it_divides_among_what_was_joined(join: Op, channels: int) -> None:
    nodes = (
        Node("input", Input((6, 6, 2))),
        Node("left", Conv2D(normal(3, 3, 2, 4)), ("input",)),
        Node("right", Conv2D(normal(5, 5, 2, 4), padding=((1, 1), (1, 1))), ("input",)),
        Node("join", join, ("left", "right")),
        Node("norm", batchnorm(channels), ("join",)),
    )
    assert kinds(folded(Graph(nodes))) == ["Conv2D", "Conv2D", type(join).__name__]
    relu = Node("relu", Relu(), ("left",))
    blocked = (*nodes[:3], relu, Node("join", join, ("relu", "right")), nodes[4])
    assert kinds(folded(Graph(blocked)))[-1] == "Scale"


def test_neighbors_merge() -> None:
    assert kinds(folded(chain((4,), batchnorm(4), batchnorm(4), Dense(normal(4, 2))))) == ["Dense"]
    assert kinds(folded(chain((4,), Relu(), batchnorm(4), batchnorm(4), Relu()))) == ["Relu", "Scale", "Relu"]


def test_the_surviving_name_is_the_weighted_op_and_its_dtype_stays() -> None:
    norm = batchnorm(3)
    graph = chain((4,), Dense(normal(4, 3).astype(np.float32)), norm)
    after = FoldBatchnorm().apply(graph, Context())
    assert after.outputs == ("dense1",)
    op = after["dense1"].op
    assert isinstance(op, Dense)
    assert op.bias is not None
    assert (op.weight.dtype, op.bias.dtype) == (np.float32, np.float32)
    assert isinstance(FoldBatchnorm().apply(chain((3,), Relu(), norm), Context()).nodes[-1].op, Scale)
