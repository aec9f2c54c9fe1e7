"""Order of blocks: pooling, normalization and activation trade places where nothing changes, or are refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import chain

from snntk_core import (
    Add,
    AveragePool,
    BatchNorm,
    ClippedRelu,
    Context,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePool,
    GlobalMaxPool,
    Graph,
    Identity,
    Input,
    MaxPool,
    Node,
    NumberFormat,
    Op,
    QuantizedRelu,
    Relu,
    Tanh,
    Transpose,
    evaluate,
)
from snntk_core.errors import Incompatible
from snntk_equalize import ArrangeBlocks, FoldAdjacentBatchnorm, InvertBatchnormPooling, MaxPoolBeforeActivation

RNG = np.random.default_rng(0)
SHAPE = (6, 6, 2)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


def norm(*scale: float) -> BatchNorm:
    count = len(scale)
    return BatchNorm(normal(count), RNG.uniform(0.5, 2, count), np.array(scale), normal(count))


def conv(units: int = 3) -> Conv2D:
    return Conv2D(normal(3, 3, 2, units), normal(units), padding="same")


def names(graph: Graph) -> list[str]:
    return [node.name for node in graph][1:]


def unchanged(before: Graph, after: Graph) -> Graph:
    batch = np.random.default_rng(1).normal(size=(3, *before.input_shape))
    for old, new in zip(before.outputs, after.outputs, strict=True):
        np.testing.assert_allclose(evaluate(after.verify(), batch, new), evaluate(before, batch, old), atol=1e-10)
    return after


@pytest.mark.parametrize(
    "activation",
    [Relu(), Tanh(), ClippedRelu(np.zeros(3), np.array([0.5, 1, 2])), QuantizedRelu(np.array([0.1, 0.2, 0.3]), 7)],
)
@pytest.mark.parametrize("pool", [MaxPool((2, 2)), MaxPool((3, 3), (2, 2), "same"), GlobalMaxPool()])
def test_max_pooling_comes_before_what_never_falls(activation: Op, pool: Op) -> None:
    graph = chain(SHAPE, c=conv(), a=activation, again=Relu(), p=pool)
    assert names(unchanged(graph, MaxPoolBeforeActivation().apply(graph, Context()))) == ["c", "p", "a", "again"]


def test_max_pooling_stays_behind_bounds_that_vary_over_space_and_what_others_read() -> None:
    varied = chain(SHAPE, c=conv(), a=ClippedRelu(np.zeros(()), RNG.uniform(1, 2, (6, 6, 3))), p=MaxPool((2, 2)))
    assert MaxPoolBeforeActivation().apply(varied, Context()) is varied
    shared = Graph((*chain(SHAPE, c=conv(), a=Relu()).nodes, Node("p", MaxPool((1, 1)), "a"),
                    Node("sum", Add(), ("a", "p"))))  # fmt: skip
    assert MaxPoolBeforeActivation().apply(shared, Context()) is shared


def test_formats_go_with_their_nodes() -> None:
    kept = NumberFormat(3, 0.1, signed=False)
    graph = chain(SHAPE, c=conv(), a=QuantizedRelu(0.1, 7), p=MaxPool((2, 2)))
    nodes = tuple(Node(n.name, n.op, n.inputs, {"output": kept} if n.name == "a" else {}) for n in graph)
    after = MaxPoolBeforeActivation().apply(Graph(nodes), Context())
    assert after["a"].formats["output"] is kept


@pytest.mark.parametrize(
    ("pool", "scale"),
    [
        (MaxPool((2, 2)), (1.0, 0.5, 2.0)),
        (GlobalMaxPool(), (1.0, 0.5, 2.0)),
        (AveragePool((2, 2)), (1.0, 0.0, -2.0)),
        (AveragePool((3, 3), (2, 2), "same"), (1.0, 0.0, -2.0)),
        (GlobalAveragePool(), (-1.0, 0.0, 2.0)),
    ],
)
def test_normalization_comes_before_pooling(pool: Op, scale: tuple[float, ...]) -> None:
    graph = chain(SHAPE, c=conv(), p=pool, b=norm(*scale), r=Relu())
    after = unchanged(graph, InvertBatchnormPooling().apply(graph, Context()))
    assert names(after) == ["c", "b", "p", "r"]


def test_normalization_passes_several_poolings_and_may_be_the_output() -> None:
    graph = chain(SHAPE, c=conv(), p=MaxPool((2, 2)), q=AveragePool((3, 3)), b=norm(1, 2, 3))
    after = unchanged(graph, InvertBatchnormPooling().apply(graph, Context()))
    assert names(after) == ["c", "b", "p", "q"]
    assert after.outputs == ("q",)


@pytest.mark.parametrize(
    ("pool", "scale", "problem"),
    [
        (MaxPool((2, 2)), (-1.0, 0.0, 2.0), r"b: 2 of its scales are not above zero"),
        (GlobalMaxPool(), (1.0, 0.0, 2.0), r"b: 1 of its scales are not above zero"),
        (AveragePool((2, 2), padding="same-lower", count_include_pad=True, strides=(1, 1)), (1.0, 1.0, 2.0),
         "p averages padding too"),
    ],
)  # fmt: skip
def test_a_pair_that_cannot_be_inverted_is_refused_or_left(pool: Op, scale: tuple[float, ...], problem: str) -> None:
    graph = chain(SHAPE, c=conv(), p=pool, b=norm(*scale))
    with pytest.raises(Incompatible, match=problem):
        InvertBatchnormPooling().apply(graph, Context())
    assert InvertBatchnormPooling(on_error="skip").apply(graph, Context()) is graph


def test_a_pair_folds_only_where_nobody_else_reads_the_weights() -> None:
    graph = chain(SHAPE, c=conv(), b=norm(1, -2, 3), r=Relu(), apart=norm(1, 1, 1))
    after = unchanged(graph, FoldAdjacentBatchnorm().apply(graph, Context()))
    assert names(after) == ["c", "r", "apart"]
    shared = Graph((*chain(SHAPE, c=conv(), b=norm(1, 2, 3)).nodes, Node("sum", Add(), ("b", "c"))))
    assert FoldAdjacentBatchnorm().apply(shared, Context()) is shared


def test_scale_and_offset_may_be_missing() -> None:
    graph = chain((3,), d=Dense(normal(3, 4)), b=BatchNorm(normal(4), np.full(4, 0.5)))
    assert names(unchanged(graph, FoldAdjacentBatchnorm().apply(graph, Context()))) == ["d"]


def test_a_kernel_for_each_channel_and_multiplier_folds() -> None:
    graph = chain(SHAPE, d=DepthwiseConv2D(normal(3, 3, 2, 3)), b=norm(1, -2, 3, 4, 5, -6))
    assert names(unchanged(graph, FoldAdjacentBatchnorm().apply(graph, Context()))) == ["d"]


def test_what_was_folded_is_where_the_layer_went() -> None:
    graph = Graph((Node("x", Input((3,))), Node("d", Dense(normal(3, 4)), "x", origin=("dense",)),
                   Node("b", norm(1, 2, 3, 4), "d", origin=("bn",))))  # fmt: skip
    after = FoldAdjacentBatchnorm().apply(graph, Context())
    assert after.outputs == ("d",)
    assert after["d"].origin == ("dense", "bn")


def quantized(axis: int | None, **roles: NumberFormat) -> Graph:
    graph = chain((5,), d=Dense(normal(5, 4).astype(np.float32)), b=norm(1, -2, 3, 0.5))
    weight = graph["d"].op.arrays["weight"]
    steps = np.abs(weight).max(axis=None if axis is None else 0) / 7
    kept = {"weight": NumberFormat(4, steps, axis), **roles}
    dense = Node("d", Dense(kept["weight"].round(weight), np.zeros(4, np.float32)), "input", kept)
    return Graph((graph.nodes[0], dense, graph.nodes[2])).verify()


@pytest.mark.parametrize("axis", [1, -1])
def test_quantized_weights_keep_their_codes(axis: int) -> None:
    graph = quantized(axis)
    after = FoldAdjacentBatchnorm().apply(graph, Context()).verify()
    old, new = graph["d"], after["d"]
    codes = [node.formats["weight"].encode(node.op.arrays["weight"]) for node in (old, new)]
    np.testing.assert_array_equal(codes[1], codes[0] * np.array([1, -1, 1, 1]))
    batch = np.random.default_rng(1).normal(size=(4, 5))
    np.testing.assert_allclose(evaluate(after, batch), evaluate(graph, batch), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("graph", "problem"),
    [
        (quantized(None), "b: the quantized weights of d have no step of their own for each output channel"),
        (quantized(1, bias=NumberFormat(8, 0.5)), "b: the bias of d is quantized"),
        (quantized(1, weight=NumberFormat(32, np.full(4, 1e-8), 1, full_range=True)), "codes of d are not symmetric"),
        (chain(SHAPE, c=conv(), b=norm(1, 0, 0)), "b: 2 of its scales are zero"),
        (chain(SHAPE, c=conv(), t=Transpose((0, 2, 1)), b=norm(1, 1, 1, 1, 1, 1)), "another axis than the channels"),
    ],
    ids=["per tensor", "bias", "full range", "null", "axis"],
)
def test_a_pair_that_cannot_be_folded_is_refused_or_left(graph: Graph, problem: str) -> None:
    with pytest.raises(Incompatible, match=problem):
        FoldAdjacentBatchnorm().apply(graph, Context())
    assert FoldAdjacentBatchnorm(on_error="skip").apply(graph, Context()) is graph


def test_arranging_says_everything_at_once() -> None:
    graph = chain(SHAPE, c=conv(2), p=MaxPool((2, 2)), b=norm(-1, 1), d=conv(), zero=norm(0, 1, 1), o=Dropout())
    with pytest.raises(Incompatible) as refused:
        ArrangeBlocks().apply(graph, Context())
    assert [issue.node for issue in refused.value.issues] == ["b", "zero"]
    left = ArrangeBlocks(on_error="skip").apply(graph, Context())
    assert names(unchanged(graph, left)) == ["c", "p", "b", "d", "zero"]


def test_blocks_on_branches_are_arranged() -> None:
    nodes = (
        Node("x", Input(SHAPE)),
        Node("c1", conv(), "x"),
        Node("r1", Relu(), "c1"),
        Node("p1", MaxPool((2, 2)), "r1"),
        Node("c2", conv(), "x"),
        Node("p2", MaxPool((2, 2)), "c2"),
        Node("i2", Identity(), "p2"),
        Node("b2", norm(1, 2, 3), "i2"),
        Node("sum", Add(), ("p1", "b2")),
    )
    graph = Graph(nodes).verify()
    after = unchanged(graph, ArrangeBlocks().apply(graph, Context()))
    assert names(after) == ["c1", "p1", "r1", "c2", "p2", "sum"]


BLOCK_REWRITES = (
    MaxPoolBeforeActivation(),
    InvertBatchnormPooling(on_error="skip"),
    FoldAdjacentBatchnorm(on_error="skip"),
    ArrangeBlocks(on_error="skip"),
)


def random_stack(rng: np.random.Generator) -> Graph:
    """Return convolutions, normalizations of any sign, pooling and activations in any order, perhaps with a branch."""
    draws = (
        lambda: Conv2D(rng.normal(size=(3, 3, 3, 3)), rng.normal(size=3), padding="same"),
        lambda: DepthwiseConv2D(rng.normal(size=(2, 2, 3, 1)), padding="same"),
        lambda: norm(*rng.choice([0, 1, 2, -1], p=[0.05, 0.5, 0.4, 0.05], size=3)),
        lambda: MaxPool((2, 2), (1, 1), str(rng.choice(["same", "valid"]))),  # type: ignore[arg-type]
        lambda: AveragePool((2, 2), (1, 1), "same", count_include_pad=bool(rng.integers(2))),
        Relu,
        lambda: QuantizedRelu(rng.uniform(0.2, 1, size=3), 7),
        Dropout,
    )
    nodes, tip = [Node("x", Input((9, 9, 3)))], "x"
    for index in range(int(rng.integers(3, 9))):
        nodes.append(Node(f"n{index}", draws[int(rng.integers(len(draws)))](), tip))
        tip = nodes[-1].name
    if rng.random() < 0.3:
        nodes.append(Node("end", Add(), (tip, tip)))
    elif rng.random() < 0.3:
        return Graph(tuple(nodes), (tip, nodes[len(nodes) // 2].name))
    return Graph(tuple(nodes))


@pytest.mark.parametrize("index", range(len(BLOCK_REWRITES)))
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=80, deadline=None)
def test_random_stacks_keep_their_output_and_are_done_at_once(index: int, seed: int) -> None:
    rewrite, graph = BLOCK_REWRITES[index], random_stack(np.random.default_rng(seed)).verify()
    after = unchanged(graph, rewrite.apply(graph, Context()))
    assert str(rewrite.apply(after, Context())) == str(after)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=80, deadline=None)
def test_what_is_refused_is_all_that_is_left(seed: int) -> None:
    graph = random_stack(np.random.default_rng(seed)).verify()
    left = ArrangeBlocks(on_error="skip").apply(graph, Context())
    pairs = [(left[n.inputs[0]], n) for n in left if isinstance(n.op, BatchNorm)]
    stuck = [n.name for above, n in pairs if isinstance(above.op, Conv2D | DepthwiseConv2D | MaxPool | AveragePool)
             and len(left.users(above.name)) == 1 and above.name not in left.outputs]  # fmt: skip
    if stuck:
        with pytest.raises(Incompatible) as refused:
            ArrangeBlocks().apply(graph, Context())
        assert {issue.node for issue in refused.value.issues} == set(stuck)
    else:
        assert str(ArrangeBlocks().apply(graph, Context())) == str(left)
