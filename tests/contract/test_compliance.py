"""Every component that ships passes the kit that strangers' components are tested with."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from snntk_core.component import Component
from snntk_core.registry import Registry
from snntk_core.testing import Check, checks_for
from snntk_core.testing.kit import outcome

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "entrypoints" / "snntk" / "demo" / "digits.onnx"

EXAMPLES: dict[str, tuple[Callable[[], object], ...]] = {"onnx": (lambda: DEMO,)}
KNOWN_FAILURES: dict[tuple[str, str], str] = {}  # (component, check): reason


def shipped() -> Registry:
    """Return the plugins of this checkout: what pyproject.toml lists, installed or not."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    points = project["project"]["entry-points"]["snntk"]
    found = Registry.discover(only=points)
    if {info.name for info in found.plugins} == set(points):
        return found
    registry = Registry()
    for name, module in points.items():
        registry.register(importlib.import_module(module), name)
    return registry


REGISTRY = shipped()


def components() -> Iterator[type[Component]]:
    for catalog in (REGISTRY.parsers, REGISTRY.transforms, REGISTRY.quantizers, REGISTRY.simulators):
        for _, component in catalog.items():
            yield component


def items() -> Iterator[object]:
    for component in components():
        examples = getattr(component, "examples", ()) or EXAMPLES.get(component.name, ())
        for check in checks_for(component, examples):
            yield pytest.param(component, check, id=f"{component.name}-{check.name}")


def test_every_plugin_loads():
    assert {info.name: info.error for info in REGISTRY.plugins if info.error} == {}


@pytest.mark.parametrize(("component", "check"), list(items()))
def test_compliance(component: type[Component], check: Check):
    known = KNOWN_FAILURES.get((component.name, check.name), "")
    found = outcome(component, check, known)
    assert found.passed, found.message
    if found.skipped:
        pytest.skip(found.skipped)
