"""The integer simulator passes the kit, and its recording is that of one step."""

from __future__ import annotations

import numpy as np
import pytest

import snntk
from snntk_core import Conv2D, Dense, Flatten, Graph, Input, MaxPool, Node, Relu, Softmax, evaluate
from snntk_core.errors import DataError, Incompatible, OptionError
from snntk_core.testing import check_component
from snntk_integer.simulator import IntegerSimulator


def network() -> Graph:
    rng = np.random.default_rng(3)
    nodes = (
        Node("x", Input((1, 6, 6), (1, 2, 0))),
        Node("c", Conv2D(rng.normal(size=(3, 3, 1, 4)).astype(np.float32)), ("x",)),
        Node("p", MaxPool((2, 2)), ("c",)),
        Node("r", Relu(), ("p",)),
        Node("f", Flatten(), ("r",)),
        Node("d", Dense(rng.normal(size=(16, 3)).astype(np.float32), rng.normal(size=3).astype(np.float32)), ("f",)),
        Node("s", Softmax(), ("d",)),
    )
    return snntk.quantize(Graph(nodes), weight_bits=8, activation_bits=4)


def test_kit() -> None:
    outcomes = check_component(IntegerSimulator)
    assert [str(o) for o in outcomes if not o.passed] == []


def test_recording() -> None:
    graph = network()
    codes = np.random.default_rng(0).integers(0, 256, size=(5, 1, 6, 6))
    batch = (codes / 255).astype(np.float32)
    with IntegerSimulator(input_scale=255.0).compile(graph) as program:
        recording = program.run(batch)
    assert recording.times.tolist() == [1]
    np.testing.assert_allclose(recording.scores[:, 0], evaluate(graph, codes / 255, "d"), atol=1e-5)
    expected = np.rint(evaluate(graph, codes / 255, "r") / graph["r"].op.arrays["step"]).reshape(5, -1)
    np.testing.assert_array_equal(recording.spike_counts["r"], expected)
    assert recording.synaptic_operations.tolist() == ((expected != 0).sum(axis=1) * 3).tolist()


def test_options_and_data_are_checked() -> None:
    with pytest.raises(OptionError, match="input_scale is above zero"):
        IntegerSimulator.configure({"input_scale": -1.0})
    with pytest.raises(OptionError, match="input_bits lies between 1 and 16"):
        IntegerSimulator.configure({"input_bits": 17})
    with pytest.raises(DataError, match="Say by input_scale and input_shift"):
        IntegerSimulator().compile(network()).run(np.full((1, 1, 6, 6), 0.5))


def test_float_networks_are_refused_with_a_remedy() -> None:
    graph = network().replace("r", Relu())
    with pytest.raises(Incompatible, match=r"r: Relu is not supported\. Quantize it"):
        IntegerSimulator().compile(graph)
    assert [issue.node for issue in snntk.check(graph, "integer")] == ["r"]
