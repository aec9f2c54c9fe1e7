"""Reads spiking networks from NIR, the exchange format of neuromorphic systems, and writes them to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from snntk_core import Graph, Parser, Simulator, hookimpl, option
from snntk_core.ops import Array
from snntk_nir.examples import convolutional, perceptron
from snntk_nir.exporter import NirExporter
from snntk_nir.reading import NirModel, is_live, read

__all__ = ["NirExporter", "NirModel", "NirParser"]


@dataclass(frozen=True)
class NirParser(Parser):
    """Reads spiking networks from NIR graphs.

    NIR does not say how a spike resets, where potentials begin and how long a step is.  What the writer left in the
    metadata is used; what matters and is said nowhere is refused until an option says it.
    """

    name: ClassVar[str] = "nir"
    reads: ClassVar[str] = ".nir"
    requires: ClassVar[tuple[str, ...]] = ("nir", "h5py")
    install: ClassVar[str] = 'pip install "snntk[nir]"'
    examples: ClassVar[tuple[Callable[[], object], ...]] = (convolutional, perceptron)

    reset: Literal["subtract", "zero"] | None = option(
        None, "what a spike does to the potential: subtract the threshold or set it to zero; by default what is written"
    )
    dt: float | None = option(None, "how long a step is, in the unit of the time constants; by default what is written")
    readout: Literal["exact", "mean"] = option(
        "exact", "mean: a leaky integrator before the output becomes the mean of its current"
    )

    def accepts(self, source: object) -> bool:
        """Whether ``source`` is a path that ends in .nir, or a live NIRGraph."""
        if isinstance(source, str | Path):
            return str(source).lower().endswith(".nir")
        return isinstance(source, NirModel) or is_live(source)

    def load(self, source: object) -> NirModel:
        """Return the graph as plain data.  Raises `ParseError` for a file that is not one."""
        self.require()
        return read(source)

    def parse(self, model: NirModel) -> Graph:
        """Return the model as a spiking graph, channels last; batches stay channels first.

        Raises `ParseError` naming the node that cannot be converted or needs an option.
        """
        from snntk_nir.parsing import parse

        return parse(model, self.reset, self.dt, self.readout)

    def predict(self, model: NirModel, batch: Array) -> Array:
        """Return the mean output of a step under a constant input, from NIR's equations; NIR itself runs nothing."""
        from snntk_nir.prediction import predict

        return predict(model, batch, self.reset, self.dt)


@hookimpl
def snntk_parsers() -> Iterable[type[Parser]]:
    """Offer the NIR parser."""
    return [NirParser]


@hookimpl
def snntk_simulators() -> Iterable[type[Simulator]]:
    """Offer the NIR exporter."""
    return [NirExporter]
