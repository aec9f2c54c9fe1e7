"""fold-constant-scale: constants go into weights wherever that is exact, and nowhere else."""

import numpy as np
import pytest

from snntk_core import (
    Add,
    AveragePool,
    Context,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool,
    Graph,
    Input,
    MaxPool,
    Node,
    NumberFormat,
    Op,
    Pad,
    Relu,
    Reshape,
    Scale,
    Transpose,
    Upsample,
    evaluate,
)
from snntk_standard import FoldConstantScale

RNG = np.random.default_rng(0)
SHAPE = (6, 6, 4)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


def conv(padding: str = "valid") -> Conv2D:
    return Conv2D(normal(3, 3, 4, 4), normal(4), padding=padding)


def scale(*shape: int, offset: bool = True) -> Scale:
    return Scale(RNG.uniform(0.5, 2, size=shape), normal(*shape) if offset else None)


def left(*ops: Op, shape: tuple[int, ...] = SHAPE) -> list[str]:
    """Return the names of the op classes that are left, after proving that the output is the same."""
    nodes = [Node("input", Input(shape))]
    for op in ops:
        nodes.append(Node(f"node{len(nodes)}", op, (nodes[-1].name,)))
    graph = Graph(tuple(nodes)).verify()
    after = FoldConstantScale().apply(graph, Context()).verify()
    batch = RNG.normal(size=(2, *shape))
    np.testing.assert_allclose(evaluate(after, batch), evaluate(graph, batch), atol=1e-10)
    return [type(node.op).__name__ for node in after.nodes[1:]]


@pytest.mark.parametrize("shape", [(), (4,), (1, 1, 4)])
def test_a_scale_after_a_weighted_op_goes_into_it(shape: tuple[int, ...]) -> None:
    assert left(conv("same"), scale(*shape)) == ["Conv2D"]
    assert left(DepthwiseConv2D(normal(3, 3, 4, 1)), scale(*shape)) == ["DepthwiseConv2D"]


def test_an_array_that_is_the_same_everywhere_counts_as_constant_over_space() -> None:
    assert left(conv("same"), Scale(np.full((6, 6, 1), 2.0))) == ["Conv2D"]
    assert left(conv("same"), scale(6, 6, 1)) == ["Conv2D", "Scale"]


def test_a_mean_image_becomes_the_bias_of_a_dense() -> None:
    assert left(scale(*SHAPE), Flatten(), Dense(normal(144, 3))) == ["Flatten", "Dense"]
    moved = left(scale(*SHAPE), Transpose((2, 0, 1)), Reshape((4, 36)), Flatten(), Dense(normal(144, 3)))
    assert moved == ["Transpose", "Reshape", "Flatten", "Dense"]


def test_an_image_that_varies_over_space_stays_before_a_convolution() -> None:
    assert left(scale(*SHAPE), conv()) == ["Scale", "Conv2D"]


def test_a_shift_stays_before_zero_padding_and_a_factor_does_not() -> None:
    assert left(scale(4), conv("same")) == ["Scale", "Conv2D"]
    assert left(scale(4), conv()) == ["Conv2D"]
    assert left(scale(4, offset=False), conv("same")) == ["Conv2D"]
    assert left(scale(4), Pad(((1, 1), (1, 1), (0, 0))), conv()) == ["Scale", "Pad", "Conv2D"]
    assert left(scale(4, offset=False), Pad(((1, 1), (1, 1), (0, 0))), conv()) == ["Pad", "Conv2D"]


@pytest.mark.parametrize("pool", [AveragePool((2, 2)), MaxPool((2, 2)), Upsample((2, 2)), GlobalAveragePool(True)])
def test_it_passes_what_commutes_with_it_in_both_directions(pool: Op) -> None:
    name = type(pool).__name__
    assert left(conv(), pool, scale(4)) == ["Conv2D", name]
    assert left(scale(4), pool, Conv2D(normal(1, 1, 4, 2))) == [name, "Conv2D"]


def test_padding_that_counts_in_the_mean_stops_a_shift() -> None:
    pool = AveragePool((2, 2), padding="same", strides=(1, 1), count_include_pad=True)
    assert left(conv(), pool, scale(4)) == ["Conv2D", "AveragePool", "Scale"]
    assert left(conv(), pool, scale(4, offset=False)) == ["Conv2D", "AveragePool"]


def test_a_negative_factor_does_not_pass_max_pooling() -> None:
    assert left(conv(), MaxPool((2, 2)), Scale(np.float64(-1))) == ["Conv2D", "MaxPool", "Scale"]


def test_neighbors_merge_and_what_does_nothing_goes() -> None:
    assert left(Relu(), scale(4), scale(6, 6, 1), Relu()) == ["Relu", "Scale", "Relu"]
    assert left(Relu(), Scale(np.ones(4), np.zeros(())), Relu()) == ["Relu", "Relu"]
    assert left(Relu(), scale(4), Flatten(), scale(), Relu()) == ["Relu", "Flatten", "Scale", "Relu"]


def test_what_others_read_is_not_changed() -> None:
    nodes = (
        Node("input", Input((4,))),
        Node("dense", Dense(normal(4, 4)), ("input",)),
        Node("scale", scale(4), ("dense",)),
        Node("relu", Relu(), ("scale",)),
        Node("sum", Add(), ("relu", "dense")),
    )
    graph = Graph(nodes)
    assert FoldConstantScale().apply(graph, Context()) is graph


def test_formats_go_where_values_change() -> None:
    wanted = {"output": NumberFormat(8, 0.1)}
    nodes = (
        Node("input", Input((4, 4, 2))),
        Node("conv", Conv2D(np.ones((1, 1, 2, 2))), ("input",), {"weight": NumberFormat(8, 1.0)}),
        Node("pool", AveragePool((2, 2)), ("conv",), wanted),
        Node("scale", Scale(np.float64(0.3)), ("pool",)),
        Node("relu", Relu(), ("scale",), wanted),
    )
    after = FoldConstantScale().apply(Graph(nodes), Context()).verify()
    assert [len(node.formats) for node in after] == [0, 0, 0, 1]
