"""From a model to a spiking graph, with the ledger of what each step did."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snntk.given import as_parser, as_recipe, as_samples, as_saved, as_source, checked_steps, is_saved
from snntk_core.errors import DataError, SnntkError
from snntk_core.graph import Graph
from snntk_core.parser import Parser
from snntk_core.pipeline import Line, Progress, load
from snntk_core.plan import Plan, resolve
from snntk_core.recipe import Recipe
from snntk_core.registry import Registry
from snntk_core.transform import Context, Stage


def as_graph(source: object, parser: str | Parser | None, registry: Registry) -> Graph:
    """Return a graph from a graph, a saved network, or a model."""
    if isinstance(source, Graph):
        return source
    if is_saved(source):
        return as_saved(Path(str(source)), registry)
    return load(as_source(source), registry, as_parser(parser, registry)).graph


@contextmanager
def _of_calibration() -> Iterator[None]:
    """Say of what is wrong with data that it is the calibration samples: a conversion sees no others."""
    try:
        yield
    except DataError as error:
        raise DataError(f"The calibration samples do not fit. {error}") from error


@dataclass(frozen=True)
class Conversion:
    """A plan and the line that applies it; ``line.ledger`` grows with each step."""

    registry: Registry
    plan: Plan
    line: Line

    @classmethod
    def of(
        cls, recipe: str | Path | Recipe, calibration: Any, registry: Registry, *, steps: int | None = None
    ) -> Conversion:
        """Return a conversion with ``recipe`` on ``calibration`` samples (an array, a path, or None).

        Raises `RecipeError` with every mistake of the recipe, missing calibration samples among them.
        """
        samples = as_samples(calibration)
        chosen = as_recipe(recipe, registry, steps=None if steps is None else checked_steps(steps))
        plan = resolve(chosen, registry, calibrated=samples is not None, simulate=False)
        return cls(registry, plan, Line(registry, Context(samples, int(plan.duration))))

    def graph_of(self, source: object, parser: str | Parser | None = None) -> Graph:
        """Return the analog graph of ``source``, a model's compared with the library's own output.

        Raises `SnntkError` for a network that is spiking already.
        """
        if isinstance(source, Graph) or is_saved(source):
            graph = as_graph(source, parser, self.registry)
        else:
            with _of_calibration():
                graph = self.line.parse(as_source(source), as_parser(parser, self.registry) or self.plan.parser).graph
        if graph.spiking:
            raise SnntkError("The network is a spiking one already; it can be simulated as it is.")
        return graph

    def convert(self, graph: Graph, progress: Progress | None = None) -> Graph:
        """Return ``graph`` made spiking."""
        with _of_calibration():
            return self.line.convert(graph, self.plan, *([progress] if progress else []))[1]

    def up_to(self, graph: Graph, stage: Stage, *, after: Stage | None = None) -> Graph:
        """Return ``graph`` after the steps of the plan up to and including ``stage``, those up to ``after`` made."""
        for step in self.plan.steps:
            if (after or 0) < getattr(step, "stage", Stage.QUANTIZE) <= stage:
                graph = self.line.step(graph, step)
        return graph
