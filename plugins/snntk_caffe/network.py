"""A Caffe network as data: what the files say, and the form that caffe2onnx converts correctly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from snntk_core.ops import Array
from snntk_core.shapes import Shape


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer of the prototxt that is active in a deployed network.

    ``kind``: its type in today's spelling.  ``message``: its LayerParameter or V1LayerParameter.
    """

    name: str
    kind: str
    message: Any
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Entry:
    """A blob that data comes in by: the shape of one sample, with zeros for lengths that the prototxt leaves open."""

    blob: str
    shape: Shape


@dataclass(frozen=True, eq=False)
class Description:
    """What a prototxt says: where data comes in, and the layers in order."""

    label: str
    entries: tuple[Entry, ...]
    layers: tuple[Layer, ...]


@dataclass(frozen=True, eq=False)
class Weights:
    """The arrays of each layer by name, made when asked for."""

    label: str
    arrays: Mapping[str, Callable[[], tuple[Array, ...]]]


@dataclass(frozen=True, eq=False)
class Converted:
    """One layer of the form that caffe2onnx is given, and what of its answer is replaced.

    ``id``: its name there and that of its one top.  ``name``: what people read.  ``parameters``: fields of its
    LayerParameter.  ``pair``: scale and offset of the Scale that goes with a BatchNorm.  ``op``, ``attributes``,
    ``constant_shape``: of the ONNX node, where caffe2onnx does not know them.  ``padding``: zeros put around the
    image before an average that counts them.  ``origin``: the layers of the file that it stands for.
    """

    id: str
    name: str
    kind: str
    bottoms: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    arrays: tuple[Array, ...] = ()
    pair: tuple[Array, ...] = ()
    op: str = ""
    attributes: Mapping[str, Any] | None = None
    constant_shape: Shape | None = None
    padding: Shape = ()
    origin: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Normalized:
    """A network in the form that caffe2onnx converts correctly.

    ``entries``: shapes of one sample by id; ``outputs``: ids; ``blobs``: the name of the file for the ids of both.
    ``kinds``: the layers of the file, with their kinds.
    """

    entries: Mapping[str, Shape]
    layers: tuple[Converted, ...]
    outputs: tuple[str, ...]
    blobs: Mapping[str, str]
    shapes: Mapping[str, Shape]
    kinds: Mapping[str, str] = field(default_factory=dict)
