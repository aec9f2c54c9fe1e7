"""A node: an op with a name and ordered inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from snntk_core.number_format import NumberFormat
from snntk_core.ops import Op


@dataclass(frozen=True, eq=False)
class Node:
    """An op with a name, its inputs in order, and the formats its arrays and output are kept in once quantized.

    ``origin``: the layers of the source it came from, in the source's own names; empty where nobody said.
    """

    name: str
    op: Op
    inputs: tuple[str, ...] = ()
    formats: Mapping[str, NumberFormat] = field(default_factory=dict)
    origin: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        inputs = (self.inputs,) if isinstance(self.inputs, str) else tuple(self.inputs)
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "formats", MappingProxyType(dict(self.formats)))
        object.__setattr__(self, "origin", tuple(dict.fromkeys(self.origin)))
