"""What calibration promises of any network: errors that fall, grids that stay, and a sentence for what it cannot do."""

from __future__ import annotations

import numpy as np
import pytest
from calibrated_networks import chain
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_calibrate import AdaptRounding, CorrectBiases
from snntk_calibrate.design import Design
from snntk_calibrate.squares import Squares
from snntk_calibrate.walking import Layer, walked
from snntk_core import Conv1D, Conv2D, ConvTranspose2D, Dense, DepthwiseConv2D, Flatten, Graph, Node, Relu, apply
from snntk_core.errors import Incompatible, OptionError
from snntk_core.ops import WeightedOp
from snntk_core.quantization import quantize_activations, quantize_weights
from snntk_core.transform import Context
from snntk_fixedpoint.weights import FixedPoint
from snntk_uniform import MaxPerAxis, Percentile

RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


OPS: dict[str, tuple[WeightedOp, tuple[int, ...]]] = {
    "dense": (Dense(normal(6, 4), normal(4)), (6,)),
    "dense on positions": (Dense(normal(6, 4)), (3, 6)),
    "conv1d": (Conv1D(normal(3, 2, 4), normal(4), (2,), "same", (1,), 2), (9, 4)),
    "conv2d": (Conv2D(normal(3, 2, 4, 5), normal(5), (2, 1), ((1, 0), (0, 2))), (6, 5, 4)),
    "dilated groups": (Conv2D(normal(2, 3, 2, 6), None, (1, 1), "same", (2, 1), 3), (7, 6, 6)),
    "depthwise": (DepthwiseConv2D(normal(3, 3, 4, 2), normal(8), (1, 2), "same"), (6, 5, 4)),
    "transposed": (
        ConvTranspose2D(normal(3, 2, 2, 4), normal(4), (2, 3), ((1, 0), (0, 1)), (1, 0), (1, 2), 2),
        (4, 3, 4),
    ),
}


@pytest.mark.parametrize("name", OPS)
def test_every_weighted_op_is_a_product_of_matrices(name: str) -> None:
    op, shape = OPS[name]
    design, x = Design.of(op), normal(5, *shape)
    weight = op.arrays["weight"]
    np.testing.assert_array_equal(design.weight(design.matrix(weight)), weight)
    products = np.concatenate([rows @ design.matrix(weight) for rows in design.rows(x)], axis=1)
    expected = apply(op, x) - op.arrays.get("bias", 0)
    np.testing.assert_allclose(products, design.outputs(expected), atol=1e-12)


@pytest.mark.parametrize("name", OPS)
def test_the_squared_error_is_the_one_of_the_outputs(name: str) -> None:
    op, shape = OPS[name]
    design, x, moved = Design.of(op), normal(5, *shape), normal(*op.arrays["weight"].shape)
    targets = apply(op, x) + normal(*apply(op, x).shape)
    squares = Squares.of(
        Layer(Node("layer", op), op, [(x[:3],), (x[3:],)], [targets[:3], targets[3:]], False),
        design,
        design.matrix(op.arrays["weight"]),
    )
    found = apply(type(op)(**{**vars(op), "weight": op.arrays["weight"] + moved}), x)
    expected = np.square(design.outputs(found - targets)).mean(axis=1)
    np.testing.assert_allclose(squares.error(design.matrix(moved)), expected, rtol=1e-9)


def network(rng: np.random.Generator, bias: bool = True) -> Graph:
    def offset(n: int) -> np.ndarray | None:
        return rng.normal(size=n) if bias else None

    return chain(
        (6, 6, 2),
        c1=Conv2D(rng.normal(size=(3, 3, 2, 4)), offset(4), padding="same"),
        r1=Relu(),
        dw=DepthwiseConv2D(rng.normal(size=(3, 3, 4, 1)), None),
        pw=Conv2D(rng.normal(size=(1, 1, 4, 5)), offset(5)),
        r2=Relu(),
        fl=Flatten(),
        d=Dense(rng.normal(size=(80, 3)), offset(3)),
    )


