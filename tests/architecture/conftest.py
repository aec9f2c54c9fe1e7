"""The shipped source files, parsed once."""

from __future__ import annotations

import ast
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ROOTS = (ROOT, ROOT / "plugins", ROOT / "entrypoints")


@dataclass(frozen=True, eq=False)
class Source:
    """A shipped Python file: its path from the checkout, the module it is, its text and its syntax tree."""

    path: str
    module: str
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        return self.module.partition(".")[0]


def _read(path: Path) -> Source:
    above = next(root for root in reversed(ROOTS) if path.is_relative_to(root))
    parts = path.relative_to(above).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    text = path.read_text(encoding="utf-8")
    return Source(path.relative_to(ROOT).as_posix(), module, text, ast.parse(text))


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def sources() -> tuple[Source, ...]:
    """Every Python file that is installed."""
    return tuple(_read(path) for root in ROOTS for package in sorted(root.glob("snntk*")) for path in _files(package))


def _files(package: Path) -> list[Path]:
    return sorted(package.rglob("*.py")) if (package / "__init__.py").exists() else []
