"""Windows as Caffe counts them: kernel, stride, padding, and how many fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from snntk_caffe.refusal import Unsupported
from snntk_core.shapes import Shape

LARGEST = 1 << 12  # of a kernel, stride or padding: beyond any use, and before it hurts


@dataclass(frozen=True)
class Window:
    """A window over two axes.  ``ceil``: a last window may hang over the end, as in Caffe's pooling."""

    kernel: Shape
    stride: Shape
    pad: Shape
    dilation: Shape = (1, 1)
    ceil: bool = False
    pools: bool = False

    def counts(self, lengths: Shape) -> Shape:
        """Return how many windows fit along each axis."""
        return tuple(self._count(length, axis) for axis, length in enumerate(lengths))

    def _count(self, length: int, axis: int) -> int:
        stride, pad = self.stride[axis], self.pad[axis]
        room = length + 2 * pad - (self.dilation[axis] * (self.kernel[axis] - 1) + 1)
        if not self.pools:
            return room // stride + 1
        count = (-(-room // stride) if self.ceil else room // stride) + 1
        if any(self.pad) and (count - 1) * stride >= length + pad:
            count -= 1  # a last window that would lie in the padding alone
        return count

    def overhang(self, lengths: Shape) -> Shape:
        """Return how far the last window reaches beyond each axis."""
        starts = ((count - 1) * stride for count, stride in zip(self.counts(lengths), self.stride, strict=True))
        ends = (start + kernel - pad for start, kernel, pad in zip(starts, self.kernel, self.pad, strict=True))
        return tuple(max(end - length, 0) for end, length in zip(ends, lengths, strict=True))


def checked(window: Window) -> Window:
    """Return the window.  Raises `Unsupported` for numbers that make none."""
    if (
        min(*window.kernel, *window.stride, *window.dilation) < 1
        or max(*window.kernel, *window.stride, *window.pad, *window.dilation) > LARGEST
    ):
        raise Unsupported(
            f"kernel {list(window.kernel)}, stride {list(window.stride)}, pad {list(window.pad)} "
            f"and dilation {list(window.dilation)} make no window"
        )
    if window.pools and any(pad >= kernel for pad, kernel in zip(window.pad, window.kernel, strict=True)):
        raise Unsupported(f"its padding {list(window.pad)} is not smaller than its kernel {list(window.kernel)}")
    return window


def pair(message: Any, field: str, stem: str, default: int) -> Shape:
    """Return a parameter along both axes: ``stem_h`` and ``stem_w`` where given, else ``field``, else the default."""
    if message.HasField(f"{stem}_h") or message.HasField(f"{stem}_w"):
        return int(getattr(message, f"{stem}_h")), int(getattr(message, f"{stem}_w"))
    return both(getattr(message, field), field, default)


def both(value: Any, field: str, default: int) -> Shape:
    """Return a parameter that is one number, or a list of none, one or two, along both axes."""
    values = (int(value),) if isinstance(value, int) else tuple(int(item) for item in value)
    if len(values) > 2:
        raise Unsupported(f"{field} is {list(values)}, but an image has two axes")
    first = values[0] if values else default
    return first, (values[1] if len(values) == 2 else first)


def convolution_window(parameters: Any) -> Window:
    """Return the window of a ConvolutionParameter."""
    return checked(
        Window(
            pair(parameters, "kernel_size", "kernel", 0),
            pair(parameters, "stride", "stride", 1),
            pair(parameters, "pad", "pad", 0),
            both(parameters.dilation, "dilation", 1),
        )
    )


def pooling_window(parameters: Any, lengths: Shape) -> Window:
    """Return the window of a PoolingParameter over an image."""
    if parameters.global_pooling:
        return Window(lengths, (1, 1), (0, 0), pools=True)
    return checked(
        Window(
            pair(parameters, "kernel_size", "kernel", 0),
            pair(parameters, "stride", "stride", 1),
            pair(parameters, "pad", "pad", 0),
            ceil=parameters.round_mode == 0,
            pools=True,
        )
    )
