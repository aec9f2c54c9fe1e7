"""What scaling leaves of number formats: a grid whose steps are scaled with the values is still a grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snntk_core import Array, ClippedRelu, DepthwiseConv2D, Node, NumberFormat, QuantizedRelu, Relu, WeightedOp


def divided(node: Node, scale: Array) -> Node:
    """Return a rectified activation whose output is divided by ``scale``, (channels,), and its format with it."""
    op, formats = node.op, dict(node.formats)
    if isinstance(op, ClippedRelu):
        dtype = np.float32
        return replace(node, op=ClippedRelu((op.lower / scale).astype(dtype), (op.upper / scale).astype(dtype)))
    if isinstance(op, QuantizedRelu):
        step = _plain((op.step.astype(np.float64) / scale).astype(np.float32))
        if "output" in formats:
            formats["output"] = replace(formats["output"], scale=step, axis=-1 if step.ndim else None)
        return replace(node, op=replace(op, step=step), formats=formats)
    assert isinstance(op, Relu), "only rectified activations are scaled"
    return node


def on_scaled_grids(node: Node, op: WeightedOp, inputs: Array, outputs: Array) -> Node | None:
    """Return the node with the scaled ``op`` and its formats scaled, or None where the values leave their grids.

    ``inputs``, ``outputs``: the factors of the input's and the output's channels that made ``op`` of the node's.  One
    step for each output channel is enough when all inputs are scaled alike, or when an output has one input.
    """
    if not node.formats:
        return None
    depthwise = isinstance(op, DepthwiseConv2D)
    if depthwise and len(inputs) == len(outputs):
        factor, axis = inputs * outputs, 2
    elif not depthwise and (inputs == inputs[0]).all():
        factor, axis = inputs[0] * outputs, op.arrays["weight"].ndim - 1
    else:
        return None
    scaled = {"weight": (factor, axis), "bias": (outputs, 0)}
    arrays, formats = dict(op.arrays), {}
    for role, (factors, along) in scaled.items():
        if role in node.formats:
            old, array = node.formats[role], node.op.arrays[role]
            if old.axis is not None and old.axis % array.ndim != along:
                return None
            formats[role] = _scaled(old, factors, along)
            arrays[role] = formats[role].decode(old.encode(array))
    return replace(node, op=replace(op, **arrays), formats=formats)


def _scaled(old: NumberFormat, factor: Array, axis: int) -> NumberFormat:
    steps = _plain((old.scale.astype(np.float64) * factor).astype(np.float32))
    return replace(old, scale=steps, axis=axis if steps.ndim else None)


def _plain(steps: Array) -> Array:
    """Return a scalar for equal steps."""
    return np.asarray(steps.reshape(-1)[0]) if (steps == steps.reshape(-1)[0]).all() else steps
