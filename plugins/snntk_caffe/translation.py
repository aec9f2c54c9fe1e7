"""What the builder of a kind of layer works with: one layer, and the normalized network so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snntk_caffe.network import Converted, Layer
from snntk_caffe.refusal import Unsupported, printable
from snntk_core.ops import Array
from snntk_core.shapes import Shape, size

ELEMENTS = 1 << 28  # of one sample of a value
LAYERS = 3_000  # caffe2onnx compares every layer with every other
MARK = "snntk:"
ID_LENGTH = len(MARK) + 6


@dataclass
class Translation:
    """The normalized network so far."""

    layers: list[Converted] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)  # of one sample, channels first, by id
    count: int = 0

    def new_id(self) -> str:
        """Return an id that no name of a file can be."""
        self.count += 1
        return f"{MARK}{self.count:06}"

    def append(self, layer: Converted, shape: Shape) -> str:
        """Add a layer and return its id."""
        if len(self.layers) >= LAYERS:
            raise Unsupported(f"the network becomes more than {LAYERS} layers")
        if min(shape, default=1) < 1:
            raise Unsupported(f"its output has the shape {list(shape)}, which holds nothing")
        if size(shape) > ELEMENTS:
            raise Unsupported(f"its output has the shape {list(shape)}, which is too large")
        self.layers.append(layer)
        self.shapes[layer.id] = shape
        return layer.id


@dataclass(frozen=True, eq=False)
class Call:
    """One layer of the file, about to be converted.  ``inputs``: the ids of what it reads."""

    translation: Translation
    layer: Layer
    inputs: tuple[str, ...]
    weights: Callable[[], tuple[Array, ...]] | None

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The shapes of one sample of each input."""
        return tuple(self.translation.shapes[name] for name in self.inputs)

    @property
    def shape(self) -> Shape:
        """The shape of one sample of the only input."""
        if len(self.inputs) != 1:
            raise Unsupported(f"it reads {len(self.inputs)} blobs, but only one is supported")
        return self.shapes[0]

    @property
    def image(self) -> Shape:
        """The shape of one sample of the only input, which must be an image."""
        if len(self.shape) != 3:
            raise Unsupported(f"it reads samples of shape {list(self.shape)}, but only images are supported")
        return self.shape

    def parameters(self, name: str) -> Any:
        """Return a group of parameters, such as ``pooling_param``."""
        return getattr(self.layer.message, name)

    def axis(self, axis: int) -> int:
        """Return an axis of a whole blob as one of a sample.  Raises `Unsupported` for the batch."""
        rank = len(self.shapes[0]) + 1
        if not -rank <= axis < rank or axis % rank == 0:
            raise Unsupported(f"the axis {axis} is the batch or does not fit {rank} axes")
        return axis % rank - 1

    def arrays(self, count: int) -> tuple[Array, ...]:
        """Return the layer's weights, which must be ``count`` arrays."""
        if self.weights is None:
            raise Unsupported("the weights file holds nothing for it; give the file that was trained with this network")
        found = self.weights()
        if len(found) != count:
            raise Unsupported(f"the weights file holds {len(found)} arrays for it, but {count} are needed")
        return found

    def add(
        self, kind: str, shape: Shape, inputs: tuple[str, ...] | None = None, suffix: str = "", **details: Any
    ) -> str:
        """Add a layer named after the file's own and return its id."""
        made = Converted(
            self.translation.new_id(),
            self.layer.name + suffix,
            kind,
            self.inputs if inputs is None else inputs,
            origin=(printable(self.layer.name),),
            **details,
        )
        return self.translation.append(made, shape)


def fitted(array: Array, shape: Shape, what: str) -> Array:
    """Return an array in its shape; old files keep four axes, with leading ones.

    Raises `Unsupported` where the shapes differ otherwise.
    """
    if _short(array.shape) != _short(shape):
        raise Unsupported(f"its {what} has the shape {list(array.shape)}, but {list(shape)} is needed")
    return np.ascontiguousarray(array.reshape(shape))


def _short(shape: Shape) -> Shape:
    first = next((axis for axis, length in enumerate(shape) if length != 1), len(shape))
    return shape[first:]
