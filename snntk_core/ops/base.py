"""What every op is: frozen attributes and arrays, an arity, and a rule for shapes.  Meaning is in `reference`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from snntk_core.shapes import Shape

Array = NDArray[Any]


def array_field(default: Any = ...) -> Any:
    """Declare a dataclass field that holds an array, made read-only on entry; or None, where that is the default."""
    metadata = {"array": True}
    return field(metadata=metadata) if default is ... else field(default=default, metadata=metadata)


def read_only(value: Any) -> Array:
    """Return ``value`` as a read-only array that nobody else can write to; shared when it already is one."""
    array = np.asarray(value)
    if array.flags.writeable or not array.flags.owndata:
        array = np.array(array, order="C")
        array.flags.writeable = False
    return array


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value


@dataclass(frozen=True, eq=False)
class Op(ABC):
    """One operation of a graph: inert data.  Subclasses are final."""

    arity: ClassVar[int | None] = 1  # None: one or more

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            frozen = read_only(value) if item.metadata.get("array") and value is not None else _tuples(value)
            object.__setattr__(self, item.name, frozen)

    @abstractmethod
    def infer(self, *shapes: Shape) -> Shape:
        """Return the output shape; raises `ShapeError` for shapes this op cannot take."""

    @property
    def arrays(self) -> Mapping[str, Array]:
        """The op's arrays by field name, without those that are None."""
        named = ((item.name, getattr(self, item.name)) for item in fields(self) if item.metadata.get("array"))
        return {name: value for name, value in named if value is not None}


@dataclass(frozen=True, eq=False)
class LinearOp(Op, ABC):
    """A linear (or affine) op: legal in analog and in spiking graphs, where it carries currents."""


@dataclass(frozen=True, eq=False)
class WeightedOp(LinearOp, ABC):
    """A linear op with synapses: a spiking graph has a neuron between any two of them.

    Every one has the fields ``weight`` and ``bias`` (an array of length ``units``, or None).
    """

    @property
    @abstractmethod
    def units(self) -> int:
        """The length of the output's last axis."""


@dataclass(frozen=True, eq=False)
class AnalogOp(Op, ABC):
    """An op of an analog network only: a conversion replaces or folds it."""


@dataclass(frozen=True, eq=False)
class ActivationOp(AnalogOp, ABC):
    """An element-wise nonlinearity."""

    def infer(self, *shapes: Shape) -> Shape:
        """Return the input shape."""
        return shapes[0]


@dataclass(frozen=True, eq=False)
class NeuronOp(Op, ABC):
    """An op of a spiking network only."""
