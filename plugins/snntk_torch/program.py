"""An exported program as plain data: what `torch.export` gives, live or in a file, before it is translated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snntk_core import Graph, ParseError
from snntk_core.joining import JoinedInputs
from snntk_core.ops import Array
from snntk_core.shapes import Shape
from snntk_torch.engine import Engine
from snntk_torch.naming import stem_of
from snntk_torch.refusal import printable
from snntk_torch.translation import BATCH

CHANNELS = 0  # the axis of a sample along which inputs are joined: PyTorch is channels first


@dataclass(frozen=True)
class Reference:
    """An argument that is another value, by name."""

    name: str


@dataclass(frozen=True, eq=False)
class Operation:
    """One call: ``operator`` with its overload (``aten.conv2d.default``), and the names of what it gives.

    A result that is a tuple of names takes a list apart.  ``module``: the path and class of where it is called.
    """

    operator: str
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    results: tuple[Any, ...]
    module: tuple[str, str] = ("", "")

    @property
    def base(self) -> str:
        """The operator without namespace and overload."""
        parts = self.operator.split(".")
        return parts[1] if len(parts) > 1 else parts[0]


@dataclass(frozen=True, eq=False)
class Program:
    """Operations in order, from the inputs, by name with the shape of a sample, to the outputs.

    ``batch``: the batch size it was exported for, or None where it is free.
    """

    label: str
    entries: Mapping[str, Shape]
    batch: int | None
    constants: Mapping[str, Array]
    operations: tuple[Operation, ...]
    outputs: tuple[str, ...]

    def graph(self) -> Graph:
        """Return the program as a graph."""
        engine = Engine(self.label)
        engine.translation.batch = None if self.batch in (None, BATCH) else self.batch
        values: dict[str, Any] = {name: engine.wrapped(array) for name, array in self.constants.items()}
        joined = self.inputs
        values.update(zip(self.entries, engine.inputs(joined), strict=True))
        for operation in self.operations:
            stem = stem_of(*operation.module, operation.base)
            arguments, keywords = self._resolved((operation.arguments, operation.keywords), values)
            result = engine.apply(operation.base, arguments, keywords, stem)
            bind(operation.results, result, values)
        outputs = [self._resolved(Reference(name), values) for name in self.outputs]
        return engine.graph(outputs, {"parser": "torch"} | ({"inputs": joined.sentence} if joined.sentence else {}))

    @property
    def shape(self) -> Shape:
        """The shape of one sample."""
        return self.inputs.shape

    @property
    def inputs(self) -> JoinedInputs:
        """The inputs as one."""
        return JoinedInputs(tuple(map(printable, self.entries)), tuple(self.entries.values()), CHANNELS)

    def _resolved(self, item: Any, values: Mapping[str, Any]) -> Any:
        if isinstance(item, Reference):
            if item.name not in values:
                name = printable(item.name)
                raise ParseError(self.label, f"it reads the value {name!r}, which nothing defines; save it again.")
            return values[item.name]
        if isinstance(item, list | tuple):
            return [self._resolved(part, values) for part in item]
        if isinstance(item, Mapping):
            return {key: self._resolved(part, values) for key, part in item.items()}
        return item


def bind(names: tuple[Any, ...], result: Any, values: dict[str, Any]) -> None:
    """Give results their names: one takes all, several take the parts, and a tuple of names the parts of a part."""
    if len(names) == 1 and isinstance(names[0], tuple):
        bind_parts(names[0], result, values)
    elif len(names) == 1:
        values[names[0]] = result
    elif names:
        bind_parts(names, result, values)


def bind_parts(names: tuple[str, ...], result: Any, values: dict[str, Any]) -> None:
    """Give each part its name; where there are fewer parts, all names mean the whole, which is a problem already."""
    parts = result if isinstance(result, list) and len(result) == len(names) else [result] * len(names)
    values.update(zip(names, parts, strict=True))
