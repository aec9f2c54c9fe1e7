"""What 32 bits may not hold is refused by name before anything runs; what they just hold is exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snntk_core import (
    Add,
    AveragePool,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    Input,
    MaxPool,
    Multiply,
    Node,
    NumberFormat,
    Op,
    Pad,
    QuantizedRelu,
    Relu,
    Reshape,
    Scale,
    Sigmoid,
    activations,
    apply,
)
from snntk_core.errors import DataError, Incompatible
from snntk_integer.lowering import integer_network
from snntk_integer.weighted import Accumulate

ONE_STEP = NumberFormat(8, np.float32(1))


def chain(shape: tuple[int, ...], *ops: Op) -> Graph:
    """Return a network of ops in a row, called a, b, ...; weights have 8 bits and steps of one."""
    nodes = [Node("x", Input(shape))]
    for name, op in zip("abcdefgh", ops, strict=False):
        formats = {"weight": ONE_STEP} if "weight" in op.arrays else {}
        nodes.append(Node(name, op, (nodes[-1].name,), formats))
    return Graph(tuple(nodes))


def relu(step: float | list[float] = 1.0) -> QuantizedRelu:
    return QuantizedRelu(np.asarray(step, np.float32), 255)


def full(*shape: int) -> np.ndarray:
    return np.full(shape, 127, np.float32)


def test_the_largest_sums_that_fit_are_exact() -> None:
    inputs = (2**31 - 1) // (127 * 255)
    network = integer_network(chain((inputs,), Dense(full(inputs, 1))))
    assert network.evaluate(np.full((1, inputs), 255))["a"][0].item() == inputs * 127 * 255
    with pytest.raises(Incompatible, match=r"a: its integers may reach 2\.15e\+09, more than 32 bits hold"):
        integer_network(chain((inputs + 1,), Dense(full(inputs + 1, 1))))


@pytest.mark.parametrize(("reach", "holds"), [(60, np.float32), (60000, np.float64)])
def test_products_in_floating_point_are_those_of_int32(reach: int, holds: type) -> None:
    """The type that holds the integers is chosen by the bound: float32 below 2^24, else float64."""
    rng = np.random.default_rng(reach)
    op = Conv2D(rng.integers(-127, 128, size=(3, 3, 5, 4)).astype(np.float32), padding="same")
    graph = chain((6, 6, 5), op)
    network = integer_network(graph, input_bits=int(reach).bit_length())
    kernel = network["a"].kernel
    assert isinstance(kernel, Accumulate)
    ((_, held),) = kernel.parts
    assert held.arrays["weight"].dtype == holds
    codes = rng.integers(0, reach, size=(3, 6, 6, 5))
    plain = apply(replace(op, weight=op.weight.astype(np.int32)), codes.astype(np.int32))
    np.testing.assert_array_equal(network.evaluate(codes)["a"][0], plain)


def test_pools_and_unrounded_layers_are_bounded_too() -> None:
    with pytest.raises(Incompatible, match="b: its integers may reach"):
        integer_network(chain((64, 64, 1), Conv2D(full(64, 64, 1, 1), padding="same"), AveragePool((9, 9))))
    two = chain((300,), Dense(full(300, 9)), Dense(full(9, 300)))
    with pytest.raises(Incompatible, match=r"b: .* Quantize what it reads, or join it with the layer before"):
        integer_network(two, input_bits=10)


def test_everything_wrong_is_said_at_once() -> None:
    nodes = (
        Node("x", Input((4, 4, 2))),
        Node("bare", Conv2D(full(1, 1, 2, 2)), ("x",)),
        Node("relu", Relu(), ("x",)),
        Node("pad", Pad(((1, -1), (1, -1), (0, 0)), 0.5), ("x",)),
        Node("gate", Multiply(), ("x", "x")),
        Node("sum", Add(), ("bare", "relu", "pad", "gate")),
        Node("fine", Flatten(), ("x",)),
    )
    graph = Graph(nodes, ("sum", "fine"))
    with pytest.raises(Incompatible) as caught:
        integer_network(graph)
    found = {issue.node: issue.problem for issue in caught.value.issues}
    assert found == {
        "bare": "its weights are not quantized.",
        "relu": "a Relu has no integers.",
        "pad": "it pads with 0.5.",
        "gate": "a Multiply has no integers.",
    }


def test_grids_that_do_not_meet_are_refused_by_name() -> None:
    steps = np.linspace(0.11, 0.93, 40).astype(np.float32).tolist()
    many = chain((24, 24, 40), relu(steps), Conv2D(full(1, 1, 40, 3)))
    with pytest.raises(Incompatible, match="b: it reads channels of 40 different steps; 16 are taken"):
        integer_network(many)
    branches = (
        Node("x", Input((4, 4, 1))),
        Node("r", relu(0.3), ("x",)),
        Node("s", relu(0.7), ("x",)),
        Node("sum", Add(), ("r", "s")),
        Node("pool", MaxPool((2, 2)), ("sum",)),
    )
    with pytest.raises(Incompatible, match="pool: it takes the largest of sums of several grids"):
        integer_network(Graph(branches))


def test_grids_that_are_multiples_of_each_other_need_one_sum() -> None:
    powers = chain((4,), relu([0.25, 0.5, 1.0, 2.0]), Dense(full(4, 3)))
    assert len(integer_network(powers)["b"].value.terms) == 1
    others = chain((4,), relu([0.3, 0.5, 0.7, 0.5]), Dense(full(4, 3)))
    assert len(integer_network(others)["b"].value.terms) == 3


def test_padded_channels_take_part_in_a_mean() -> None:
    ops = (relu([0.3, 0.5, 0.7, 0.5]), Pad(((0, 1),)), Reshape((1, 5)), AveragePool((1,)), Flatten())
    graph = chain((4,), *ops, Dense(full(5, 2)), relu(10.0))
    network = integer_network(graph)
    assert len(network["f"].value.terms) == 3  # zeros are on no grid of their own
    codes = np.random.default_rng(2).integers(0, 4, size=(50, 4))
    expected = activations(graph, codes.astype(np.float64), ["f", "g"])
    np.testing.assert_allclose(network.values(codes, "f"), expected["f"], rtol=1e-12)
    np.testing.assert_array_equal(network.values(codes, "g"), expected["g"])


def test_channels_that_are_always_zero_need_no_bits() -> None:
    """Weights whose codes are all zero leave steps with nothing in common, and nothing to add up."""
    steps = NumberFormat(8, np.float32([0.31, 1.7e-20, 0.9]), -1)
    nodes = (
        Node("x", Input((4,))),
        Node("a", Dense(np.zeros((4, 3), np.float32)), ("x",), {"weight": steps}),
        Node("b", Dense(full(3, 2)), ("a",), {"weight": ONE_STEP}),
    )
    assert not integer_network(Graph(nodes)).values(np.full((1, 4), 3), "b").any()


def test_an_output_is_computed() -> None:
    with pytest.raises(Incompatible, match="x: it is an output, and nothing computes it"):
        integer_network(chain((4,), Sigmoid()))


def test_what_is_fed_is_checked() -> None:
    network = integer_network(chain((4,), relu()), input_scale=16.0, input_shift=8, input_bits=4)
    batch = np.array([[-0.5, 0.0, 0.25, 0.4375]])
    assert network.feed.encode(batch).tolist() == [[0, 8, 12, 15]]
    for wrong, sentence in (
        (batch + 0.01, r"The samples are no integers under 16 \* x \+ 8: they are 0.16 off"),
        (batch + 1, "Integers from 0 to 15 are fed, got 16 to 31"),
        (batch[:, :2], r"Integers of shape \(n, 4\) are fed"),
    ):
        with pytest.raises(DataError, match=sentence):
            network.feed.encode(wrong)
    with pytest.raises(DataError, match="got float64 values"):
        network.evaluate(batch)


def test_a_scale_behind_the_input_is_folded_exactly() -> None:
    """An offset under zero padding differs from position to position, and stays exact."""
    conv, scaling = Conv2D(full(3, 3, 1, 2), padding="same"), Scale(np.float32(1 / 128), np.float32(-0.7))
    graph = chain((5, 5, 1), scaling, conv, relu(0.5), Flatten(), Sigmoid())
    network = integer_network(graph)
    assert network.outputs == ("d",)
    codes = np.random.default_rng(0).integers(0, 256, size=(20, 5, 5, 1))
    expected = apply(relu(0.5), apply(conv, apply(scaling, codes.astype(np.float64))))
    np.testing.assert_array_equal(network.values(codes, "c"), expected)
    assert network["b"].value.offset.ndim == 3
