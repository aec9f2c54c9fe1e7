"""fuse-consecutive-linear: two weighted ops become one, as a kernel where one can hold both, else as a matrix."""

import numpy as np
import pytest

from snntk_core import (
    Add,
    AveragePool,
    Context,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Graph,
    Input,
    Node,
    Op,
    Pad,
    Relu,
    Reshape,
    Scale,
    Upsample,
    evaluate,
)
from snntk_standard import FuseConsecutiveLinear

RNG = np.random.default_rng(0)
SHAPE = (6, 7, 4)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


def fused(*ops: Op, shape: tuple[int, ...] = SHAPE, **options: int) -> list[Op]:
    """Return the ops that are left, after proving that the output is the same."""
    nodes = [Node("input", Input(shape))]
    for op in ops:
        nodes.append(Node(f"node{len(nodes)}", op, (nodes[-1].name,)))
    graph = Graph(tuple(nodes)).verify()
    after = FuseConsecutiveLinear(**options).apply(graph, Context()).verify()
    batch = RNG.normal(size=(2, *shape))
    np.testing.assert_allclose(evaluate(after, batch), evaluate(graph, batch), atol=1e-10)
    return [node.op for node in after.nodes[1:]]


def kinds(ops: list[Op]) -> list[type[Op]]:
    return [type(op) for op in ops]


