"""From what a user gives (a path, a name, an array) to what the core takes (a graph, a recipe, data)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from snntk_core.artifact import load_graph
from snntk_core.data import Data, load_data, load_samples, no_such_file
from snntk_core.data import as_samples as checked_samples
from snntk_core.errors import ArtifactError, DataError, OptionError, RecipeError, SnntkError
from snntk_core.graph import Graph
from snntk_core.ops import Array
from snntk_core.parser import Parser
from snntk_core.recipe import Recipe, Step, load_recipe
from snntk_core.reference import evaluate
from snntk_core.registry import Registry
from snntk_core.simulator import Simulator, preferred

DEFAULT_RECIPE = "rate"
SAVED = ".snntk"
"""The suffix of a saved network."""


@lru_cache(maxsize=1)
def installed() -> Registry:
    """Return the installed plugins, found once."""
    return Registry.discover()


def is_saved(source: object) -> bool:
    """Whether ``source`` is the path of a saved network."""
    return isinstance(source, str | PathLike) and Path(source).suffix == SAVED


def as_source(source: object) -> object:
    """Return a path without its home folder's shorthand, a list of paths as a tuple, and anything else as it is."""
    if isinstance(source, str | PathLike):
        return Path(source).expanduser()
    if isinstance(source, tuple | list) and source and all(isinstance(part, str | PathLike) for part in source):
        return tuple(Path(part).expanduser() for part in source) if len(source) > 1 else as_source(source[0])
    return source


def as_parser(parser: str | Parser | None, registry: Registry) -> Parser | None:
    """Return the parser that is meant; None means that the source decides.  Raises `OptionError` for anything else."""
    if parser is None or isinstance(parser, Parser):
        return parser
    if not isinstance(parser, str):
        raise OptionError([f"A parser is its name or an instance of its class, got {parser!r}."])
    return registry.parsers[parser]()


def parser_of_recipe(recipe: str | Path | Recipe, registry: Registry) -> Parser | None:
    """Return the parser that a recipe names, with its options; None means that the source decides.

    Raises `RecipeError` with every mistake in the recipe's text.
    """
    if recipe == DEFAULT_RECIPE:  # names none, and need not be installed
        return None
    chosen = as_recipe(recipe, registry)
    if chosen.problems:
        raise RecipeError(chosen.title, chosen.problems)
    step = chosen.parser
    return None if step is None else registry.parsers[step.name].configure(step.options)


@dataclass(frozen=True)
class GraphParser(Parser):
    """Takes a graph as the model that it is."""

    name = "graph"
    reads = "graphs"

    def accepts(self, source: object) -> bool:
        """Whether it is a graph."""
        return isinstance(source, Graph)

    def load(self, source: Any) -> Graph:
        """Return the graph; raises `SnntkError` for a spiking one."""
        if source.spiking:
            raise SnntkError("The network is a spiking one already; it can be simulated as it is: snntk.simulate.")
        return source  # type: ignore[no-any-return]

    def parse(self, model: Graph) -> Graph:
        """Return the graph."""
        return model

    def predict(self, model: Graph, batch: Array) -> Array:
        """Return its output."""
        return evaluate(model, batch)


def checked_graph(graph: object) -> Graph:
    """Return ``graph``.  Raises `SnntkError` for anything but a graph."""
    if isinstance(graph, Graph):
        return graph
    hint = f" Open it first: snntk.open({str(graph)!r})." if is_saved(graph) else ""
    raise SnntkError(f"A snntk.Graph is needed, got a {type(graph).__name__}.{hint}")


def as_saved(path: object, registry: Registry) -> Graph:
    """Open a saved network; ``registry`` is asked for only so that the ops its plugins define are known.

    Raises `ArtifactError` for what is no path, or no saved network.
    """
    del registry
    if not isinstance(path, str | PathLike):
        raise ArtifactError(f"A saved network is the path of a {SAVED} file, got a {type(path).__name__}.")
    found = Path(path).expanduser()
    if not found.exists():
        raise ArtifactError(no_such_file(found))
    return load_graph(found)


def as_recipe(
    recipe: str | Path | Recipe, registry: Registry, *, steps: int | None = None, simulator: str | None = None
) -> Recipe:
    """Return a recipe by name, by path, or as it is, with the steps and the simulator that were asked for."""
    if not isinstance(recipe, Recipe):
        path = Path(str(recipe))
        if path.suffix == ".toml" and not path.exists():
            raise RecipeError(str(recipe), [no_such_file(path)])
        recipe = load_recipe(recipe, registry)
    if steps is not None:
        recipe = replace(recipe, duration=checked_steps(steps))
    if simulator is not None:
        _ = registry.simulators[simulator]
    if simulator is not None and (recipe.simulator is None or recipe.simulator.name != simulator):
        recipe = replace(recipe, simulator=Step(simulator))
    return recipe


def as_simulator(simulator: str | Simulator | None, registry: Registry) -> Simulator:
    """Return the simulator that is meant; None: the preferred one of those installed."""
    if isinstance(simulator, Simulator):
        return simulator
    return registry.simulators[simulator or preferred(registry.simulators)]()


def as_data(data: Any, calibration: Any = None) -> Data:
    """Return data from `Data`, a path, ``(x, labels)``, or samples alone, with the calibration samples given beside it.

    Raises `DataError` for anything else.
    """
    if isinstance(data, str | PathLike):
        data = load_data(Path(data).expanduser())
    elif isinstance(data, tuple | list) and len(data) == 2 and not np.isscalar(data[0]):
        data = Data(checked_samples(data[0], "the test samples"), None if data[1] is None else np.asarray(data[1]))
    elif isinstance(data, np.ndarray):
        data = Data(data)
    if not isinstance(data, Data):
        raise DataError(f"Data is a path, samples, (samples, labels) or snntk.Data; got a {type(data).__name__}.")
    samples = as_samples(calibration)
    return data if samples is None else replace(data, calibration=samples)


def as_samples(samples: Any) -> Array | None:
    """Return calibration samples from a path or an array; None stays None.  Raises `DataError`."""
    if samples is None:
        return None
    if isinstance(samples, str | PathLike):
        return load_samples(Path(samples).expanduser())
    return checked_samples(samples, "the calibration samples")


def checked_top_k(top_k: object) -> int:
    """Return how many outputs may hold the label.  Raises `OptionError` unless it is a whole number of at least 1."""
    if isinstance(top_k, bool) or not isinstance(top_k, int | np.integer) or top_k < 1:
        raise OptionError([f"top_k is a whole number of at least 1, got {top_k!r}."])
    return int(top_k)


def checked_steps(steps: object) -> int:
    """Return a number of steps.  Raises `OptionError` unless it is a whole number of at least 1."""
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
        raise OptionError([f"The number of steps is a whole number of at least 1, got {steps!r}."])
    return int(steps)
