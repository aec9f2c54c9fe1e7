"""What keeps a network from running on a simulator."""

from __future__ import annotations

from pathlib import Path

from snntk.api import convert
from snntk.conversion import as_graph
from snntk.given import DEFAULT_RECIPE, as_recipe, installed, parser_of_recipe
from snntk.recipe_quantizing import by_recipe, has_quantizers
from snntk_core.capability import Issue
from snntk_core.errors import Incompatible
from snntk_core.graph import Graph
from snntk_core.parser import Parser
from snntk_core.pipeline import probe_batch
from snntk_core.provenance import traced
from snntk_core.recipe import Recipe
from snntk_core.registry import Registry
from snntk_core.simulator import Simulator, preferred


def check(
    source_or_graph: object,
    simulator: str | None = None,
    recipe: str | Path | Recipe = "rate",
    *,
    parser: str | Parser | None = None,
    registry: Registry | None = None,
) -> tuple[Issue, ...]:
    """Return everything that keeps a network from running on a simulator, each with a remedy; empty when nothing does.

    An analog network is first converted with the recipe, on random samples, so no data is needed.  For a simulator that
    takes quantized networks it is quantized where the recipe says how, else checked as it is.  The simulator's library
    need not be installed.  Raises what `parse` raises, and `UnknownName`.

    >>> for issue in snntk.check("model.onnx", "numpy"):
    ...     print(issue)
    """
    registry = registry or installed()
    target = registry.simulators[simulator or preferred(registry.simulators)]
    graph = as_graph(source_or_graph, parser or parser_of_recipe(recipe, registry), registry)
    try:
        graph = _made_for(target, graph, recipe, registry)
    except Incompatible as error:
        return error.issues
    return traced(graph, target.capabilities.check(graph))


def _made_for(target: type[Simulator], graph: Graph, recipe: str | Path | Recipe, registry: Registry) -> Graph:
    """Return an analog network as the recipe makes it for the target, on random samples; any other as it is."""
    if graph.spiking or (target.takes == "quantized" and recipe == DEFAULT_RECIPE):
        return graph
    samples = probe_batch(graph, None)
    if target.takes == "spiking":
        return convert(graph, calibration=samples, recipe=recipe, registry=registry)
    chosen = as_recipe(recipe, registry)
    return by_recipe(graph, chosen, samples, None, registry).after if has_quantizers(chosen) else graph
