"""The stable center of snntk: the graph, its meaning, and the contracts.  Plugin authors import from here."""

from snntk_core.capability import Capabilities, Issue
from snntk_core.component import Component, option
from snntk_core.errors import ParseError, SnntkError
from snntk_core.graph import Graph
from snntk_core.hookspecs import hookimpl
from snntk_core.node import Node
from snntk_core.number_format import NumberFormat
from snntk_core.ops import *  # noqa: F403
from snntk_core.ops import __all__ as _ops
from snntk_core.parser import Parser, Redirect
from snntk_core.quantizer import ActivationQuantizer, WeightQuantizer
from snntk_core.reference import activations, apply, evaluate
from snntk_core.simulator import Artifact, Exportable, Probes, Program, Recording, Runnable, Simulator, SpikeTrain
from snntk_core.statistics import Statistics, collect
from snntk_core.transform import Context, Preserves, Stage, Transform

__all__ = [
    *_ops,
    "ActivationQuantizer",
    "Artifact",
    "Capabilities",
    "Component",
    "Context",
    "Exportable",
    "Graph",
    "Issue",
    "Node",
    "NumberFormat",
    "ParseError",
    "Parser",
    "Preserves",
    "Probes",
    "Program",
    "Recording",
    "Redirect",
    "Runnable",
    "Simulator",
    "SnntkError",
    "SpikeTrain",
    "Stage",
    "Statistics",
    "Transform",
    "WeightQuantizer",
    "activations",
    "apply",
    "collect",
    "evaluate",
    "hookimpl",
    "option",
]