def errors(graph: Graph, context: Context, reads: str) -> dict[str, np.ndarray]:
    """Return the squared error of each channel of each layer."""
    found = {}

    def measured(layer: Layer) -> Node:
        pairs = zip(layer.outputs(layer.node.op), layer.targets, strict=True)
        found[layer.node.name] = np.mean(
            [np.square(a - b).reshape(-1, a.shape[-1]).mean(axis=0) for a, b in pairs], axis=0
        )
        return layer.node

    walked(graph, context, "test", "*", reads, measured)
    return found


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**16), bits=st.sampled_from([2, 3, 4]), reads=st.sampled_from(["float", "quantized"]))
def test_no_channel_is_worse_than_with_nearest_rounding(seed: int, bits: int, reads: str) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    rng = np.random.default_rng(seed)
    floating, samples = network(rng), rng.normal(size=(24, 6, 6, 2))
    quantized = quantize_weights(floating, MaxPerAxis(bits))
    context = Context(samples, unquantized=floating)
    after = AdaptRounding(reads=reads, iterations=40).apply(quantized, context).verify()
    for node in quantized:
        if "weight" not in node.formats:
            continue
        assert after[node.name].formats["weight"] is node.formats["weight"]
        low = np.floor(
            floating[node.name].op.weight / node.formats["weight"].decode(np.ones(node.op.weight.shape, int))
        )
        codes = node.formats["weight"].encode(after[node.name].op.weight)
        assert np.all((codes - low >= -1) & (codes - low <= 1))
        # the layers before are the adapted ones for both: only this layer goes back to nearest rounding
        nearest = after.replace(node.name, node.op, formats=node.formats)
        ours, theirs = (errors(graph, context, reads)[node.name] for graph in (after, nearest))
        assert np.all(ours <= theirs * (1 + 1e-6) + 1e-12)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**16), reads=st.sampled_from(["float", "quantized"]), bias=st.booleans())
def test_corrected_layers_keep_their_means(seed: int, reads: str, bias: bool) -> None:
    rng = np.random.default_rng(seed)
    floating, samples = network(rng, bias), rng.normal(size=(24, 6, 6, 2))
    quantized = quantize_weights(floating, MaxPerAxis(3))
    quantized = quantize_activations(quantized, Percentile(3), samples)
    context, means = Context(samples, unquantized=floating), {}
    after = CorrectBiases(reads=reads).apply(quantized, context).verify()

    def measured(layer: Layer) -> Node:
        (found,), (target,) = layer.outputs(layer.node.op), layer.targets
        axes = tuple(range(found.ndim - 1))
        means[layer.node.name] = np.abs((found - target).mean(axis=axes)).max() / np.abs(target).max()
        return layer.node

    walked(after, context, "test", "*", reads, measured)
    assert after["dw"].op.bias is None
    assert max(means[name] for name in ("c1", "pw", "d")) < 1e-6


def test_a_bias_stays_on_its_grid() -> None:
    floating, samples = network(RNG), RNG.normal(size=(24, 6, 6, 2))
    quantized = quantize_weights(floating, FixedPoint(m=2, f=2, bias_f=5))
    after = CorrectBiases().apply(quantized, Context(samples, unquantized=floating))
    names = ("c1", "pw", "d")
    assert all(after[name].formats["bias"].honored_by(after[name].op.bias) for name in names)
    assert not all(np.array_equal(after[name].op.bias, quantized[name].op.bias) for name in names)


@pytest.mark.parametrize("method", [AdaptRounding, CorrectBiases])
def test_only_the_layers_of_a_pattern_change(method: type) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    floating, samples = network(RNG), RNG.normal(size=(24, 6, 6, 2))
    quantized = quantize_weights(floating, MaxPerAxis(2))
    after = method(layers="p*").apply(quantized, Context(samples, unquantized=floating))
    assert [new.name for new, old in zip(after, quantized, strict=True) if new is not old] == ["pw"]


@pytest.mark.parametrize("method", [AdaptRounding, CorrectBiases])
def test_what_is_not_quantized_stays_and_an_unknown_float_network_is_refused(method: type) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    floating, samples = network(RNG), RNG.normal(size=(4, 6, 6, 2))
    assert method().apply(floating, Context(samples)) is floating
    quantized = quantize_weights(floating, MaxPerAxis(2))
    with pytest.raises(Incompatible, match="c1: it is quantized, and its float weights are not known"):
        method().apply(quantized, Context(samples))
    other = chain((6, 6, 2), c1=Conv2D(normal(1, 1, 2, 4)))
    with pytest.raises(Incompatible, match="another layer than in the float network") as error:
        method().apply(quantized, Context(samples, unquantized=other))
    assert [issue.node for issue in error.value.issues] == ["c1", "dw", "pw", "d"]


def test_layers_that_stay_at_nearest_rounding_are_noted() -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    floating = chain((4,), d=Dense(np.diag([1.0, 0.5, 0.25, 1.0])))
    quantized, notes = quantize_weights(floating, MaxPerAxis(4)), []
    context = Context(np.eye(4), unquantized=floating, note=notes.append)
    after = AdaptRounding().apply(quantized, context)
    np.testing.assert_array_equal(after["d"].op.weight, quantized["d"].op.weight)
    assert notes == ["Nearest rounding stays, as no other was better: d."]


def test_options_that_cannot_be_are_refused() -> None:
    with pytest.raises(OptionError, match="iterations and rate lie above 0"):
        AdaptRounding.configure({"iterations": 0})
