"""What outputs are compared with: classes, the largest few, or targets."""

from __future__ import annotations

import numpy as np
import pytest

from snntk_core import Dense, Graph, Input, Node, Readout, Sigmoid
from snntk_core.data import Data
from snntk_core.errors import DataError, OptionError
from snntk_core.judge import Judge, decisions


def network(outputs: int, *, behind: object = None) -> Graph:
    nodes = [Node("input", Input((3,))), Node("dense", Dense(np.ones((3, outputs))), "input")]
    if behind is not None:
        nodes.append(Node("end", behind, "dense"))
    return Graph(tuple(nodes)).verify()


def data(labels: object) -> Data:
    labels = np.asarray(labels)
    return Data(np.zeros((len(labels), 3)), labels)


def test_the_first_largest_score_decides_and_one_score_by_its_cut() -> None:
    np.testing.assert_array_equal(decisions(np.array([[1.0, 3, 3], [5, 5, 0]])), [1, 0])
    np.testing.assert_array_equal(decisions(np.array([[-1.0], [0], [2]])), [0, 0, 1])
    np.testing.assert_array_equal(decisions(np.array([[0.4], [0.6]]), cut=0.5), [0, 1])
    assert decisions(np.zeros((4, 7, 3))).shape == (4, 7)


@pytest.mark.parametrize("behind", [Sigmoid(), Readout("sigmoid")])
def test_one_output_behind_a_sigmoid_decides_at_one_half(behind: object) -> None:
    judge = Judge.of(network(1, behind=behind), data([0, 1]))
    assert judge.judgment(np.array([[0.3], [0.7]])) == 1.0


def test_accuracy_is_the_share_decided_right() -> None:
    judge = Judge.of(network(3), data([0, 1, 0]))
    assert judge.measure == "accuracy"
    assert judge.judgment(np.eye(3)) == pytest.approx(2 / 3)
    over_time = judge.marks(np.stack([np.eye(3), np.roll(np.eye(3), 1, 1)], axis=1))
    np.testing.assert_array_equal(over_time, [[True, False], [True, False], [False, True]])


def test_a_decision_among_the_largest_few_is_right() -> None:
    scores = np.array([[5.0, 4, 3, 2], [5, 4, 3, 2], [2, 2, 2, 2]])
    judge = Judge.of(network(4), data([1, 2, 3]), top_k=2)
    np.testing.assert_array_equal(judge.marks(scores), [True, False, True])


@pytest.mark.parametrize(("outputs", "few", "words"), [(4, 4, "4 outputs"), (4, 9, "4 outputs"), (2, 2, "2 outputs")])
def test_as_many_as_there_are_outputs_would_make_every_decision_right(outputs: int, few: int, words: str) -> None:
    with pytest.raises(OptionError, match=rf"top_k is {few}, but the network has {words}.* take {outputs - 1} at most"):
        Judge.of(network(outputs), data([0, 1]), few)
    with pytest.raises(OptionError, match=r"has 1 output\. Every decision would be right; take 1 at most"):
        Judge.of(network(1), data([0, 1]), 2)
    assert Judge.of(network(1), data([0, 1]), 1).top_k == 1


def test_real_numbers_are_targets() -> None:
    judge = Judge.of(network(2), data([[0.5, 1.5], [2.0, 3.0]]))
    assert judge.measure == "error"
    assert judge.judgment(np.array([[0.5, 1.5], [2.0, 5.0]])) == pytest.approx(1.0)
    np.testing.assert_allclose(judge.marks(np.zeros((2, 4, 2))), [[1.25] * 4, [6.5] * 4])


def test_whole_numbers_of_one_output_are_targets() -> None:
    assert Judge.of(network(1), data([3, 0, 7])).measure == "error"
    assert Judge.of(network(1), data([1, 0, 1])).measure == "accuracy"


def test_whole_numbers_that_cannot_be_classes_are_targets() -> None:
    images = np.arange(24).reshape(2, 3, 4)
    assert Judge.of(network(12), data(images)).measure == "error"
    assert Judge.of(network(12), data(images.astype(np.uint8))).judgment(images) == 0
    assert Judge.of(network(2), data([[3, 0], [7, 1]])).measure == "error"
    assert Judge.of(network(2), data([[1, 0], [0, 1]])).measure == "accuracy"
    with pytest.raises(DataError, match="neither class numbers nor one-hot"):
        data([[1, 1], [0, 1]])


def test_nothing_to_compare_with() -> None:
    judge = Judge.of(network(2), Data(np.zeros((2, 3))))
    assert not judge.judges
    assert judge.judgment(np.zeros((2, 2))) is None


@pytest.mark.parametrize(
    ("outputs", "labels", "sentence"),
    [(3, [0, 3], "There is a label 3, but the network has 3 outputs."), (3, [[0.5, 1.5]], "The targets have 2 values")],
)
def test_labels_that_do_not_fit_are_refused(outputs: int, labels: object, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        Judge.of(network(outputs), data(labels))
