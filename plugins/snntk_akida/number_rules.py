"""Bits, steps and signs of weights and activations."""

from __future__ import annotations

from collections.abc import Iterator

from snntk_akida.sequence import above, is_first_layer, is_pointwise_half
from snntk_core import DepthwiseConv2D, Graph, Issue, Node, QuantizedRelu, WeightedOp
from snntk_core.number_format import NumberFormat

WEIGHT_BITS = (2, 4, 8)
ACTIVATION_BITS = (1, 2, 4)
QUANTIZE = "Quantize to 2, 4 or 8 bits."


def weights_of_few_bits(graph: Graph, node: Node) -> Iterator[Issue]:
    """Weights have 2, 4 or 8 bits with codes on both sides of zero; those of the first layer any number up to 8."""
    if not isinstance(node.op, WeightedOp):
        return
    found = node.formats.get("weight")
    if found is None:
        yield Issue(node.name, "its weights are not quantized.", QUANTIZE)
        return
    taken = range(2, 9) if is_first_layer(graph, node) else WEIGHT_BITS
    if found.bits not in taken:
        yield Issue(node.name, f"its weights have {found.bits} bits.", QUANTIZE)
    if not found.signed or found.full_range:
        yield Issue(node.name, "the codes of its weights are not symmetric around zero.", "Use a symmetric quantizer.")


def steps_of_outputs(graph: Graph, node: Node) -> Iterator[Issue]:
    """Weights have one step, or one for each output channel; depthwise weights have one."""
    found = node.formats.get("weight")
    if not isinstance(node.op, WeightedOp) or found is None or found.axis is None or found.scale.size == 1:
        return
    if isinstance(node.op, DepthwiseConv2D):
        yield Issue(node.name, "its depthwise weights have more than one step.", "Quantize them per layer.")
    elif found.axis not in (-1, node.op.arrays["weight"].ndim - 1):
        yield Issue(node.name, f"its weights have steps along axis {found.axis}.", "Quantize per output channel.")


def separable_halves_alike(graph: Graph, node: Node) -> Iterator[Issue]:
    """Both halves of a separable convolution have weights of as many bits."""
    first = above(graph, node) if is_pointwise_half(graph, node) else None
    bits = [_bits(each.formats.get("weight")) for each in (first, node) if each is not None]
    if len(bits) == 2 and None not in bits and bits[0] != bits[1]:
        assert first is not None
        yield Issue(node.name, f"its weights have {bits[1]} bits, those of {first.name} {bits[0]}.", "Use as many.")


def activations_of_few_bits(graph: Graph, node: Node) -> Iterator[Issue]:
    """Activations have 1, 2 or 4 bits: 1, 3 or 15 levels."""
    op = node.op
    if isinstance(op, QuantizedRelu) and op.levels not in [2**bits - 1 for bits in ACTIVATION_BITS]:
        yield Issue(node.name, f"it has {op.levels} levels above zero.", "Quantize to 1, 2 or 4 bits.")


def one_step_for_activations(graph: Graph, node: Node) -> Iterator[Issue]:
    """A layer's activations have one step, and rise strictly above half a step."""
    op = node.op
    if not isinstance(op, QuantizedRelu):
        return
    if op.step.size != 1:
        yield Issue(node.name, "its channels have steps of their own.", "Quantize activations per layer.")
    if op.rounding != "half-down":
        remedy = "Quantize activations with quantized-relu, or with ties = down."
        yield Issue(node.name, "it rounds ties to even codes, and Akida down.", remedy)


def _bits(number_format: NumberFormat | None) -> int | None:
    return None if number_format is None else number_format.bits


RULES = (
    *(weights_of_few_bits, steps_of_outputs, separable_halves_alike, activations_of_few_bits),
    one_step_for_activations,
)
