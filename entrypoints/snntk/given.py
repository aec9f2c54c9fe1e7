"""From what a user gives (a path, a name, an array) to what the core takes (a graph, a recipe, data)."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from snntk_core.artifact import load_graph
from snntk_core.data import Data, load_data, load_samples
from snntk_core.errors import DataError, OptionError
from snntk_core.graph import Graph
from snntk_core.ops import Array
from snntk_core.parser import Parser
from snntk_core.recipe import Recipe, Step, load_recipe
from snntk_core.registry import Registry

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
    """Return the parser that is meant; None means that the source decides."""
    return registry.parsers[parser]() if isinstance(parser, str) else parser


def as_saved(path: str | Path, registry: Registry) -> Graph:
    """Open a saved network; ``registry`` is asked for only so that the ops its plugins define are known."""
    del registry
    return load_graph(Path(path).expanduser())


def as_recipe(
    recipe: str | Path | Recipe, registry: Registry, *, steps: int | None = None, simulator: str | None = None
) -> Recipe:
    """Return a recipe by name, by path, or as it is, with the steps and the simulator that were asked for."""
    found = recipe if isinstance(recipe, Recipe) else load_recipe(recipe, registry)
    if steps is not None:
        found = replace(found, duration=checked_steps(steps))
    if simulator is not None:
        _ = registry.simulators[simulator]
    if simulator is not None and (found.simulator is None or found.simulator.name != simulator):
        found = replace(found, simulator=Step(simulator))
    return found


def as_data(data: Any, calibration: Any = None) -> Data:
    """Return data from `Data`, a path, ``(x, labels)``, or samples alone, with the calibration samples given beside it.

    Raises `DataError` for anything else.
    """
    if isinstance(data, str | PathLike):
        data = load_data(Path(data).expanduser())
    elif isinstance(data, tuple | list) and len(data) == 2 and not np.isscalar(data[0]):
        data = Data(np.asarray(data[0]), None if data[1] is None else np.asarray(data[1]))
    elif isinstance(data, np.ndarray):
        data = Data(data)
    if not isinstance(data, Data):
        raise DataError(f"Data is a path, samples, (samples, labels) or snntk.Data; got a {type(data).__name__}.")
    samples = as_samples(calibration)
    return data if samples is None else replace(data, calibration=samples)


def as_samples(samples: Any) -> Array | None:
    """Return samples from a path or an array; None stays None."""
    if samples is None:
        return None
    return load_samples(Path(samples).expanduser()) if isinstance(samples, str | PathLike) else np.asarray(samples)


def checked_steps(steps: object) -> int:
    """Return a number of steps.  Raises `OptionError` unless it is a whole number of at least 1."""
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
        raise OptionError([f"The number of steps is a whole number of at least 1, got {steps!r}."])
    return int(steps)
