"""Reads Caffe models, through caffe2onnx and the ONNX parser."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

from snntk_caffe.examples import convolutional
from snntk_caffe.sources import as_paths
from snntk_core import Graph, ParseError, Parser, Redirect, hookimpl, option
from snntk_core.ops import Array

__all__ = ["CaffeParser"]


@dataclass(frozen=True)
class CaffeParser(Parser):
    """Reads Caffe models: a prototxt and the weights trained with it.

    Each network is normalized, converted by caffe2onnx, repaired, and handed to the ONNX parser as a live model.
    """

    name: ClassVar[str] = "caffe"
    reads: ClassVar[str] = ".prototxt with .caffemodel or .caffemodel.h5"
    requires: ClassVar[tuple[str, ...]] = ("caffe2onnx", "google.protobuf", "onnx", "onnxruntime")
    install: ClassVar[str] = 'pip install "snntk[caffe]" && pip install --no-deps caffe2onnx==2.0.1'

    examples: ClassVar[tuple[Callable[[], object], ...]] = (convolutional,)

    input_shape: tuple[int, ...] = option((), "The shape of one sample, channels first, where the prototxt has none.")

    def accepts(self, source: object) -> bool:
        """Whether ``source`` is a prototxt and a caffemodel, in either order, or one of them."""
        return bool(as_paths(source))

    def load(self, source: object) -> Redirect:
        """Return the model in ONNX, for the ONNX parser.

        Raises `ParseError` for files that are not a Caffe model, and naming every layer that cannot be converted.
        """
        self.require()
        from snntk_caffe.loading import load

        return Redirect("onnx", load(source, self.input_shape))

    def parse(self, model: Any) -> Graph:
        """Refuse: the ONNX parser reads what `load` returns."""
        return _redirected()

    def predict(self, model: Any, batch: Array) -> Array:
        """Refuse: the ONNX parser answers for what `load` returns."""
        return _redirected()


def _redirected() -> NoReturn:
    raise ParseError("the Caffe model", "load() hands it to the parser onnx; use that one.")


@hookimpl
def snntk_parsers() -> Iterable[type[Parser]]:
    """Offer the Caffe parser."""
    return [CaffeParser]
