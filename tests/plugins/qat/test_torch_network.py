"""Graphs that train in torch: they compute what the graph does, gradients pass straight, and a graph comes back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import snntk
from snntk import qat
from snntk_core import Conv2D, Dense, Flatten, Graph, Input, Node, NumberFormat, QuantizedRelu, Readout, Relu, evaluate
from snntk_core.errors import Incompatible, SnntkError
from snntk_core.testing.random_graphs import random_batch, random_graph

torch = pytest.importorskip("torch", reason="torch is not installed")


def outputs(module, batch):
    with torch.no_grad():
        found = module.eval()(torch.from_numpy(batch))
    return (found[0] if isinstance(found, tuple) else found).numpy()


def small(bits: int = 4) -> tuple[Graph, Graph]:
    """Return a float network and the same, quantized."""
    rng = np.random.default_rng(0)
    kernel, weight = (rng.normal(size=shape).astype(np.float32) for shape in ((3, 3, 2, 4), (64, 3)))
    graph = Graph((
        Node("in", Input((6, 6, 2))),
        Node("conv", Conv2D(kernel, np.ones(4, np.float32)), ("in",)),
        Node("relu", Relu(), ("conv",)),
        Node("flat", Flatten(), ("relu",)),
        Node("last", Dense(weight), ("flat",)),
    ))  # fmt: skip
    return graph, snntk.quantize(graph, weight_bits=bits, activation_bits=bits)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 5000), bits=st.integers(1, 8), learn=st.booleans())
def test_any_network_computes_what_its_graph_does(seed, bits, learn) -> None:
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, dtype=np.float32)
    batch = random_batch(rng, graph, 4).astype(np.float32)
    if bits > 1 and not any(isinstance(node.op, QuantizedRelu) for node in graph):
        graph = snntk.quantize(graph, weight_bits=bits, activation_bits=bits, calibration=batch)
    module = qat.torch_module(graph, learn_steps=learn)
    expected = evaluate(graph, batch)
    np.testing.assert_allclose(outputs(module, batch), expected, atol=1e-5 * max(1, np.abs(expected).max()))
    again = qat.graph_of(module)
    np.testing.assert_array_equal(evaluate(again, batch), expected)
    assert [node.formats.keys() for node in again] == [node.formats.keys() for node in graph]


@pytest.mark.parametrize("weights", ["max", "std-per-axis", "binary", "ternary", "fixed-point"])
def test_trained_weights_lie_on_grids(weights) -> None:
    floating, _ = small()
    graph = snntk.quantize(floating, weight_bits=3, activation_bits=3, weights=weights)
    module = qat.torch_module(graph, start=floating)
    batch = np.random.default_rng(1).normal(size=(16, 6, 6, 2)).astype(np.float32)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05)
    module(torch.from_numpy(batch)).square().mean().backward()
    optimizer.step()
    after = qat.graph_of(module).verify()
    assert (after["conv"].op.weight != graph["conv"].op.weight).any()
    for name in ("conv", "last"):
        assert after[name].formats["weight"].honored_by(after[name].op.weight)
        np.testing.assert_array_equal(after[name].formats["weight"].scale, graph[name].formats["weight"].scale)
    np.testing.assert_allclose(outputs(module, batch), evaluate(after, batch), atol=1e-5)


def test_rounding_passes_gradients_and_clipping_does_not() -> None:
    weight = np.array([[0.26, 5.0, -0.9]], np.float32)
    form = NumberFormat(3, np.float32(0.5))
    graph = Graph((
        Node("in", Input((1,))),
        Node("dense", Dense(form.round(weight)), ("in",), {"weight": form}),
        Node("relu", QuantizedRelu(np.float32(0.5), 2), ("dense",)),
    ))  # fmt: skip
    start = graph.replace("dense", Dense(weight), formats={})
    module = qat.torch_module(graph, start=start)
    y = module(torch.ones(1, 1))
    np.testing.assert_array_equal(y.detach().numpy(), [[0.5, 1.0, 0.0]])
    y.sum().backward()
    # the first passes; the second is clipped twice; the third is silent
    np.testing.assert_array_equal(module.values["1_weight"].grad.numpy(), [[1.0, 0.0, 0.0]])


def test_steps_that_train_stay_above_zero_and_reach_the_graph() -> None:
    _, graph = small(2)
    module = qat.torch_module(graph, learn_steps=True)
    batch = np.random.default_rng(1).normal(size=(16, 6, 6, 2)).astype(np.float32)
    optimizer = torch.optim.SGD(module.changes.parameters(), lr=1000.0)
    (1e3 * module(torch.from_numpy(batch)).square().mean()).backward()
    torch.nn.utils.clip_grad_value_(module.parameters(), 1e-3)
    optimizer.step()
    after = qat.graph_of(module).verify()
    assert (after["relu"].op.step > 0).all()
    assert (after["relu"].op.step != graph["relu"].op.step).all()
    np.testing.assert_array_equal(after["relu"].formats["output"].scale, after["relu"].op.step)
    assert (after["conv"].formats["weight"].scale != graph["conv"].formats["weight"].scale).any()
    np.testing.assert_allclose(outputs(module, batch), evaluate(after, batch), rtol=1e-5, atol=1e-5)


def test_a_module_keeps_its_training_in_a_state_dict() -> None:
    _, graph = small()
    module, again = qat.torch_module(graph), qat.torch_module(graph)
    with torch.no_grad():
        for value in module.parameters():
            value.mul_(0.5)
    again.load_state_dict(module.state_dict())
    for one, other in zip(qat.graph_of(module), qat.graph_of(again), strict=True):
        for name, array in one.op.arrays.items():
            np.testing.assert_array_equal(array, other.op.arrays[name])


@pytest.mark.parametrize("link", ["identity", "softmax", "log-softmax", "sigmoid", "tanh"])
def test_the_readout_that_a_recipe_makes_first(link) -> None:
    _, graph = small()
    graph = graph.insert_after("last", "scores", Readout(link=link))
    batch = np.random.default_rng(1).normal(size=(5, 6, 6, 2)).astype(np.float32)
    np.testing.assert_allclose(outputs(qat.torch_module(graph), batch), evaluate(graph, batch), atol=1e-5)


def test_what_cannot_be_trained_is_named() -> None:
    floating, graph = small()
    spiking = snntk.convert(floating, calibration=np.ones((4, 6, 6, 2), np.float32))
    with pytest.raises(Incompatible, match=r"a SpikeSource has no gradient here\. Train the analog"):
        qat.torch_module(spiking)
    with pytest.raises(SnntkError, match=r"A snntk\.Graph is needed, got a str"):
        qat.torch_module("model.onnx")
    other = Graph(tuple(node for node in floating if node.name != "last"))
    with pytest.raises(Incompatible, match="last: the network to start from has no weight of shape"):
        qat.torch_module(graph, start=other)
    with pytest.raises(SnntkError, match="parse others with"):
        qat.graph_of(torch.nn.Linear(2, 2))
    module = qat.torch_module(graph)
    with torch.no_grad():
        next(iter(module.parameters())).fill_(float("nan"))
    with pytest.raises(SnntkError, match="is not finite; train with a smaller learning rate"):
        qat.graph_of(module)
