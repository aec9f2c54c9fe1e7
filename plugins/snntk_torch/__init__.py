"""Reads PyTorch: live modules, exported programs, TorchScript files and state dicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from snntk_core import Graph, Parser, hookimpl, option
from snntk_core.ops import Array
from snntk_torch.examples import exported_program, image_classifier, perceptron
from snntk_torch.reading import SUFFIXES, TorchModel, is_exported, is_module, is_pair, read

__all__ = ["TorchModel", "TorchParser"]


@dataclass(frozen=True)
class TorchParser(Parser):
    """Reads PyTorch modules, exported programs, TorchScript and state dicts."""

    name: ClassVar[str] = "torch"
    reads: ClassVar[str] = ".pt2 .pt .pth .ts, modules"
    requires: ClassVar[tuple[str, ...]] = ("torch",)
    install: ClassVar[str] = 'pip install "snntk[torch]"'

    examples: ClassVar[tuple[Callable[[], object], ...]] = (image_classifier, perceptron, exported_program)

    model_class: str = option("", help="package.module:Class of a state dict; it is imported, so its code runs")
    input_shape: tuple[int, ...] = option((), help="shape of a sample, where the model does not say it")

    def accepts(self, source: object) -> bool:
        """Whether ``source`` is a path that ends as PyTorch files do, a module, a module with its shape, or a program.

        A shape is that of one sample; an example tensor is a batch.
        """
        if isinstance(source, str | Path):
            return str(source).lower().endswith(SUFFIXES)
        return isinstance(source, TorchModel) or is_module(source) or is_exported(source) or is_pair(source)

    def load(self, source: object) -> TorchModel:
        """Return the model; a file is told by its content.

        Nothing is unpickled, and of a file nothing is run.  Raises `ParseError` for what is not one, with a way out.
        """
        self.require()
        return read(source, self.model_class, self.input_shape)

    def parse(self, model: TorchModel) -> Graph:
        """Return the model as a channels-last graph; batches stay in the model's own layout.

        Raises `ParseError` naming every operation that cannot be converted, the reason and a way out.
        """
        self.require()
        return read(model, self.model_class, self.input_shape).graph()

    def predict(self, model: TorchModel, batch: Array) -> Array:
        """Return the first output of torch for a batch in the model's own layout."""
        self.require()
        from snntk_torch.prediction import predict

        return predict(read(model, self.model_class, self.input_shape), batch)


@hookimpl
def snntk_parsers() -> Iterable[type[Parser]]:
    """Offer the PyTorch parser."""
    return [TorchParser]
