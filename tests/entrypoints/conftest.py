"""The command and the facade with three small plugins: a parser and a simulator from `new-plugin`, and a spike code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import snntk
from snntk.cli.main import main
from snntk.cli.new_plugin import plugin_files
from snntk_core.registry import Registry

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture(scope="session")
def toy_plugins(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Three plugin files; the simulator is called numpy and the recipe rate, so that they are the defaults."""
    folder = tmp_path_factory.mktemp("toy")
    files = {folder / "toy_parser.py": ("parser", "layers"), folder / "toy_simulator.py": ("simulator", "numpy")}
    for path, (kind, name) in files.items():
        path.write_text(plugin_files(kind, name)[f"snntk_{name}.py"], encoding="utf-8")
    return (*files, Path(__file__).with_name("toy_code.py"))


@pytest.fixture
def registry(toy_plugins: tuple[Path, ...]) -> Registry:
    """A registry of those plugins alone."""
    found = Registry()
    for path in toy_plugins:
        assert found.register_file(path).error is None
    return found


@pytest.fixture
def command(
    toy_plugins: tuple[Path, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Command:
    """Run the command in this process, in an empty folder, with those plugins alone."""
    monkeypatch.setenv("SNNTK_PLUGINS", "")
    monkeypatch.chdir(tmp_path)
    files = [part for path in toy_plugins for part in ("--plugin", str(path))]

    def run(*arguments: object, plugins: bool = True) -> Outcome:
        capsys.readouterr()
        code = main([*map(str, arguments), *(files if plugins else [])])
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return run


@pytest.fixture
def process(tmp_path: Path) -> Command:
    """Run ``python -m snntk`` in a process of its own; ``path`` is put in front of where Python looks for modules."""

    def run(*arguments: object, path: Path | None = None, code: str = "", **environment: str) -> Outcome:
        roots = [str(path)] if path else []
        roots += [str(ROOT), str(ROOT / "plugins"), str(ROOT / "entrypoints")]
        program = ["-c", code] if code else ["-m", "snntk"]
        done = subprocess.run(
            [sys.executable, *program, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(roots), **environment},
            timeout=120,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def layers() -> list[tuple[np.ndarray, np.ndarray]]:
    """A live model: three layers with ReLU between them."""
    rng = np.random.default_rng(3)
    sizes = (12, 32, 24, 5)
    return [(rng.normal(size=(a, b)) / np.sqrt(a), rng.normal(size=b) / 10) for a, b in pairwise(sizes)]


@pytest.fixture(scope="session")
def samples() -> np.ndarray:
    """Test samples for the model."""
    return np.random.default_rng(4).uniform(size=(60, 12)).astype(np.float32)


@pytest.fixture(scope="session")
def calibration() -> np.ndarray:
    """Calibration samples for the model."""
    return np.random.default_rng(5).uniform(size=(80, 12)).astype(np.float32)


@pytest.fixture
def labels(layers, samples, registry: Registry) -> np.ndarray:
    """What the model decides, as labels: it is always right."""
    return snntk.evaluate(snntk.parse(layers, registry=registry), samples).argmax(axis=1)


@pytest.fixture
def model(layers, tmp_path: Path) -> Path:
    """The model as a file."""
    path = tmp_path / "net.layers.npz"
    weights = {f"weight_{i}": weight for i, (weight, _) in enumerate(layers)}
    np.savez(path, **weights, **{f"bias_{i}": bias for i, (_, bias) in enumerate(layers)})
    return path


@pytest.fixture
def data(samples, labels, calibration, tmp_path: Path) -> Path:
    """Test samples, labels and calibration samples as a file."""
    path = tmp_path / "data.npz"
    np.savez(path, x=samples, y=labels, calibration=calibration)
    return path


@pytest.fixture
def spiking(layers, calibration, registry: Registry) -> snntk.Graph:
    """The model as a spiking network."""
    return snntk.convert(layers, calibration=calibration, registry=registry)
