"""Reads Lasagne models: parameters with their architecture, without Lasagne, Theano or running anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

from snntk_core import Graph, Parser, SnntkError, hookimpl, option
from snntk_core.ops import Array
from snntk_lasagne.examples import parameters_alone, script_and_parameters
from snntk_lasagne.reading import LasagneModel, read, refusal, split
from snntk_lasagne.refusal import Refused, printable

__all__ = ["LasagneModel", "LasagneParser"]


@dataclass(frozen=True)
class LasagneParser(Parser):
    """Reads Lasagne's saved parameters with the architecture from a script or a specification.

    Nothing is executed unless ``trust`` says so: the script's syntax is read, and pickles go through an unpickler that
    makes arrays only.
    """

    name: ClassVar[str] = "lasagne"
    reads: ClassVar[str] = ".npz or .pkl, alone or with a .py or .toml; .h5 with one"
    install: ClassVar[str] = 'pip install "snntk[lasagne]"'
    examples: ClassVar[tuple[Callable[[], object], ...]] = (script_and_parameters, parameters_alone)

    function: str = option("build_network", "the function of the script that builds the network")
    trust: bool = option(False, "run the script, with stand-ins for Lasagne and Theano, instead of reading it")

    def accepts(self, source: object) -> bool:
        """Whether ``source`` is a file of parameters, or a tuple of an architecture and such a file in either order."""
        return isinstance(source, LasagneModel) or split(source) is not None

    def load(self, source: object) -> LasagneModel:
        """Return the layers with their parameters.  Raises `ParseError` for what is not a Lasagne model."""
        return source if isinstance(source, LasagneModel) else read(source, self.function, self.trust)

    def parse(self, model: LasagneModel) -> Graph:
        """Return the model as a channels-last graph; batches stay channels first.

        Raises `ParseError` naming the layer that cannot be converted, the reason and a way out.
        """
        from snntk_lasagne.parsing import parse

        try:
            return parse(model.layers)
        except Refused as error:
            raise refusal(model.label, error, model.trusted) from error
        except SnntkError as error:
            raise refusal(model.label, Refused(printable(error)), model.trusted) from error

    def predict(self, model: LasagneModel, batch: Array) -> Array:
        """Return what Lasagne computes, from a forward pass of its semantics in plain numpy."""
        from snntk_lasagne.prediction import predict

        return predict(model, batch)


@hookimpl
def snntk_parsers() -> Iterable[type[Parser]]:
    """Offer the Lasagne parser."""
    return [LasagneParser]
