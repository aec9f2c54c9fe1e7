"""Methods that fit a quantized network to its float network, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from snntk_core.errors import OptionError, did_you_mean, listed
from snntk_core.graph import Graph
from snntk_core.ops import Array
from snntk_core.pipeline import Line
from snntk_core.registry import Registry
from snntk_core.transform import Context, Progress, Stage, Transform, quiet

Method = str | Transform
FLOAT = "Start from the float network, or ask for other bits."


def calibrated(
    graph: Graph,
    unquantized: Graph,
    methods: Method | Sequence[Method],
    samples: Array | None,
    registry: Registry,
    progress: Progress = quiet,
) -> tuple[Graph, tuple[str, ...]]:
    """Return the quantized graph after each method in turn, and what they noted.

    Raises `OptionError` for a transform that is not for quantized networks, for a network of which nothing has been
    quantized, and without calibration samples where one needs them.
    """
    found = [method_of(method, registry) for method in ([methods] if isinstance(methods, Method) else methods)]
    if found and _bits(graph) == _bits(unquantized):
        names = ", ".join(method.name for method in found)
        raise OptionError([f"Nothing has been quantized here, so there is nothing for {names} to fit. {FLOAT}"])
    needing = [method.name for method in found if method.needs_calibration]
    if needing and samples is None:
        raise OptionError([f"{name} needs calibration samples, from the training set." for name in needing])
    line = Line(registry, Context(samples, unquantized=unquantized, progress=progress))
    for method in found:
        graph = line.step(graph, method)
    return graph, tuple(line.notes)


def _bits(graph: Graph) -> dict[tuple[str, str], int]:
    return {(node.name, role): found.bits for node in graph for role, found in node.formats.items()}


def method_of(method: object, registry: Registry) -> Transform:
    """Return the method that is meant; raises `OptionError` for anything else."""
    found = kind_of(method, registry)() if isinstance(method, str) else method
    if not isinstance(found, Transform) or found.stage is not Stage.QUANTIZE:
        raise _no_method(found.name if isinstance(found, Transform) else repr(found), registry)
    found.require()
    return found


def kind_of(name: str, registry: Registry) -> type[Transform]:
    """Return the class of the method ``name``; raises `OptionError` where none is called so."""
    if name not in registry.transforms or registry.transforms[name].stage is not Stage.QUANTIZE:
        raise _no_method(name, registry)
    return registry.transforms[name]


def _no_method(name: str, registry: Registry) -> OptionError:
    methods = [name for name, kind in registry.transforms.items() if kind.stage is Stage.QUANTIZE]
    return OptionError([f"{name} is no calibration method.{did_you_mean(name, methods)} There are {listed(methods)}."])
