"""Quantization as a recipe says it: its steps up to the quantizers and the methods behind them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from snntk.conversion import Conversion, as_graph
from snntk.given import as_recipe
from snntk_core.errors import OptionError, SnntkError
from snntk_core.graph import Graph
from snntk_core.parser import Parser
from snntk_core.quantization import QuantizeStep
from snntk_core.recipe import Recipe
from snntk_core.registry import Registry
from snntk_core.transform import Progress, Stage, quiet

NO_QUANTIZERS = "The recipe {} has no [[quantize]], so it does not say how to quantize. Add it, or give the bits alone."
KEPT = (
    "A table keeps formats and not the other steps of a recipe. Keep the recipe, or save the network (-o FILE.snntk)."
)
RECIPE = "quantized by"
"""The entry of a graph's meta that names the recipe."""


class Quantized(NamedTuple):
    """A quantized network, the float network that it was made from, and what the steps noted."""

    before: Graph
    after: Graph
    notes: tuple[str, ...] = ()


def has_quantizers(recipe: Recipe) -> bool:
    """Whether a recipe has quantizers."""
    return any(step.enabled for step in recipe.quantizers)


def by_recipe(
    source: object,
    recipe: str | Path | Recipe,
    samples: Any,
    parser: str | Parser | None,
    registry: Registry,
    progress: Progress = quiet,
) -> Quantized:
    """Return a network after all steps of a recipe that come before it is made spiking, as a run makes them.

    ``samples``: calibration samples, a path of them, or None.  Raises `RecipeError` with every mistake of the recipe,
    `OptionError` for one without quantizers, and `SnntkError` for a network that is spiking.
    """
    chosen = as_recipe(recipe, registry)
    conversion = Conversion.of(chosen, samples, registry)
    if not any(isinstance(step, QuantizeStep) for step in conversion.plan.steps):
        raise OptionError([NO_QUANTIZERS.format(chosen.title)])
    progress("Reading the model", 0, 1)
    before = as_graph(source, parser or conversion.plan.parser, registry)
    if before.spiking:
        raise SnntkError("The network is a spiking one; quantize the analog network, then convert it.")
    progress("Quantizing", 0, 1)
    before = conversion.up_to(before, Stage.NORMALIZE)
    after = conversion.up_to(before, Stage.QUANTIZE, after=Stage.NORMALIZE)
    after = replace(after, meta={**after.meta, RECIPE: chosen.title})
    return Quantized(before, after, tuple(conversion.line.notes))
