"""The integer network: layers of integers, and what they stand for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from snntk_core import Array
from snntk_core.errors import UnknownName
from snntk_integer.feed import Feed
from snntk_integer.rounding import Ladder
from snntk_integer.value import Integers, Kernel, Value


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """A node in integers: what it reads, what its integers stand for, and what computes them."""

    name: str
    inputs: tuple[str, ...]
    value: Value
    kernel: Kernel

    @property
    def thresholds(self) -> Array | None:
        """``tau_k``, int32 (channels or 1, codes - 1): where it rounds one grid; None where it does not."""
        return self.kernel.thresholds if isinstance(self.kernel, Ladder) else None


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """A quantized network in integers, equal to its evaluation in exact arithmetic.

    ``outputs``: the nodes at its end, before activations that the host computes.
    """

    feed: Feed
    source: str
    layers: tuple[IntegerLayer, ...]
    outputs: tuple[str, ...]
    part: int

    @cached_property
    def _layers(self) -> dict[str, IntegerLayer]:
        return {layer.name: layer for layer in self.layers}

    def __getitem__(self, name: str) -> IntegerLayer:
        """Return a layer; raises `UnknownName`."""
        if name not in self._layers:
            raise UnknownName("layer", name, self._layers)
        return self._layers[name]

    def evaluate(self, codes: Array, names: Collection[str] = ()) -> dict[str, Integers]:
        """Return the integers of layers, by default the outputs, for integers ``(n, *input shape)``.

        Each has one array (n, *shape), int32, for each term of the layer's ``value``, which is one but for sums of
        several grids.  Raises `DataError` for integers that do not fit and `UnknownName`.
        """
        names = tuple(names or self.outputs)
        for name in names:
            _ = self[name]
        found = list(self.parts(codes, names))
        return {name: tuple(map(np.concatenate, zip(*(part[name] for part in found), strict=True))) for name in names}

    def parts(self, codes: Array, names: Collection[str]) -> Iterator[dict[str, Integers]]:
        """Yield the integers of layers, part by part along the batch, so that memory stays flat."""
        codes = self.feed.checked(codes)
        for start in range(0, len(codes), self.part):
            yield self._part(codes[start : start + self.part], set(names))

    def _part(self, codes: Array, names: Collection[str]) -> dict[str, Integers]:
        last = {name: layer.name for layer in self.layers for name in layer.inputs}
        live: dict[str, Integers] = {self.source: (self.feed.first(codes),)}
        kept: dict[str, Integers] = {}
        for layer in self.layers:
            live[layer.name] = layer.kernel([live[name] for name in layer.inputs])
            if layer.name in names:
                kept[layer.name] = live[layer.name]
            for name in set(layer.inputs):
                if last[name] == layer.name:
                    del live[name]
        return kept

    def values(self, codes: Array, name: str | None = None) -> Array:
        """Return the real values of a layer, float64 (n, *shape), by default those of the first output."""
        name = name or self.outputs[0]
        return self[name].value.decode(self.evaluate(codes, [name])[name])
