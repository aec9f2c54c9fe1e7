"""Fan-out and operation counts, against pushing every single unit through weights of one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from snntk_core import (
    Add,
    AveragePool,
    Concat,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool,
    Graph,
    Identity,
    Input,
    IntegrateFire,
    Node,
    Pad,
    Readout,
    Relu,
    Reshape,
    Scale,
    SpikeSource,
    SpikingMaxPool,
    Transpose,
    Upsample,
    apply,
)
from snntk_core.connectivity import (
    fan_in,
    fan_out,
    multiply_accumulates,
    source_multiply_accumulates,
    synaptic_operations,
)
from snntk_core.errors import GraphError, ShapeError
from snntk_core.ops import LinearOp


def chain(shape, *ops):
    """A spiking graph of ops one after the other, from a source of ``shape``; nodes are called n0, n1, ..."""
    nodes = [Node("n0", SpikeSource(shape))]
    for number, op in enumerate(ops, 1):
        nodes.append(Node(f"n{number}", op, (f"n{number - 1}",)))
    return Graph(tuple(nodes))


def pushed(shape, ops):
    """How many units each unit of ``shape`` reaches: one-hot inputs through ``ops``, whose weights are ones."""
    units = int(np.prod(shape))
    reached = reduce(lambda x, op: apply(op, x), ops, np.eye(units).reshape(units, *shape))
    return (reached != 0).reshape(units, -1).sum(axis=1).reshape(shape)


lengths = st.integers(1, 7)
small = st.integers(1, 3)
paddings = st.one_of(
    st.sampled_from(["valid", "same", "same-lower"]),
    st.tuples(st.tuples(st.integers(0, 2), st.integers(0, 2)), st.tuples(st.integers(0, 2), st.integers(0, 2))),
)


@st.composite
def geometries(draw):
    """A map and a convolution, pooling or upsampling over it that fits."""
    groups, height, width = draw(small), draw(lengths), draw(lengths)
    channels, units = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    kernel, strides, dilation = (draw(st.tuples(small, small)) for _ in range(3))
    padding = draw(paddings)
    grouped = np.ones((*kernel, channels // groups, units))
    op = draw(
        st.sampled_from(
            [
                Conv2D(grouped, None, strides, padding, dilation, groups),
                ConvTranspose2D(grouped, None, strides, padding, dilation=dilation, groups=groups),
                DepthwiseConv2D(np.ones((*kernel, channels, groups)), None, strides, padding, dilation),
                AveragePool(kernel, strides, padding, draw(st.booleans())),
                Upsample(kernel),
                Pad(((1, 0), (-1, 2), (0, 1))),
            ]
        )
    )
    shape = (height, width, channels)
    try:
        op.infer(shape)
    except ShapeError:
        assume(False)
    return shape, op


@settings(max_examples=200, deadline=None)
@given(geometries())
def test_fan_out_of_one_op_is_what_pushing_counts(case):
    shape, op = case
    assert np.array_equal(fan_out(chain(shape, op, IntegrateFire()), "n0"), pushed(shape, [op]))


@settings(max_examples=100, deadline=None)
@given(geometries(), st.integers(1, 4))
def test_fan_out_through_two_ops_and_a_dense(case, units):
    shape, op = case
    after = op.infer(shape)
    for tail in ([AveragePool((1, 1), (2, 1)), Flatten()], [Transpose((2, 0, 1)), Flatten()], [Flatten()]):
        flat = int(np.prod(reduce(lambda s, o: o.infer(s), tail, after)))
        ops = [op, *tail, Dense(np.ones((flat, units)))]
        assert np.array_equal(fan_out(chain(shape, *ops, Readout()), "n0"), pushed(shape, ops))


@settings(max_examples=60, deadline=None)
@given(geometries(), geometries())
def test_a_pool_is_folded_into_the_convolution_behind_it(first, second):
    shape, op = first
    _, conv = second
    assume(not isinstance(conv, Pad))
    if isinstance(conv, Conv2D | ConvTranspose2D):
        channels = op.infer(shape)[-1]
        conv = Conv2D(np.ones((*conv.weight.shape[:2], channels, 2)), None, conv.strides, "same")
    elif isinstance(conv, DepthwiseConv2D):
        conv = AveragePool((2, 2), (1, 1), "same")
    try:
        conv.infer(op.infer(shape))
    except ShapeError:
        assume(False)
    assert np.array_equal(fan_out(chain(shape, op, conv, Readout()), "n0"), pushed(shape, [op, conv]))


@settings(max_examples=60, deadline=None)
@given(geometries())
def test_fan_in_and_fan_out_count_the_same_synapses(case):
    shape, op = case
    assume(isinstance(op, Conv2D | ConvTranspose2D | DepthwiseConv2D))
    graph = chain(shape, op, Readout())
    expected = apply(type(op)(**{**vars(op), "weight": np.ones_like(op.weight)}), np.ones((1, *shape)))[0]
    assert np.array_equal(fan_in(graph, "n1"), expected)
    assert multiply_accumulates(graph) == {"n1": fan_out(graph, "n0").sum()}


def test_one_dimensional_convolution_with_groups():
    op = Conv1D(np.ones((3, 2, 4)), None, (2,), "same", groups=2)
    assert np.array_equal(fan_out(chain((9, 4), op, Readout()), "n0"), pushed((9, 4), [op]))


def test_global_pooling_and_scaling_are_folded():
    for keep in (True, False):
        ops = [Scale(np.zeros(3)), GlobalAveragePool(keep), Flatten(), Dense(np.ones((3, 5)))]
        assert (fan_out(chain((4, 4, 3), *ops, Readout()), "n0") == 5).all()


@pytest.mark.parametrize("shape", [(32,), (4, 8)])
def test_reshape_may_split_what_a_source_or_a_dense_made(shape):
    weight = np.ones((3, 3, 2, 2))
    ops = [Reshape((4, 4, 2)), Conv2D(weight, None, padding="same")]
    assert np.array_equal(fan_out(chain(shape, *ops, Readout()), "n0"), pushed(shape, ops))
    ops = [Dense(np.ones((shape[-1], 12))), Reshape((int(np.prod(shape[:-1])) * 4, 3)), AveragePool((2,))]
    assert np.array_equal(fan_out(chain(shape, *ops, IntegrateFire()), "n0"), pushed(shape, ops))


def test_a_reshape_across_what_a_pool_reached_is_counted_unit_by_unit():
    ops = [AveragePool((3,), (2,)), Reshape((2, 3, 2)), Conv2D(np.ones((2, 2, 2, 3)))]
    assert np.array_equal(fan_out(chain((13, 2), *ops, Readout()), "n0"), pushed((13, 2), ops))


@dataclass(frozen=True, eq=False)
class Reverse(LinearOp):
    """An op of a plugin without a rule for reach."""

    def infer(self, *shapes):
        return shapes[0]


@apply.register
def _(op: Reverse, x: np.ndarray) -> np.ndarray:
    return x[:, ::-1]


def test_an_op_of_a_plugin_is_counted_unit_by_unit():
    conv = Conv2D(np.ones((3, 3, 1, 2)), None, (2, 2), "same")
    assert np.array_equal(
        fan_out(chain((4, 5, 1), Reverse(), conv, Readout()), "n0"), pushed((4, 5, 1), [Reverse(), conv])
    )


def residual():
    """n0 -> conv -> fire -> conv; fire + conv -> fire2 -> dense."""
    conv = Conv2D(np.ones((3, 3, 2, 2)), None, padding="same")
    return Graph(
        (
            Node("in", SpikeSource((4, 4, 2))),
            Node("a", conv, ("in",)),
            Node("fire", IntegrateFire(), ("a",)),
            Node("b", conv, ("fire",)),
            Node("sum", Add(), ("b", "fire")),
            Node("fire2", IntegrateFire(), ("sum",)),
            Node("flat", Flatten(), ("fire2",)),
            Node("c", Dense(np.ones((32, 10))), ("flat",)),
            Node("out", Readout(), ("c",)),
        )
    ).verify()


def test_parallel_paths_count_separately():
    graph = residual()
    conv = pushed((4, 4, 2), [graph["b"].op])
    assert np.array_equal(fan_out(graph, "fire"), conv + 1)
    assert (fan_out(graph, "fire2") == 10).all()
    assert (fan_out(graph, "out") == 0).all()


def test_an_addition_to_itself_is_two_synapses():
    graph = Graph((Node("in", SpikeSource((3,))), Node("sum", Add(), ("in", "in")), Node("out", Readout(), ("sum",))))
    assert (fan_out(graph, "in") == 2).all()


def doubled(times, *ops):
    """A source, ops, and then as many additions to itself."""
    nodes = list(chain((6, 2), *ops).nodes)
    for number in range(times):
        nodes.append(Node(f"sum{number}", Add(), (nodes[-1].name, nodes[-1].name)))
    return Graph((*nodes, Node("out", Readout(), (nodes[-1].name,))))


@pytest.mark.parametrize("ops", [(), (AveragePool((2,)),), (Reverse(),)])
def test_paths_that_part_and_meet_are_counted_and_not_walked(ops):
    expected = pushed((6, 2), ops) << 24
    assert np.array_equal(fan_out(doubled(24, *ops), "n0"), expected)


def test_paths_that_part_and_reach_different_units_are_counted_apart():
    pool = AveragePool((3,), (1,), "same")
    nodes = [Node("n0", SpikeSource((9, 1)))]
    for number in range(3):
        last = nodes[-1].name
        nodes += [Node(f"pool{number}", pool, (last,)), Node(f"n{number + 1}", Add(), (f"pool{number}", last))]
    graph = Graph((*nodes, Node("out", Readout(), ("n3",))))
    choices = [1, 3, 3, 1]  # three times pooled or not
    expected = sum(choices[k] * pushed((9, 1), [pool] * k) for k in range(4))
    assert np.array_equal(fan_out(graph, "n0"), expected)


def test_more_paths_than_can_be_counted_are_refused():
    with pytest.raises(GraphError, match="too many paths lead from n0 to sum31"):
        fan_out(doubled(100), "n0")


def test_concat_places_each_input_in_its_block():
    graph = Graph(
        (
            Node("in", SpikeSource((4, 4, 2))),
            Node("fire", IntegrateFire(), ("in",)),
            Node("both", Concat(), ("in", "fire")),
            Node("grouped", Conv2D(np.ones((1, 1, 1, 8)), None, groups=4), ("both",)),
            Node("out", Readout(), ("grouped",)),
        )
    )
    assert (fan_out(graph, "fire") == 2).all()
    assert (fan_out(graph, "in") == 3).all()
    cropped = graph.insert_before("grouped", "crop", Pad(((0, 0), (0, 0), (-1, -2))))
    cropped = cropped.replace("grouped", Dense(np.ones((1, 8))))
    assert np.array_equal(fan_out(cropped, "in")[0, 0], [1, 9])
    assert not fan_out(cropped, "fire").any()


def test_a_spiking_pool_is_a_target_for_each_window_that_sees_the_unit():
    graph = chain(
        (5, 5, 1), IntegrateFire(), SpikingMaxPool((3, 3), (2, 2)), Flatten(), Dense(np.ones((4, 7))), Readout()
    )
    assert fan_out(graph, "n1")[2, 2, 0] == 4
    assert fan_out(graph, "n1")[0, 0, 0] == 1
    assert (fan_out(graph, "n2") == 7).all()


def test_an_analog_output_without_an_activation_is_a_target():
    nodes = (Node("in", Input((3,))), Node("dense", Dense(np.ones((3, 4))), ("in",)))
    assert (fan_out(Graph(nodes), "in") == 4).all()
    relu = (*nodes, Node("relu", Relu(), ("dense",)), Node("same", Identity(), ("relu",)))
    assert (fan_out(Graph(relu), "in") == 4).all()
    assert (fan_out(Graph(relu), "relu") == 1).all()


def test_synaptic_operations_are_counts_times_fan_out():
    graph = residual()
    generator = np.random.default_rng(0)
    counts = {name: generator.integers(0, 9, (3, 32)) for name in ("fire", "fire2")}
    expected = sum(counts[name] @ fan_out(graph, name).reshape(-1) for name in counts)
    assert np.array_equal(synaptic_operations(graph, counts), expected)
    with pytest.raises(GraphError, match="fire2 has no spike counts"):
        synaptic_operations(graph, {"fire": counts["fire"]})


def test_the_source_pays_its_first_layer_only():
    graph = residual()
    assert source_multiply_accumulates(graph) == pushed((4, 4, 2), [graph["a"].op]).sum()
    assert set(multiply_accumulates(graph)) == {"a", "b", "c"}
    with pytest.raises(GraphError, match="no synapses"):
        fan_in(graph, "fire")


def test_a_large_network_is_counted_without_a_matrix_of_units():
    conv = Conv2D(np.broadcast_to(np.float32(1), (3, 3, 64, 64)), None, padding="same")
    dense = Dense(np.broadcast_to(np.float32(1), (112 * 112 * 64, 2)))
    graph = chain((224, 224, 64), conv, IntegrateFire(), AveragePool((2, 2)), Flatten(), dense, Readout())
    assert fan_out(graph, "n0")[100, 100, 5] == 9 * 64
    assert fan_out(graph, "n0")[0, 0, 0] == 4 * 64
    assert (fan_out(graph, "n2") == 2).all()
