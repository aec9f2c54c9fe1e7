"""Input as spike trains in place of a current: evenly spaced, or at random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from snntk_core import (
    Array,
    Context,
    Graph,
    IntegrateFire,
    Issue,
    Node,
    Op,
    PoissonSpikes,
    Preserves,
    Scale,
    SpikeSource,
    Stage,
    Subtract,
    Transform,
    option,
)
from snntk_core.errors import Incompatible

SECOND = 1000  # milliseconds
MOST = 1 << 32  # seeds


@dataclass(frozen=True)
class EncodeInput(Transform):
    """An input ``x`` fires ``rate * x / peak`` times a second, each spike carrying ``peak * 1000 / (rate * dt)``.

    The mean current stays ``x``.  ``current`` leaves it a current; ``regular`` puts an IntegrateFire neuron behind the
    source, whose spikes are evenly spaced; ``poisson`` draws them at random, see PoissonSpikes.  Signed inputs become
    two trains, one of which is subtracted.  Samples that the spikes cannot carry are refused when they are run.
    Source: Diehl 2015 (Poisson input); Rueckauer 2017 (analog input in its place).
    """

    name: ClassVar[str] = "encode-input"
    stage: ClassVar[Stage] = Stage.LOWER
    preserves: ClassVar[Preserves] = Preserves.OUTPUT
    quick: ClassVar[Mapping[str, object]] = {"encoding": "poisson", "peak": 16.0, "signed": True}

    encoding: Literal["current", "regular", "poisson"] = option("current", "what becomes of the input")
    rate: float = option(1000.0, "spikes per second of an input of the size `peak`")
    dt: float = option(1.0, "how long a step lasts, in milliseconds")
    peak: float | None = option(None, "the input that fires at `rate`; by default the largest of the calibration data")
    signed: bool | None = option(None, "whether inputs may be negative; by default whether calibration data is")
    seed: int = option(0, "chooses the random spikes, with each sample's values")

    def __post_init__(self) -> None:
        if not (self.rate > 0 and self.dt > 0 and np.isfinite([self.rate, self.dt]).all()):
            raise ValueError(f"rate (Hz) and dt (ms) lie above 0, got {self.rate:g} and {self.dt:g}")
        if self.rate * self.dt > SECOND:
            raise ValueError(
                f"{self.rate:g} Hz is more than one spike in a step of {self.dt:g} ms; rate * dt is at most {SECOND}"
            )
        if self.peak is not None and not 0 < self.peak < np.inf:
            raise ValueError(f"peak lies above 0, got {self.peak:g}")
        if not 0 <= self.seed <= MOST:
            raise ValueError(f"seed is a whole number from 0 to {MOST}, got {self.seed}")

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the network with spikes behind its source; one that has them already, or for a current, as it is.

        Raises `Incompatible` for a network that is not spiking, and where neither options nor calibration samples say
        how large the input is.
        """
        source = graph.source
        if self.encoding == "current":
            return graph
        if not isinstance(source.op, SpikeSource):
            raise Incompatible(self.name, [Issue(source.name, "the network is not spiking.", "Add a spike code.")])
        if source.op.largest is not None:
            return graph
        peak, signed = self._range(source, context.calibration)
        spike = np.float32(peak * SECOND / (self.rate * self.dt))
        limits = replace(source.op, lowest=-float(spike) if signed else 0.0, largest=float(spike))
        said = f"{self.encoding} spikes, {self.rate:g} Hz at {peak:g}, steps of {self.dt:g} ms"
        said += f", seed {self.seed}" if self.encoding == "poisson" else ""
        context.note(f"The input is {said}.")
        encoded = _encoded(
            graph.replace(source.name, limits, formats=source.formats), self._spikes(spike), signed=signed
        )
        return replace(encoded, meta={**graph.meta, "input": said})

    def _range(self, source: Node, samples: Array | None) -> tuple[float, bool]:
        """Return the peak and whether there are negative inputs, as options or calibration samples say."""
        known = samples is not None and len(samples) > 0
        largest = float(np.abs(samples).max()) if known else 0.0
        peak = self.peak or largest
        if not peak or (self.signed is None and not known):
            problem = "nothing says how large the input is."
            remedy = (
                "Give calibration samples (--calibration) that are not all zero, or set peak and signed in [input]."
            )
            raise Incompatible(self.name, [Issue(source.name, problem, remedy)])
        return peak, bool(samples.min() < 0) if self.signed is None else self.signed

    def _spikes(self, spike: np.float32) -> Op:
        if self.encoding == "poisson":
            return PoissonSpikes(np.asarray(spike), self.seed)
        return IntegrateFire(np.asarray(spike), np.asarray(spike / 2))


def _encoded(graph: Graph, spikes: Op, *, signed: bool) -> Graph:
    """Return the network with ``spikes`` behind the source, twice for inputs of both signs."""
    source = graph.source
    last = graph.free_name(f"{source.name}_spikes")
    if not signed:
        return graph.insert_after(source.name, last, spikes)
    graph = graph.insert_after(source.name, last, Subtract())
    positive, negated, negative = (
        graph.free_name(f"{source.name}_{what}") for what in ("positive", "negated", "negative")
    )
    added = (
        Node(positive, spikes, (source.name,), origin=source.origin),
        Node(negated, Scale(np.float32(-1)), (source.name,), origin=source.origin),
        Node(negative, spikes, (negated,), origin=source.origin),
        replace(graph[last], inputs=(positive, negative)),
    )
    nodes = [node for node in graph if node.name != last]
    place = 1 + [node.name for node in nodes].index(source.name)
    return replace(graph, nodes=(*nodes[:place], *added, *nodes[place:]))
