"""Turn a trained network into a spiking network, run it, and say honestly how close it stayed.

>>> import snntk
>>> graph = snntk.convert("model.onnx", calibration=samples)
>>> recording = snntk.simulate(graph, batch, steps=32)

What a program needs is here and is imported when it is first asked for, so that the command starts at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snntk.analyzing import layer_errors
    from snntk.api import convert, evaluate, open, parse, plugins, run, save, simulate  # noqa: A004
    from snntk.checking import check
    from snntk.exporting import export
    from snntk.format_files import dump_quantization, load_quantization
    from snntk.judging import Judgment, judge
    from snntk.lowering import integers
    from snntk.parameters import load_parameters, save_parameters
    from snntk.qat import quantize_keras
    from snntk.quantizing import quantize, quantize_layer
    from snntk_core.capability import Issue
    from snntk_core.chains import chains
    from snntk_core.connectivity import fan_in, fan_out, multiply_accumulates
    from snntk_core.data import Data
    from snntk_core.errors import (
        AmbiguousName,
        ArtifactError,
        DataError,
        DeviationError,
        FormatError,
        GraphError,
        Incompatible,
        MissingLibrary,
        OptionError,
        ParseError,
        PluginError,
        PredictionUnavailable,
        RecipeError,
        ShapeError,
        SnntkError,
        UnknownName,
        UnreadableSource,
    )
    from snntk_core.graph import Graph
    from snntk_core.homogeneity import weights_homogeneity
    from snntk_core.hookspecs import hookimpl
    from snntk_core.recipe import Recipe
    from snntk_core.registry import PluginInfo, Registry
    from snntk_core.resizing import resize_input
    from snntk_core.result import Result
    from snntk_core.simulator import Probes, Recording

__version__ = "0.1.0"

__all__ = [
    "AmbiguousName",
    "ArtifactError",
    "Data",
    "DataError",
    "DeviationError",
    "FormatError",
    "Graph",
    "GraphError",
    "Incompatible",
    "Issue",
    "Judgment",
    "MissingLibrary",
    "OptionError",
    "ParseError",
    "PluginError",
    "PluginInfo",
    "PredictionUnavailable",
    "Probes",
    "Recipe",
    "RecipeError",
    "Recording",
    "Registry",
    "Result",
    "ShapeError",
    "SnntkError",
    "UnknownName",
    "UnreadableSource",
    "chains",
    "check",
    "convert",
    "dump_quantization",
    "evaluate",
    "export",
    "fan_in",
    "fan_out",
    "hookimpl",
    "integers",
    "judge",
    "layer_errors",
    "load_parameters",
    "load_quantization",
    "multiply_accumulates",
    "open",
    "parse",
    "plugins",
    "quantize",
    "quantize_keras",
    "quantize_layer",
    "resize_input",
    "run",
    "save",
    "save_parameters",
    "simulate",
    "weights_homogeneity",
]

_HOMES = {
    "Data": "snntk_core.data",
    "Graph": "snntk_core.graph",
    "Issue": "snntk_core.capability",
    "Judgment": "snntk.judging",
    "PluginInfo": "snntk_core.registry",
    "Probes": "snntk_core.simulator",
    "Recipe": "snntk_core.recipe",
    "Recording": "snntk_core.simulator",
    "Registry": "snntk_core.registry",
    "Result": "snntk_core.result",
    "chains": "snntk_core.chains",
    "check": "snntk.checking",
    "dump_quantization": "snntk.format_files",
    "export": "snntk.exporting",
    "fan_in": "snntk_core.connectivity",
    "fan_out": "snntk_core.connectivity",
    "hookimpl": "snntk_core.hookspecs",
    "integers": "snntk.lowering",
    "judge": "snntk.judging",
    "layer_errors": "snntk.analyzing",
    "load_parameters": "snntk.parameters",
    "load_quantization": "snntk.format_files",
    "multiply_accumulates": "snntk_core.connectivity",
    "quantize": "snntk.quantizing",
    "quantize_keras": "snntk.qat",
    "quantize_layer": "snntk.quantizing",
    "resize_input": "snntk_core.resizing",
    "save_parameters": "snntk.parameters",
    "weights_homogeneity": "snntk_core.homogeneity",
}
"""Where the names live; the other functions live in `snntk.api`, and the other names are errors."""


def __getattr__(name: str) -> Any:
    """Return a public name, imported when it is first asked for."""
    if name == "qat":
        return import_module("snntk.qat")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES.get(name, "snntk.api" if name.islower() else "snntk_core.errors")
    found = globals()[name] = getattr(import_module(home), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
