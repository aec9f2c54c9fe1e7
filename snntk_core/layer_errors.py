"""What quantization does to each layer: its own error, and the error that has piled up there, channel by channel."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log10

import numpy as np

from snntk_core.errors import FormatError
from snntk_core.graph import Graph
from snntk_core.node import Node
from snntk_core.number_format import NumberFormat
from snntk_core.ops import Array, FakeQuantize
from snntk_core.reference import apply, trace


@dataclass(frozen=True, eq=False)
class Errors:
    """How far values are from what they should be, for each channel (the last axis); arrays are (channels,).

    ``squared_error``: mean of ``(y' - y)^2``.  ``signal``: mean of ``y^2``.  ``smape``: mean of ``|y' - y| / (|y'| +
    |y|)``, zero where both are zero; it lies between 0 and 1.
    """

    squared_error: Array
    signal: Array
    smape: Array

    @property
    def signal_to_noise(self) -> float:
        """Mean square over mean squared error of the whole layer, in decibels; infinite where nothing moved."""
        noise, signal = float(self.squared_error.sum()), float(self.signal.sum())
        if not noise:
            return inf
        return 10 * log10(signal / noise) if signal else -inf


@dataclass(frozen=True, eq=False)
class LayerError:
    """What quantization did to what one node puts out.

    ``single``: the quantized layer beside the float layer with the same inputs, those of the quantized network.
    ``cumulative``: the same node in both networks, with all that is quantized before it.  ``saturation``: for each
    channel, the share of values that lie beyond the largest or smallest code by more than half a step before they are
    rounded; None where outputs are not rounded.
    """

    layer: str
    kind: str
    single: Errors
    cumulative: Errors
    saturation: Array | None = None


def layer_errors(before: Graph, after: Graph, samples: Array) -> tuple[LayerError, ...]:
    """Return the errors of every node whose weights, bias or output have a format in ``after``, in its order.

    ``before``: the same network with floats.  ``samples``: in the model's own layout.  A node that rounds what another
    puts out is reported under that one's name.  Raises `FormatError` where the networks have no layer in common.
    """
    names = {node.name: _source(node) for node in after if node.formats and _source(node) in before}
    if not names:
        raise FormatError("No layer of the float network is quantized in the other one; there are no errors to tell.")
    read = {name for layer in names for name in after[layer].inputs}
    tallies = {name: _Tally() for name in names}
    parts = zip(trace(before, samples, set(names.values())), trace(after, samples, read | set(names)), strict=True)
    for should, found in parts:
        for name, source in names.items():
            node = after[name]
            inputs = [found[of] for of in node.inputs]
            alone = inputs[0] if isinstance(node.op, FakeQuantize) else apply(before[source].op, *inputs)
            tallies[name].add(found[name], alone, should[source], node.formats.get("output"))
    return tuple(tally.finish(names[name], type(after[name].op).__name__) for name, tally in tallies.items())


def _source(node: Node) -> str:
    return node.inputs[0] if isinstance(node.op, FakeQuantize) else node.name


class _Tally:
    """Sums over the samples seen so far."""

    def __init__(self) -> None:
        self.count = 0
        self.single: Array = np.zeros(())
        self.cumulative: Array = np.zeros(())
        self.beyond: Array | None = None

    def add(self, found: Array, alone: Array, should: Array, kept: NumberFormat | None) -> None:
        self.count += found.size // found.shape[-1]
        self.single = self.single + _sums(found, alone)
        self.cumulative = self.cumulative + _sums(found, should)
        if kept is not None and not kept.is_sign:
            beyond = _beyond(alone, kept).reshape(-1, alone.shape[-1]).sum(axis=0)
            self.beyond = beyond if self.beyond is None else self.beyond + beyond

    def finish(self, layer: str, kind: str) -> LayerError:
        single, cumulative = (Errors(*(sums / self.count)) for sums in (self.single, self.cumulative))
        return LayerError(layer, kind, single, cumulative, None if self.beyond is None else self.beyond / self.count)


def _sums(found: Array, should: Array) -> Array:
    """Return the sums of squared errors, squares and relative differences: (3, channels)."""
    a, b = (array.astype(np.float64).reshape(-1, array.shape[-1]) for array in (found, should))
    difference, size = np.abs(a - b), np.abs(a) + np.abs(b)
    relative = np.divide(difference, size, out=np.zeros_like(size), where=size > 0)
    return np.stack([np.square(difference).sum(axis=0), np.square(b).sum(axis=0), relative.sum(axis=0)])


def _beyond(values: Array, kept: NumberFormat) -> Array:
    steps = kept.decode(np.ones(values.shape, np.int64)).astype(np.float64)
    above = values > (kept.highest + 0.5) * steps
    return np.asarray(above | (values < (kept.lowest - 0.5) * steps) if kept.signed else above)
