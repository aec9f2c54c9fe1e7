"""Turn a trained network into a spiking network, run it, and say honestly how close it stayed.

>>> import snntk
>>> graph = snntk.convert("model.onnx", calibration=samples)
>>> recording = snntk.simulate(graph, batch, steps=32)
"""

from snntk.api import check, convert, evaluate, open, parse, plugins, run, save, simulate  # noqa: A004
from snntk_core.capability import Issue
from snntk_core.data import Data
from snntk_core.errors import SnntkError
from snntk_core.graph import Graph
from snntk_core.recipe import Recipe
from snntk_core.registry import PluginInfo, Registry
from snntk_core.result import Result
from snntk_core.simulator import Probes, Recording

__version__ = "0.1.0"

__all__ = [
    "Data",
    "Graph",
    "Issue",
    "PluginInfo",
    "Probes",
    "Recipe",
    "Recording",
    "Registry",
    "Result",
    "SnntkError",
    "check",
    "convert",
    "evaluate",
    "open",
    "parse",
    "plugins",
    "run",
    "save",
    "simulate",
]
