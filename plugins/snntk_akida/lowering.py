"""From a quantized network to integers: the arithmetic of Akida's first version.

An input is fed as integers ``a = S * x + shift``.  With weight codes ``W = q * F``, ``F`` one over the step, a layer
has the potential ``P = sum(W * a)``, the largest of a window or the sum over the map where it pools, and puts out
``n = clip(ceil((P - threshold) / (act_step * 16 / 2^bits)), 0, 2^bits - 1)``, where, with a mean over ``G`` positions,

``threshold = floor(G * (S * F * (step / 2 - bias) + shift * sum(W)))``, ``act_step = G * S * F * step * 2^bits / 16``.

The last layer, without activation, has ``step / 2 = 0`` and ``act_step = G * S * F``; ``(P - threshold) / act_step`` is
its output.  ``S`` of the next layer is one over the step of the activation.  Source: cnn2snn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from snntk_akida.sequence import POOLS, above, below, is_pointwise_half
from snntk_core import (
    Array,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePool,
    Graph,
    Issue,
    Node,
    Op,
    QuantizedRelu,
    Scale,
    WeightedOp,
)
from snntk_core.errors import Incompatible
from snntk_core.scaling import pads
from snntk_core.shapes import size

LARGEST = 2**31 - 1
LARGEST_PIXEL, LARGEST_EVENT = 255, 15
SMALLEST_STEP = 1 / 16


@dataclass(frozen=True, eq=False)
class Block:
    """A layer in integers.

    ``codes``: the int8 codes of each op with weights, the depthwise one first.  ``ops``: these ops and the pooling, in
    order.  ``threshold``: (units,) int32.  ``act_step``: (units,) float32.  ``bits`` of what it puts out, 0 for the
    potential.  ``padding``: the integer that stands for zero around the input.
    """

    name: str
    codes: Mapping[str, Array]
    ops: Mapping[str, Op]
    threshold: Array
    act_step: Array
    bits: int
    padding: int = 0


@dataclass(frozen=True)
class Feed:
    """How integers stand for what a layer reads: ``a = scale * x + shift``; none is above ``largest``.

    ``stands_for_input``: the input is these integers already, and a `Scale` behind it makes ``x`` of them.
    """

    scale: float
    shift: float
    largest: int
    stands_for_input: bool = False


def lower(graph: Graph, input_scale: float, input_shift: int) -> tuple[Block, ...]:
    """Return the blocks of a network that keeps the rules of version 1.

    ``input_scale``, ``input_shift``: the feed of the input, unless a `Scale` behind it says so.  Raises `Incompatible`
    for both of them, and for a layer whose integers need more than 32 bits.
    """
    feed = input_feed(graph, input_scale, input_shift)
    blocks = []
    for node in graph:
        if isinstance(node.op, Conv2D | Dense):
            block, feed = _block(graph, node, feed)
            blocks.append(block)
    return tuple(blocks)


def input_feed(graph: Graph, scale: float, shift: int) -> Feed:
    """Return how a network is fed: images with 8 bits, vectors with 4.

    Raises `Incompatible` where a `Scale` behind the input says so, and options do too.
    """
    largest = LARGEST_PIXEL if len(graph.shapes[graph.source.name]) == 3 else LARGEST_EVENT
    rescaling = [node for node in graph if isinstance(node.op, Scale)]
    if not rescaling:
        return Feed(scale, shift, largest)
    (node,) = rescaling
    assert isinstance(node.op, Scale)
    if (scale, shift) != (1, 0):
        remedy = "Leave input_scale and input_shift as they are, or take the Scale out of the network."
        raise Incompatible("akida", [Issue(node.name, "it says how the input is scaled, and so do options.", remedy)])
    factor = float(node.op.factor.item())
    offset = 0.0 if node.op.offset is None else float(node.op.offset.item())
    return Feed(1 / factor, -offset / factor, largest, stands_for_input=True)


def _block(graph: Graph, node: Node, feed: Feed) -> tuple[Block, Feed]:
    halves = [first] if is_pointwise_half(graph, node) and (first := above(graph, node)) else []
    layers = [*halves, node]
    codes = {each.name: each.formats["weight"].encode(each.op.arrays["weight"]) for each in layers}
    following = _following(graph, node)
    pools = [each for each in following if isinstance(each.op, POOLS)]
    relu = next((each.op for each in following if isinstance(each.op, QuantizedRelu)), None)
    averaged = any(isinstance(pool.op, GlobalAveragePool) for pool in pools)
    group = size(graph.shapes[node.name][:-1]) if averaged else 1
    gain = feed.scale / prod(each.formats["weight"].scale.astype(np.float64) for each in layers)
    assert isinstance(node.op, WeightedOp)
    bias = np.zeros(node.op.units) if node.op.arrays.get("bias") is None else node.op.arrays["bias"].astype(np.float64)
    step = 0.0 if relu is None else float(relu.step.item())
    bits = 0 if relu is None else (relu.levels + 1).bit_length() - 1
    moved = feed.shift * _sums(codes[node.name]) if feed.shift else 0.0
    threshold = np.floor(group * (gain * (step / 2 - bias) + moved))
    act_step = group * gain * (step * 2**bits / 16 if relu is not None else np.ones(node.op.units))
    issues = _too_large(graph, layers, codes, group * feed.largest, threshold) + _split_zero(graph, layers[0], feed)
    if bits > 1 and np.min(act_step) < SMALLEST_STEP:  # a single code has no step behind its threshold
        problem = f"its codes lie {np.min(act_step):.3g} apart on a scale of integers; {SMALLEST_STEP} is the least."
        issues.append(Issue(node.name, problem, "Use more bits for its weights, or a larger input_scale."))
    if issues:
        raise Incompatible("akida", issues)
    block = Block(
        node.name,
        {name: each.astype(np.int8) for name, each in codes.items()},
        {each.name: each.op for each in (*layers, *pools)},
        threshold.astype(np.int32),
        np.broadcast_to(act_step, (node.op.units,)).astype(np.float32),
        bits,
        round(feed.shift),
    )
    return block, Feed(1 / step if step else 1.0, 0, 2**bits - 1)


def _following(graph: Graph, node: Node) -> list[Node]:
    """Return what stands between a layer and the next weights."""
    found: list[Node] = []
    following = below(graph, node)
    while following is not None and not isinstance(following.op, WeightedOp):
        found.append(following)
        following = below(graph, following)
    return found


def _sums(codes: Array) -> Array:
    return np.asarray(codes.sum(axis=tuple(range(codes.ndim - 1))))


def _too_large(
    graph: Graph, layers: list[Node], codes: Mapping[str, Array], largest: int, threshold: Array
) -> list[Issue]:
    reach = np.asarray(largest, np.float64)
    for layer in layers:
        weight = np.abs(codes[layer.name]).astype(np.float64)
        axes = (0, 1, 3) if isinstance(layer.op, DepthwiseConv2D) else tuple(range(weight.ndim - 1))
        reach = (weight * (reach[:, None] if reach.ndim else reach)).sum(axis=axes)
    worst = max(float(reach.max()), float(np.abs(threshold).max()))
    if worst <= LARGEST:
        return []
    problem = f"its integers may reach {worst:.3g}, more than 32 bits hold."
    return [Issue(layers[-1].name, problem, "Use fewer bits or inputs.")]


def _split_zero(graph: Graph, layer: Node, feed: Feed) -> list[Issue]:
    if float(feed.shift).is_integer() or not pads(layer.op, graph.shapes[layer.inputs[0]]):  # type: ignore[arg-type]
        return []
    problem = f"it pads with zeros, and no integer input stands for zero ({feed.shift:g} would)."
    return [Issue(layer.name, problem, "Rescale the input so that a whole number becomes zero.")]
