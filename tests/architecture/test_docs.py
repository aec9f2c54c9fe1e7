"""The docs say what the code does: generated pages are current, and every rewrite is shown."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path
from typing import Any

import pytest

from snntk_core import hookspecs

ROOT = Path(__file__).parents[2]
HINT = "Run: python docs/generate.py"


def _generator() -> Any:
    """Return docs/generate.py as a module."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = _generator()
PAGES = generate.pages()


@pytest.mark.parametrize("name", PAGES)
def test_generated_page_is_current(name):
    path = ROOT / "docs" / "reference" / name
    assert path.exists(), f"{path.name} is missing. {HINT}"
    assert path.read_text(encoding="utf-8") == PAGES[name], f"{path.name} is stale. {HINT}"


def test_every_hook_has_its_heading():
    page = (ROOT / "docs" / "reference" / "hooks.md").read_text(encoding="utf-8")
    for name, hook in vars(hookspecs).items():
        if name.startswith("snntk_"):
            signature = str(inspect.signature(hook)).replace("'", "")
            assert f"\n## {name}{signature}\n" in page, f"{name} has another heading. {HINT}"


def test_every_rewrite_has_a_golden_file_and_a_line_in_the_docs():
    page = (ROOT / "docs" / "reference" / "components.md").read_text(encoding="utf-8")
    for name, transform in generate.shipped().transforms.items():
        if transform.__module__.partition(".")[0] in ("snntk_standard", "snntk_equalize", "snntk_rate"):
            golden = ROOT / "tests" / "golden" / f"{name}.txt"
            assert golden.exists(), f"{name} has no golden file {golden.name}"
            assert f"\n### {name}\n" in page, f"{name} is not in the docs. {HINT}"
