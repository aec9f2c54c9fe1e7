"""Several inputs as one: what is joined is what each part gets back, by nodes and by arrays alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snntk_core import Flatten, Graph, Input, Node, Pad, Reshape, activations
from snntk_core.errors import DataError
from snntk_core.joining import JoinedInputs
from snntk_core.layout import channels_first, channels_last
from snntk_core.ops import Concat, Conv2D
from snntk_core.shapes import Shape

SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)
LIKE = st.tuples(SHAPES, st.integers(0, 2), st.lists(st.integers(1, 3), min_size=1, max_size=3))


def along(shape: Shape, axis: int, lengths: Sequence[int]) -> list[Shape]:
    """Shapes that differ along one axis."""
    axis = axis % len(shape)
    return [(*shape[:axis], length, *shape[axis + 1 :]) for length in lengths]


def batches(joined: JoinedInputs) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.normal(size=(2, *shape)) for shape in joined.shapes]


def check(joined: JoinedInputs) -> None:
    given, (nodes, names) = batches(joined), joined.nodes()
    together = joined.join(given)
    assert together.shape[1:] == joined.shape
    for part, again in zip(given, joined.split(together), strict=True):
        np.testing.assert_array_equal(again, part)
    graph = Graph(nodes, names).verify()
    assert len(set(names)) == len(joined.names)
    for name, value in activations(graph, together, names).items():
        np.testing.assert_array_equal(value, given[names.index(name)])


@given(shapes=st.lists(SHAPES, min_size=1, max_size=4), axis=st.sampled_from([-1, 0]))
def test_every_part_gets_what_was_joined(shapes: list[Shape], axis: int) -> None:
    check(JoinedInputs(tuple(f"x{index}" for index in range(len(shapes))), tuple(shapes), axis))


@given(drawn=LIKE, axis=st.integers(0, 2))
def test_what_agrees_in_its_other_axes_is_not_flattened(drawn: tuple, axis: int) -> None:
    shapes = along(*drawn)
    joined = JoinedInputs(tuple("abc"[: len(shapes)]), tuple(shapes), drawn[1] % len(drawn[0]))
    assert len(joined.shape) == len(drawn[0])
    assert not any(isinstance(node.op, Reshape) for node in joined.nodes()[0])
    check(joined)


def test_one_input_stays_as_it_is() -> None:
    joined = JoinedInputs(("x",), ((3, 4, 5),), 0)
    (node,), names = joined.nodes()
    assert isinstance(node.op, Input)
    assert (node.name, names, joined.shape, joined.sentence) == ("x", ("x",), (3, 4, 5), "")


def test_names_are_made_new_where_they_are_taken() -> None:
    joined = JoinedInputs(("inputs", "inputs", "inputs_part"), ((2, 2), (3,), (1,)))
    nodes, names = joined.nodes()
    assert len({node.name for node in nodes}) == len(nodes)
    assert names == ("inputs_2", "inputs_3", "inputs_part")
    check(joined)


def test_what_was_joined_is_said() -> None:
    maps = JoinedInputs(("left", "right"), ((1, 4, 4), (2, 4, 4)), 0)
    assert maps.sentence == "left [1, 4, 4] and right [2, 4, 4], joined along axis 0 of a sample"
    flat = JoinedInputs(("image", "age", "sex"), ((4, 4, 1), (1,), (2,)))
    assert flat.sentence == "image [4, 4, 1], age [1] and sex [2], flattened, one after the other"
    with pytest.raises(DataError, match=r"samples of shape \(19,\) \(image .*, got \(4, 4, 1\)"):
        flat.split(np.zeros((2, 4, 4, 1)))


def test_maps_joined_channels_first_need_no_transpose() -> None:
    joined = JoinedInputs(("left", "right"), ((1, 4, 4), (2, 4, 4)), 0)
    nodes, (left, right) = joined.nodes()
    weight = np.random.default_rng(1).normal(size=(1, 1, 3, 2))
    tail = (Node("both", Concat(0), (right, left)), *channels_first("conv", Conv2D(weight), "both", 2))
    graph = channels_last(Graph((*nodes, *tail, Node("flat", Flatten(), ("conv_channels_first",)))))
    assert [type(node.op) for node in graph if node.name in ("left", "right")] == [Pad, Pad]
    assert graph.input_shape == (3, 4, 4)
    assert sum(type(node.op).__name__ == "Transpose" for node in graph) <= 1
