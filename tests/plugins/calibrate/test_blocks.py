"""Blocks: where they end, functions with gradients that equal the reference, and outputs that come closer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from calibrated_networks import chain

from snntk_calibrate import ReconstructBlocks
from snntk_calibrate.blocks import blocks
from snntk_calibrate.differentiable import forward, supported
from snntk_core import (
    Add,
    AveragePool,
    BatchNorm,
    ClippedRelu,
    Concat,
    Context,
    Conv1D,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    FakeQuantize,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Graph,
    Identity,
    Input,
    LeakyRelu,
    MaxPool,
    Multiply,
    Node,
    Op,
    Pad,
    QuantizedRelu,
    Relu,
    Reshape,
    Scale,
    Sigmoid,
    Softmax,
    Subtract,
    Transpose,
    apply,
    evaluate,
)
from snntk_core.errors import Incompatible, OptionError
from snntk_core.quantization import quantize_activations, quantize_weights
from snntk_uniform import MaxPerAxis, Percentile

RNG = np.random.default_rng(0)
QUICK = {"iterations": 60, "batch": 16}


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


OPS: dict[str, tuple[Op, list[tuple[int, ...]]]] = {
    "dense": (Dense(normal(4, 3), normal(3)), [(5, 4)]),
    "conv1d": (Conv1D(normal(3, 2, 6), normal(6), (2,), "same", (2,), 2), [(9, 4)]),
    "conv2d": (Conv2D(normal(3, 2, 4, 5), normal(5), (2, 1), ((1, 0), (0, 2))), [(6, 5, 4)]),
    "grouped conv2d": (Conv2D(normal(2, 2, 2, 6), None, (1, 1), "same", (2, 1), 3), [(6, 5, 6)]),
    "depthwise": (DepthwiseConv2D(normal(3, 3, 4, 2), normal(8), (1, 2), "same"), [(6, 5, 4)]),
    "max pool": (MaxPool((3, 2), (2, 2), "same", True), [(7, 5, 3)]),
    "max pool of a line": (MaxPool((3,), (2,), ((1, 1),)), [(7, 3)]),
    "average pool": (AveragePool((3, 2), (2, 2), ((1, 1), (0, 1)), True), [(8, 5, 3)]),
    "average pool with its padding": (AveragePool((3,), (2,), ((1, 1),), False, True), [(7, 3)]),
    "global average": (GlobalAveragePool(), [(4, 5, 3)]),
    "global maximum": (GlobalMaxPool(True), [(4, 5, 3)]),
    "flatten": (Flatten(), [(4, 5, 3)]),
    "reshape": (Reshape((5, 12)), [(4, 5, 3)]),
    "transpose": (Transpose((2, 0, 1)), [(4, 5, 3)]),
    "pad": (Pad(((1, 2), (-1, 0), (0, 0)), 0.5), [(4, 5, 3)]),
    "scale": (Scale(normal(3), normal(3)), [(4, 5, 3)]),
    "batch norm": (BatchNorm(normal(3), normal(3) ** 2, normal(3), normal(3)), [(4, 5, 3)]),
    "add": (Add(), [(4, 3)] * 3),
    "multiply": (Multiply(), [(4, 3)] * 2),
    "subtract": (Subtract(), [(4, 3)] * 2),
    "concat": (Concat(), [(4, 3), (4, 2)]),
    "identity": (Identity(), [(4, 3)]),
    "relu": (Relu(), [(4, 3)]),
    "leaky relu": (LeakyRelu(0.2), [(4, 3)]),
    "clipped relu": (ClippedRelu(np.float32(0), np.float32(0.5)), [(4, 3)]),
    "quantized relu": (QuantizedRelu(np.float32([0.3, 0.2, 0.1]), 3), [(4, 3)]),
    "quantized relu, half down": (QuantizedRelu(np.float32(0.25), 3, "half-down"), [(4, 3)]),
    "fake quantize": (FakeQuantize(np.float32(0.25), -3, 3), [(4, 3)]),
}


@pytest.mark.parametrize("name", OPS)
def test_functions_with_gradients_are_the_reference(name: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    op, shapes = OPS[name]
    xs = [normal(6, *shape) for shape in shapes]
    tensors = [torch.from_numpy(x).requires_grad_() for x in xs]
    assert supported(op)
    found = forward(
        op, {key: torch.from_numpy(np.array(array, np.float32)) for key, array in op.arrays.items()}, *tensors
    )
    np.testing.assert_allclose(found.detach().numpy(), apply(op, *xs), atol=2e-6)
    found.sum().backward()
    assert all(tensor.grad is not None for tensor in tensors)


def residual() -> Graph:
    """Return a network of a stem, a residual block, and a classifier."""
    rng = np.random.default_rng(3)

    def conv(inputs: int, outputs: int) -> Conv2D:
        return Conv2D(rng.normal(size=(3, 3, inputs, outputs)) / 3, rng.normal(size=outputs), padding="same")

    return Graph(
        (
            Node("input", Input((6, 6, 2))),
            Node("stem", conv(2, 4), ("input",)),
            Node("stem_relu", Relu(), ("stem",)),
            Node("left", conv(4, 4), ("stem_relu",)),
            Node("left_relu", Relu(), ("left",)),
            Node("right", conv(4, 4), ("left_relu",)),
            Node("sum", Add(), ("right", "stem_relu")),
            Node("sum_relu", Relu(), ("sum",)),
            Node("pool", GlobalAveragePool(), ("sum_relu",)),
            Node("head", Dense(rng.normal(size=(4, 3)), rng.normal(size=3)), ("pool",)),
            Node("softmax", Softmax(), ("head",)),
        )
    ).verify()


def quantized(floating: Graph, samples: np.ndarray, bits: int = 2, *, power_of_two: bool = False) -> Graph:
    found = quantize_weights(floating, MaxPerAxis(bits))
    return quantize_activations(found, Percentile(4, power_of_two=power_of_two), samples)


@pytest.mark.parametrize(
    ("least", "ends"), [(1, ["stem_relu", "sum_relu", "head"]), (2, ["sum_relu", "head"]), (9, ["head"])]
)
def test_blocks_end_where_one_value_goes_on_behind_an_activation(least: int, ends: list[str]) -> None:
    found = blocks(residual(), ["stem", "left", "right", "head"], least)
    assert [block.end for block in found] == ends
    assert [block.source for block in found] == ["input", *ends[:-1]]
    assert [name for block in found for name in block.layers] == ["stem", "left", "right", "head"]
    assert [block.end for block in blocks(residual(), ["left"], 1)] == ["sum_relu"]


def noise(floating: Graph, graph: Graph, samples: np.ndarray, name: str) -> float:
    return float(np.square(evaluate(graph, samples, name) - evaluate(floating, samples, name)).mean())


def test_reconstructed_blocks_are_closer_and_stay_on_their_grids() -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    floating, samples = residual(), np.random.default_rng(1).normal(size=(64, 6, 6, 2))
    before, notes, told = quantized(floating, samples), [], []
    context = Context(samples, unquantized=floating, note=notes.append, progress=lambda *now: told.append(now))
    after = ReconstructBlocks(**QUICK).apply(before, context).verify()
    assert noise(floating, after, samples, "sum_relu") < 0.9 * noise(floating, before, samples, "sum_relu")
    assert noise(floating, after, samples, "head") < 0.9 * noise(floating, before, samples, "head")
    for node in after:
        if "weight" in node.formats:
            assert np.array_equal(node.formats["weight"].scale, before[node.name].formats["weight"].scale)
            assert node.formats["weight"].honored_by(node.op.weight)
        if "output" in node.formats:
            assert np.array_equal(node.op.step, node.formats["output"].scale)
    assert not np.array_equal(after["sum_relu"].op.step, before["sum_relu"].op.step)
    assert told == [("reconstruct-blocks: sum_relu", 0, 2), ("reconstruct-blocks: head", 1, 2)]
    again = ReconstructBlocks(**QUICK).apply(before, context)
    np.testing.assert_array_equal(evaluate(after, samples), evaluate(again, samples))
    assert ReconstructBlocks(**QUICK).apply(after, context) is after


def test_what_is_learned_does_not_depend_on_the_unit_of_the_samples() -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    samples, factor, found = np.random.default_rng(1).normal(size=(32, 6, 6, 2)), 1024.0, []
    for unit in (1.0, factor):
        floating = residual()
        for node in residual():
            if "bias" in node.op.arrays:
                floating = floating.replace(node.name, replace(node.op, bias=node.op.bias * unit))
        context = Context(samples * unit, unquantized=floating)
        options = {"iterations": 12, "steps": False, "rate": 0.5}
        found.append(ReconstructBlocks(**options).apply(quantized(floating, samples * unit), context))
    assert not np.array_equal(found[0]["left"].op.bias, residual()["left"].op.bias)
    for one, other in zip(*found, strict=True):
        if "weight" in one.formats:
            np.testing.assert_array_equal(one.op.weight, other.op.weight)
            np.testing.assert_allclose(one.op.bias * factor, other.op.bias, rtol=1e-4, atol=1e-3)


def test_steps_that_are_powers_of_two_stay_and_others_where_asked() -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    floating, samples = residual(), np.random.default_rng(1).normal(size=(32, 6, 6, 2))
    for before, options in (
        (quantized(floating, samples, power_of_two=True), {}),
        (quantized(floating, samples), {"steps": False}),
    ):
        context = Context(samples, unquantized=floating)
        after = ReconstructBlocks(iterations=5, **options).apply(before, context)
        assert all(after[name].op is before[name].op for name in ("stem_relu", "left_relu", "sum_relu"))


def test_blocks_without_gradients_or_gain_stay_and_are_noted() -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    samples = np.random.default_rng(1).normal(size=(32, 3))
    floating = chain((3,), d1=Dense(normal(3, 4)), s=Sigmoid(), d2=Dense(np.float32(np.eye(4))), r=LeakyRelu())
    before, notes = quantize_weights(floating, MaxPerAxis(3)), []
    context = Context(samples, unquantized=floating, note=notes.append)
    after = ReconstructBlocks(iterations=3, least=1).apply(before, context)
    assert all(new is old for new, old in zip(after, before, strict=True))
    assert notes == ["Blocks that stay as they were: d1 (no gradients for Sigmoid); d2 (it got no better)."]


def test_what_it_cannot_do_is_refused_with_a_reason() -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    floating, samples = residual(), normal(4, 6, 6, 2)
    assert ReconstructBlocks().apply(floating, Context(samples)) is floating
    with pytest.raises(Incompatible, match="stem: it is quantized, and its float weights are not known"):
        ReconstructBlocks().apply(quantized(floating, samples), Context(samples))
    with pytest.raises(OptionError, match="least, iterations, batch and rate lie above 0"):
        ReconstructBlocks.configure({"batch": 0})
