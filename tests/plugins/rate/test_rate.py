"""The rate code: what becomes spiking, what is refused, and that rates tend to activations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_core import (
    Add,
    BatchNorm,
    ClippedRelu,
    Context,
    Conv2D,
    Dense,
    Dropout,
    Elu,
    Graph,
    Input,
    IntegrateFire,
    LocalResponseNormalization,
    MaxPool,
    Node,
    Readout,
    Relu,
    Sigmoid,
    Softmax,
    SpikeSource,
    SpikingMaxPool,
    evaluate,
)
from snntk_core.errors import Incompatible, OptionError
from snntk_core.testing.random_graphs import random_graph
from snntk_numpy.simulator import NumpySimulator
from snntk_rate import NormalizeActivations, Rate
from snntk_standard import MaxPoolBeforeConcat, RectifyPooledSums


def chain(*ops: object, shape: tuple[int, ...] = (4,)) -> Graph:
    nodes = [Node("input", Input(shape))]
    for index, op in enumerate(ops):
        nodes.append(Node(f"{type(op).__name__.lower()}{index}", op, nodes[-1].name))
    return Graph(tuple(nodes)).verify()


def test_every_op_gets_its_spiking_form() -> None:
    graph = chain(Conv2D(np.ones((1, 1, 2, 3))), Relu(), MaxPool((2, 2)), shape=(4, 4, 2))
    spiking = Rate().apply(graph, Context()).verify()
    assert [type(node.op) for node in spiking] == [SpikeSource, Conv2D, IntegrateFire, SpikingMaxPool, Readout]
    assert spiking["relu1"].op.initial_potential == 0.5


def test_a_clipped_activation_saturates_at_its_bound() -> None:
    graph = chain(Dense(np.eye(4)), ClippedRelu(0.0, np.array([0.5, 1.0, 2.0, 0.25])))
    spiking = Rate().apply(graph, Context())
    np.testing.assert_allclose(spiking["clippedrelu1"].op.threshold, [0.5, 1.0, 1.0, 0.25])
    np.testing.assert_allclose(evaluate(spiking, np.full((1, 4), 9.0)), [[0.5, 1.0, 1.0, 0.25]])


@pytest.mark.parametrize(
    ("ops", "problem", "remedy"),
    [
        ((Dense(np.eye(4)), Elu()), "Elu cannot be the rate", "Retrain with ReLU"),
        ((Dense(np.eye(4)), Sigmoid(), Dense(np.eye(4)), Relu()), "Sigmoid cannot be the rate", "Retrain with ReLU"),
        ((Dense(np.eye(4)), Softmax()), "a final Softmax belongs to the readout", "softmax-to-readout"),
        ((Dense(np.eye(4)), BatchNorm(np.zeros(4), np.ones(4)), Relu()), "BatchNorm has no", "fold-batchnorm"),
        ((LocalResponseNormalization(),), "LocalResponseNormalization has no", "batch normalization"),
        ((Dropout(), Dense(np.eye(4)), Relu()), "Dropout has no", "drop-dropout"),
        ((Dense(np.eye(4)), ClippedRelu(-1.0, 1.0)), r"clipped to \[-1, 1\]", "bounds that begin at zero"),
        ((Dense(np.eye(4)), Dense(np.eye(4)), Relu()), "follows dense0 with no activation", "fuse-consecutive-linear"),
    ],
)
def test_what_cannot_spike_is_refused_with_a_remedy(ops: tuple, problem: str, remedy: str) -> None:
    with pytest.raises(Incompatible, match=problem) as refusal:
        Rate().apply(chain(*ops), Context())
    assert any(remedy in issue.remedy for issue in refusal.value.issues)


def test_all_problems_are_reported_at_once() -> None:
    graph = chain(Dense(np.eye(4)), Elu(), Dense(np.eye(4)), Sigmoid(), Dense(np.eye(4)), Softmax())
    with pytest.raises(Incompatible) as refusal:
        Rate().apply(graph, Context())
    assert [issue.node for issue in refusal.value.issues] == ["elu1", "sigmoid3", "softmax5"]


def test_negative_values_of_a_residual_branch_are_kept() -> None:
    graph = Graph(
        (
            Node("input", Input((2,))),
            Node("dense", Dense(np.array([[1.0, 0], [0, 1.0]])), "input"),
            Node("relu", Relu(), "dense"),
            Node("branch", Dense(np.array([[-0.5, 0], [0, 0.25]])), "relu"),
            Node("sum", Add(), ("branch", "relu")),
            Node("out", Relu(), "sum"),
        )
    )
    x = np.array([[0.5, 0.5]], np.float32)
    with NumpySimulator().compile(Rate().apply(graph, Context())) as program:
        scores = program.run(x, duration=64).scores[:, -1]
    np.testing.assert_allclose(scores, evaluate(graph, x), atol=1 / 64)


@pytest.mark.parametrize("options", [{"threshold": 0.0}, {"leak": 1.0}, {"refractory": -1}])
def test_impossible_neurons_are_refused(options: dict) -> None:
    with pytest.raises(OptionError, match="threshold lies above 0"):
        Rate.configure(options)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_scores_tend_to_the_limit(seed: int) -> None:
    """Longer runs come nearer to the limit network, whatever the graph."""
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, spiking_friendly=True, dtype=np.float32)
    x = rng.normal(size=(4, *graph.input_shape)).astype(np.float32)
    graph = RectifyPooledSums().apply(MaxPoolBeforeConcat().apply(graph, Context()), Context())
    spiking = Rate().apply(_readout(NormalizeActivations(100.0).apply(graph, Context(x))), Context()).verify()
    limit = evaluate(spiking, x).reshape(len(x), -1)
    with NumpySimulator().compile(spiking) as program:
        scores = program.run(x, duration=1024).scores
    errors = [np.abs(scores[:, t - 1] - limit).max() for t in (64, 1024)]
    assert errors[1] <= 0.05 * max(np.abs(limit).max(), 1)
    assert errors[1] <= errors[0] + 0.01


def _readout(graph: Graph) -> Graph:
    """Turn a final nonlinearity of the readout into one."""
    last = graph[graph.outputs[0]]
    links = {"Softmax": "softmax", "LogSoftmax": "log-softmax", "Sigmoid": "sigmoid", "Tanh": "tanh"}
    link = links.get(type(last.op).__name__)
    return graph.replace(last.name, Readout(link)) if link else graph


def test_pooling_of_currents_is_refused() -> None:
    graph = chain(Relu(), Conv2D(np.ones((1, 1, 2, 3))), MaxPool((2, 2)), Relu(), shape=(4, 4, 2))
    with pytest.raises(Incompatible, match="it pools currents") as refusal:
        Rate().apply(graph, Context())
    assert "activation-before-max-pool" in refusal.value.issues[0].remedy


def test_a_pooled_input_stays_a_constant_current() -> None:
    graph = chain(MaxPool((2, 2)), Conv2D(np.ones((1, 1, 2, 3))), Relu(), shape=(4, 4, 2))
    spiking = Rate(initial=0.0).apply(graph, Context()).verify()
    x = np.random.default_rng(0).uniform(0, 0.4, (3, 4, 4, 2)).astype(np.float32)
    with NumpySimulator().compile(spiking) as program:
        recording = program.run(x, duration=8)
    assert set(recording.spike_counts) == {"relu2"}
    np.testing.assert_array_equal(
        recording.spike_counts["relu2"], np.floor(8 * evaluate(graph, x).reshape(3, -1) + 1e-4)
    )


def tower(depth: int) -> Graph:
    rng = np.random.default_rng(0)
    layers = [op for _ in range(depth) for op in (Dense(rng.normal(size=(4, 4)) / 1.5), Relu())]
    return chain(*layers, Dense(rng.normal(size=(4, 3))))


@pytest.mark.parametrize(("depth", "warm_up"), [(8, 0), (9, 9), (20, 20)])
def test_deep_networks_are_read_out_later(depth: int, warm_up: int) -> None:
    spiking = Rate().apply(tower(depth), Context())
    assert spiking[spiking.outputs[0]].op.warm_up == warm_up


def test_the_first_steps_are_left_out_of_the_scores() -> None:
    spiking = Rate(warm_up=3).apply(tower(2), Context())
    plain = Rate(warm_up=0).apply(tower(2), Context())
    x = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)
    late, early = (NumpySimulator().compile(graph).run(x, duration=8).scores for graph in (spiking, plain))
    np.testing.assert_array_equal(late[:, 0], early[:, 0])
    np.testing.assert_allclose(late[:, 3], (4 * early[:, 3] - 2 * early[:, 1]) / 2, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(late[:, 7], (8 * early[:, 7] - 3 * early[:, 2]) / 5, rtol=1e-4, atol=1e-5)


def test_a_score_does_not_depend_on_how_long_the_run_goes_on() -> None:
    spiking = Rate().apply(tower(12), Context())
    x = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)
    short, long = (NumpySimulator().compile(spiking).run(x, duration=steps).scores for steps in (16, 40))
    np.testing.assert_array_equal(long[:, :16], short)
