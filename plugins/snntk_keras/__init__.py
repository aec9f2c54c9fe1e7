"""Reads models of Keras 1, 2 and 3: files without any Keras, and live models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from snntk_core import Graph, Parser, hookimpl, option
from snntk_core.ops import Array
from snntk_keras.examples import architecture_and_weights, legacy_file, zip_file
from snntk_keras.model import KerasModel
from snntk_keras.reading import accepted, read

__all__ = ["KerasModel", "KerasParser"]


@dataclass(frozen=True)
class KerasParser(Parser):
    """Reads Keras models from .keras, .h5 or .json with .h5, and live ones; TensorFlow is needed only to compare."""

    name: ClassVar[str] = "keras"
    reads: ClassVar[str] = ".keras, .h5, .json + .h5, a live keras.Model"
    requires: ClassVar[tuple[str, ...]] = ("h5py",)
    install: ClassVar[str] = 'pip install "snntk[keras]"'
    examples: ClassVar[tuple[Callable[[], object], ...]] = (zip_file, legacy_file, architecture_and_weights)

    custom: Mapping[str, str] | None = option(
        None, "what classes of your own stand for, such as {MyRelu = 'ClippedRelu(upper=2)', MyDense = 'Dense'}"
    )
    input_shape: tuple[int, ...] = option((), "lengths of a sample's axes, where the file leaves them open")

    def accepts(self, source: object) -> bool:
        """Whether ``source`` is a .keras, .h5 or .json path, an architecture with its weights, or a live model."""
        return accepted(source)

    def load(self, source: object) -> KerasModel:
        """Return the configuration and the arrays.  Raises `ParseError` for a file that is not a Keras model."""
        self.require()
        return read(source)

    def parse(self, model: KerasModel) -> Graph:
        """Return the model as a channels-last graph; batches stay in the model's own layout.

        Raises `ParseError` naming every layer that cannot be converted, the reason and a way out.
        """
        from snntk_keras.parsing import parse

        return parse(read(model), self.custom or {}, self.input_shape)

    def predict(self, model: KerasModel, batch: Array) -> Array:
        """Return the first output of Keras, or tf_keras for what Keras 2 wrote, for a batch in the model's own layout.

        Raises `MissingLibrary` without TensorFlow and `PredictionUnavailable` where neither can open the file.
        """
        from snntk_keras.prediction import predict

        return predict(read(model), batch, self.custom or {}, self.input_shape)


@hookimpl
def snntk_parsers() -> Iterable[type[Parser]]:
    """Offer the Keras parser."""
    return [KerasParser]
