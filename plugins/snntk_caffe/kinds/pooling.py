"""The builder of pooling, whose windows Caffe counts and clips in its own way."""

from __future__ import annotations

from typing import Any

from snntk_caffe.geometry import Window, pooling_window
from snntk_caffe.refusal import Unsupported
from snntk_caffe.translation import Call
from snntk_core.shapes import Shape

MAX, AVERAGE = 0, 1


def _pooling(call: Call) -> str:
    channels, *rest = call.image
    lengths, parameters = tuple(rest), call.parameters("pooling_param")
    if parameters.pool not in (MAX, AVERAGE):
        raise Unsupported("it draws at random (STOCHASTIC); only MAX and AVE are supported")
    window = pooling_window(parameters, lengths)
    counts = window.counts(lengths)
    starts = ((count - 1) * stride - pad for count, stride, pad in zip(counts, window.stride, window.pad, strict=True))
    if any(start >= length for start, length in zip(starts, lengths, strict=True)):
        raise Unsupported(
            f"its last window lies outside an image of {list(lengths)}, where Caffe's output is undefined"
        )
    fields: dict[str, Any] = {"pool": parameters.pool, "global_pooling": parameters.global_pooling}
    if parameters.global_pooling:
        return call.add("Pooling", (channels, *counts), parameters={"pooling_param": fields})
    fields |= {"kernel_h": window.kernel[0], "kernel_w": window.kernel[1]}
    fields |= {"stride_h": window.stride[0], "stride_w": window.stride[1]}
    attributes, padding = _windows(window, lengths, average=parameters.pool == AVERAGE)
    details = {"parameters": {"pooling_param": fields}, "attributes": attributes, "padding": padding}
    return call.add("Pooling", (channels, *counts), **details)


def _windows(window: Window, lengths: Shape, *, average: bool) -> tuple[dict[str, Any], Shape]:
    """The attributes of the ONNX node, and the zeros to put around the image before it.

    Every window is spelled out as padding.  A maximum never takes padding.  An average divides by what of its window
    lies on the image and its padding, but not by what hangs over both.
    """
    before, after = window.pad, window.overhang(lengths)
    attributes: dict[str, Any] = {"kernel_shape": window.kernel, "strides": window.stride, "pads": before + after}
    if not average:
        return attributes, ()
    within = all(end <= pad for end, pad in zip(after, before, strict=True))
    if within or not any(before):
        return {**attributes, "count_include_pad": int(within and any(before))}, ()
    beyond = tuple(max(end - pad, 0) for end, pad in zip(after, before, strict=True))
    return {**attributes, "pads": (0, 0, *beyond), "count_include_pad": 0}, before


POOLING = {"Pooling": _pooling}
"""The builder of pooling."""
