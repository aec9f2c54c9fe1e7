"""A registry of small plugins, a model they read, and samples."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from snntk_core import Array
from snntk_core.registry import Registry

sys.path.append(str(Path(__file__).parent))

from small_plugins import COMPONENTS, plugin


@pytest.fixture
def registry() -> Registry:
    """A registry of one plugin, ``small``, with all of these."""
    found = Registry()
    assert found.register(plugin(*COMPONENTS), "small", distribution="small-plugins", version="1").error is None
    return found


@pytest.fixture
def make_plugin():
    """Return the function that makes a plugin object of components, recipes and hooks."""
    return plugin


@pytest.fixture(scope="session")
def components() -> SimpleNamespace:
    """The small components by class name."""
    return SimpleNamespace(**{component.__name__: component for component in COMPONENTS})


@pytest.fixture(scope="session")
def pairs() -> list[tuple[Array, Array]]:
    """A model of three layers."""
    rng = np.random.default_rng(0)
    shapes = ((6, 16), (16, 12), (12, 4))
    return [(rng.normal(size=shape) / 3, rng.normal(size=shape[1]) / 10) for shape in shapes]


@pytest.fixture(scope="session")
def batch() -> Array:
    """Forty samples."""
    return np.random.default_rng(1).uniform(size=(40, 6)).astype(np.float32)


@pytest.fixture(scope="session")
def calibration() -> Array:
    """Fifty other samples."""
    return np.random.default_rng(2).uniform(size=(50, 6)).astype(np.float32)
