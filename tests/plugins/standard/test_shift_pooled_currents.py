"""shift-pooled-currents: networks that pool a layer of weights with no activation become convertible."""

from __future__ import annotations

import numpy as np
import pytest

import snntk
from snntk_core import Context, Conv2D, Dense, Flatten, Graph, Input, MaxPool, Node, Relu, Scale, evaluate
from snntk_core.errors import Incompatible
from snntk_standard import ShiftPooledCurrents

RNG = np.random.default_rng(0)
CALIBRATION = RNG.uniform(0, 1, (200, 8, 8, 2))


def pooled(padding: str = "valid") -> Graph:
    """Return conv, max pooling, conv, max pooling, dense: the shape of the first Caffe examples."""
    nodes = (
        Node("image", Input((8, 8, 2))),
        Node("conv", Conv2D(RNG.normal(size=(3, 3, 2, 4)), RNG.normal(size=4), padding="same"), "image"),
        Node("pool", MaxPool((2, 2)), "conv"),
        Node("next", Conv2D(RNG.normal(size=(3, 3, 4, 3)), None, padding=padding), "pool"),
        Node("last", MaxPool((2, 2)), "next"),
        Node("flat", Flatten(), "last"),
        Node("hidden", Dense(RNG.normal(size=(3 if padding == "valid" else 12, 6))), "flat"),
        Node("relu", Relu(), "hidden"),
        Node("scores", Dense(RNG.normal(size=(6, 3))), "relu"),
    )
    return Graph(nodes).verify()


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_it_changes_nothing_on_the_calibration_samples(padding: str) -> None:
    graph = pooled(padding)
    after = ShiftPooledCurrents().apply(graph, Context(CALIBRATION)).verify()
    np.testing.assert_allclose(evaluate(after, CALIBRATION), evaluate(graph, CALIBRATION), atol=1e-9)
    for pool in ("pool", "last"):
        assert isinstance(after[after[pool].inputs[0]].op, Relu)
    if padding == "valid":
        assert not [node.name for node in after if isinstance(node.op, Scale)]
    assert ShiftPooledCurrents().apply(after, Context(CALIBRATION)) is after


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_the_spiking_network_agrees_in_the_end(padding: str) -> None:
    graph = pooled(padding)
    x = CALIBRATION[:20]
    spiking = snntk.convert(graph, calibration=CALIBRATION)
    scores = snntk.simulate(spiking, x, steps=512).scores[:, -1]
    truth = evaluate(graph, x)
    assert np.abs(scores - truth).mean() <= 0.02 * np.abs(truth).max()


def test_pooled_activations_and_unpooled_weights_stay() -> None:
    graph = pooled()
    for name in ("conv", "next"):
        graph = graph.insert_after(name, f"{name}_relu", Relu())
    assert ShiftPooledCurrents().apply(graph, Context(CALIBRATION)) is graph


def test_without_calibration_samples_it_says_so() -> None:
    with pytest.raises(Incompatible, match="pool: no calibration samples"):
        ShiftPooledCurrents().apply(pooled(), Context())
