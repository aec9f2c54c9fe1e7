"""Reads ONNX files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from snntk_core import Graph, Parser, hookimpl
from snntk_core.ops import Array
from snntk_onnx.examples import image_classifier, perceptron
from snntk_onnx.reading import OnnxModel, is_live, read

__all__ = ["OnnxModel", "OnnxParser"]


@dataclass(frozen=True)
class OnnxParser(Parser):
    """Reads ONNX models, opset 6 and later."""

    name: ClassVar[str] = "onnx"
    reads: ClassVar[str] = ".onnx"
    requires: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime")
    install: ClassVar[str] = 'pip install "snntk[onnx]"'

    examples: ClassVar[tuple[Callable[[], object], ...]] = (image_classifier, perceptron)

    def accepts(self, source: object) -> bool:
        """Whether ``source`` is a path that ends in .onnx, or a live ModelProto."""
        if isinstance(source, str | Path):
            return str(source).lower().endswith(".onnx")
        return isinstance(source, OnnxModel) or is_live(source)

    def load(self, source: object) -> OnnxModel:
        """Return the model with its external data embedded.  Raises `ParseError` for a file that is not one."""
        self.require()
        return read(source)

    def parse(self, model: OnnxModel) -> Graph:
        """Return the model as a channels-last graph; batches stay in the model's own layout.

        Raises `ParseError` naming every node that cannot be converted, the reason and a way out.
        """
        self.require()
        from snntk_onnx.parsing import parse

        return parse(read(model))

    def predict(self, model: OnnxModel, batch: Array) -> Array:
        """Return the first output of onnxruntime for a batch in the model's own layout."""
        self.require()
        from snntk_onnx.prediction import predict

        return predict(read(model), batch)


@hookimpl
def snntk_parsers() -> Iterable[type[Parser]]:
    """Offer the ONNX parser."""
    return [OnnxParser]