POINTWISE = Conv2D(normal(1, 1, 6, 5), normal(5))
PAIRS = {
    "separable": (DepthwiseConv2D(normal(3, 3, 4, 1), normal(4), padding="same"), Conv2D(normal(1, 1, 4, 5)), Conv2D),
    "separable, multiplier 2": (DepthwiseConv2D(normal(3, 2, 4, 2)), Conv2D(normal(1, 1, 8, 5), normal(5)), Conv2D),
    "strides add up": (Conv2D(normal(3, 3, 4, 6), strides=(2, 1), padding="same"),
                       Conv2D(normal(1, 1, 6, 5), strides=(2, 2)), Conv2D),
    "groups": (Conv2D(normal(3, 3, 2, 6), dilation=(2, 1), groups=2), Conv2D(normal(1, 1, 3, 4), groups=2), Conv2D),
    "conv, dense on the map": (Conv2D(normal(3, 3, 4, 6), normal(6)), Dense(normal(6, 5), normal(5)), Conv2D),
    "pointwise first": (Conv2D(normal(1, 1, 4, 6), normal(6)), Conv2D(normal(3, 3, 6, 5), strides=(2, 2)), Conv2D),
    "pointwise before padding": (Conv2D(normal(1, 1, 4, 6)), Conv2D(normal(3, 3, 6, 5), padding="same"), Conv2D),
    "dense on the map first": (Dense(normal(4, 6), normal(6)), DepthwiseConv2D(normal(2, 2, 6, 2)), Conv2D),
    "pointwise before transposed": (Conv2D(normal(1, 1, 4, 6)), ConvTranspose2D(normal(3, 3, 3, 4), groups=2),
                                    ConvTranspose2D),
    "transposed, pointwise": (ConvTranspose2D(normal(3, 3, 4, 6), normal(6), (2, 2)), POINTWISE, ConvTranspose2D),
    "dense, dense on the map": (Dense(normal(4, 6), normal(6)), Dense(normal(6, 5), normal(5)), Dense),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_a_pair_with_a_pointwise_op_is_one_kernel(name: str) -> None:
    first, second, expected = PAIRS[name]
    assert kinds(fused(first, second)) == [expected]


KERNELS = {
    "two valid ones": (Conv2D(normal(3, 3, 4, 6), normal(6)), Conv2D(normal(2, 3, 6, 5), normal(5)), (4, 5)),
    "the first padded": (Conv2D(normal(3, 3, 4, 6), padding="same"), Conv2D(normal(3, 3, 6, 5)), (5, 5)),
    "strides": (Conv2D(normal(3, 2, 4, 6), strides=(2, 1)), Conv2D(normal(2, 2, 6, 5), strides=(1, 3)), (5, 3)),
    "dilation that stays": (Conv2D(normal(3, 1, 4, 6), dilation=(2, 1)), Conv2D(normal(1, 1, 6, 5)), (3, 1)),
    "dilation of the second": (Conv2D(normal(1, 1, 4, 6)), Conv2D(normal(3, 2, 6, 5), dilation=(2, 3)), (3, 2)),
    "patches, padded": (Conv2D(normal(2, 7, 4, 6), strides=(2, 7)), Conv2D(normal(3, 1, 6, 5), padding="same"), (6, 7)),
}


@pytest.mark.parametrize("name", KERNELS)
def test_two_kernels_are_one_larger_kernel(name: str) -> None:
    first, second, size = KERNELS[name]
    (op,) = fused(first, second)
    assert isinstance(op, Conv2D)
    assert op.weight.shape[:2] == size


def test_a_bias_that_padding_keeps_from_the_border_becomes_a_map_to_add() -> None:
    expand = Conv2D(normal(1, 1, 4, 6), normal(6))
    assert kinds(fused(expand, DepthwiseConv2D(normal(3, 3, 6, 1), normal(6), padding="same"))) == [Conv2D, Scale]
    assert kinds(fused(expand, ConvTranspose2D(normal(3, 3, 6, 5), normal(5)))) == [ConvTranspose2D, Scale]


def test_it_works_on_vectors_and_sequences() -> None:
    assert kinds(fused(Dense(normal(4, 6)), Dense(normal(6, 5), normal(5)), Dense(normal(5, 2)), shape=(4,))) == [Dense]
    assert kinds(fused(Conv1D(normal(3, 4, 6)), Conv1D(normal(1, 6, 5)), shape=(9, 4))) == [Conv1D]


def test_a_pointwise_op_goes_before_averages() -> None:
    conv, scores = Conv2D(normal(3, 3, 4, 6), normal(6)), Dense(normal(6, 3), normal(3))
    assert kinds(fused(conv, GlobalAveragePool(), scores)) == [Conv2D, GlobalAveragePool]
    ops = fused(conv, AveragePool((2, 2)), Upsample((2, 1)), AveragePool((4, 2)), Flatten(), scores)
    assert kinds(ops) == [Conv2D, AveragePool, Upsample, AveragePool, Flatten]
    counted = AveragePool((3, 3), (1, 1), "same", count_include_pad=True)
    assert kinds(fused(conv, counted, Conv2D(normal(1, 1, 6, 3), normal(3))))[:2] == [Flatten, Dense]
    assert kinds(fused(conv, counted, Conv2D(normal(1, 1, 6, 3)))) == [Conv2D, AveragePool]


def test_anything_linear_between_becomes_one_dense_on_the_flattened_input() -> None:
    conv = Conv2D(normal(3, 3, 4, 6), normal(6))
    between = (AveragePool((2, 2)), Dropout(), Scale(normal(6), normal(6)), Pad(((0, 1), (1, 0), (0, 0)), 0.5))
    ops = fused(conv, *between, Flatten(), Dense(normal(6 * 3 * 3, 3), normal(3)))
    assert kinds(ops) == [Flatten, Dense]
    padded = Conv2D(normal(3, 3, 6, 5), normal(5), padding="same")
    assert kinds(fused(conv, padded)) == [Flatten, Dense, Reshape]


def test_a_matrix_that_would_be_too_large_is_not_made() -> None:
    pair = Conv2D(normal(3, 3, 4, 6)), Conv2D(normal(3, 3, 6, 5), padding="same")
    assert kinds(fused(*pair, largest_dense=100)) == [Conv2D, Conv2D]


def test_a_zero_weight_stays_exactly_zero_in_the_matrix() -> None:
    conv = Conv2D(normal(2, 2, 1, 3), normal(3))
    ops = fused(conv, AveragePool((2, 2)), Flatten(), Dense(np.eye(27)), shape=(7, 7, 1))
    assert isinstance(ops[1], Dense)
    assert np.count_nonzero(ops[1].weight) == 27 * 9


def test_an_activation_or_another_reader_keeps_them_apart() -> None:
    assert kinds(fused(Dense(normal(4, 6)), Relu(), Dense(normal(6, 5)), shape=(4,))) == [Dense, Relu, Dense]
    nodes = (
        Node("input", Input((4,))),
        Node("first", Dense(normal(4, 4)), ("input",)),
        Node("second", Dense(normal(4, 4)), ("first",)),
        Node("sum", Add(), ("first", "second")),
    )
    graph = Graph(nodes)
    assert FuseConsecutiveLinear().apply(graph, Context()) is graph
    assert len(FuseConsecutiveLinear().apply(Graph(nodes[:3], ("second", "first")), Context())) == 3


def test_the_second_name_survives_and_so_does_the_dtype() -> None:
    weight = np.eye(4, dtype=np.float32)
    nodes = (
        Node("input", Input((4,))),
        Node("first", Dense(weight, weight[0]), ("input",)),
        Node("second", Dense(weight), ("first",)),
    )
    after = FuseConsecutiveLinear().apply(Graph(nodes), Context())
    assert [node.name for node in after] == ["input", "second"]
    assert {array.dtype for array in after["second"].op.arrays.values()} == {np.dtype(np.float32)}
