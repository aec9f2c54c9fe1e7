"""The random graphs are valid, repeatable, finite, and cover the vocabulary."""

import numpy as np

from snntk_core import ops
from snntk_core.ops import ActivationOp, NeuronOp, WeightedOp
from snntk_core.reference import evaluate
from snntk_core.testing.random_graphs import random_batch, random_graph

SEEDS = range(300)


def drawn(**options: bool) -> list[ops.Op]:
    return [node.op for seed in SEEDS for node in random_graph(np.random.default_rng(seed), **options)]


def test_every_op_of_an_analog_network_turns_up() -> None:
    classes = {value for value in vars(ops).values() if isinstance(value, type) and issubclass(value, ops.Op)}
    abstract = {ops.Op, ops.LinearOp, ops.WeightedOp, ops.AnalogOp, ops.ActivationOp, ops.NeuronOp}
    expected = {cls for cls in classes - abstract if not issubclass(cls, NeuronOp)}
    assert expected - {type(op) for op in drawn()} == set()


def test_one_seed_gives_one_finite_graph() -> None:
    for seed in SEEDS[:100]:
        rng = np.random.default_rng(seed)
        graph, again = random_graph(rng), random_graph(np.random.default_rng(seed))
        assert str(graph) == str(again)
        batch = random_batch(rng, graph)
        for name in graph.outputs:
            assert np.isfinite(evaluate(graph, batch, name)).all()


def test_a_spiking_friendly_graph_has_one_rectifier_between_weighted_ops() -> None:
    for seed in SEEDS[:100]:
        graph = random_graph(np.random.default_rng(seed), spiking_friendly=True)
        open_ends: set[str] = set()
        for node in graph:
            follows = any(name in open_ends for name in node.inputs)
            assert not (follows and isinstance(node.op, WeightedOp)), f"seed {seed}"
            if isinstance(node.op, WeightedOp) or (follows and not isinstance(node.op, ActivationOp)):
                open_ends.add(node.name)


def test_weights_have_the_dtype_asked_for() -> None:
    graph = random_graph(np.random.default_rng(1), dtype=np.float32, depth=20)
    assert {array.dtype for node in graph for array in node.op.arrays.values()} == {np.dtype(np.float32)}
