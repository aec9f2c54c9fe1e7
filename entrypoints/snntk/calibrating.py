"""Methods that fit a quantized network to its float network, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from snntk_core.errors import OptionError
from snntk_core.graph import Graph
from snntk_core.ops import Array
from snntk_core.pipeline import Line
from snntk_core.registry import Registry
from snntk_core.transform import Context, Progress, Stage, Transform, quiet

Method = str | Transform


def calibrated(
    graph: Graph,
    unquantized: Graph,
    methods: Sequence[Method],
    samples: Array | None,
    registry: Registry,
    progress: Progress = quiet,
) -> tuple[Graph, tuple[str, ...]]:
    """Return the quantized graph after each method in turn, and what they noted.

    Raises `OptionError` for a transform that is not for quantized networks, and without calibration samples where one
    needs them.
    """
    found = [method_of(method, registry) for method in methods]
    needing = [method.name for method in found if method.needs_calibration]
    if needing and samples is None:
        raise OptionError([f"{name} needs calibration samples, from the training set." for name in needing])
    line = Line(registry, Context(samples, unquantized=unquantized, progress=progress))
    for method in found:
        graph = line.step(graph, method)
    return graph, tuple(line.notes)


def method_of(method: Method, registry: Registry) -> Transform:
    """Return the method that is meant; raises `OptionError` for a transform that does something else."""
    found = registry.transforms[method]() if isinstance(method, str) else method
    if found.stage is not Stage.QUANTIZE:
        names = [name for name, kind in registry.transforms.items() if kind.stage is Stage.QUANTIZE]
        raise OptionError([f"{found.name} is no calibration method; there are {', '.join(names)}."])
    found.require()
    return found
