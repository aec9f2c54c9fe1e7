"""A stranger's parser plugin, installed with pip beside snntk in a fresh environment, works like one of ours."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snntk_core.testing import check_component

ROOT = Path(__file__).parents[2]
PLUGIN = Path(__file__).with_name("layerlist")
SOURCE = (PLUGIN / "snntk_layerlist.py").read_text(encoding="utf-8")
SHIPPED = ("pyproject.toml", "README.md", "LICENSE", "snntk_core", "plugins", "entrypoints")
UNREACHABLE = ("Could not fetch URL", "Failed to establish a new connection", "No matching distribution found for")

# fault: (what is replaced, by what, the check that catches it)
FAULTS = {
    "transposed weight": ("Dense(weight, bias)", "Dense(weight.T, bias)", "check_agrees_with_predict"),
    "dropped ReLU": (', Node(f"relu{i}", Relu(), f"dense{i}")]', "]", "check_agrees_with_predict"),
    "claims every object": ("return bool(layers) or", "return True or", "check_rejects_foreign_objects"),
    "no docstring": ('    """Reads lists', '    _ = """Reads lists', "check_documented"),
    "heavy import": (
        "import json\n",
        "import json\nfrom multiprocessing import pool\n",
        "check_light_import",
    ),
}
REQUIRES = ("    name = ", '    requires = ("multiprocessing.pool",)\n    name = ')


def faulty(fault: str) -> str:
    """Return the plugin's text with one fault planted."""
    old, new, _ = FAULTS[fault]
    assert SOURCE.count(old) == 1
    text = SOURCE.replace(old, new)
    return text.replace(*REQUIRES, 1) if fault == "heavy import" else text


def copied(folder: Path) -> Path:
    """Return a copy of what is needed to install the project; building leaves traces in it."""
    folder.mkdir()
    for name in SHIPPED:
        part = ROOT / name
        if part.is_dir():
            shutil.copytree(part, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        elif part.exists():
            shutil.copy(part, folder / name)
    return folder


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def snntk(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a function that runs ``snntk`` in a fresh environment that holds snntk and the plugin."""
    folder = tmp_path_factory.mktemp("stranger")
    venv.create(folder / "venv", with_pip=True)
    binaries = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    project, plugin = copied(folder / "snntk"), shutil.copytree(PLUGIN, folder / "layerlist")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "SNNTK", "VIRTUAL_ENV"))}
    install = [str(binaries / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    done = subprocess.run([*install, project, plugin], capture_output=True, text=True, check=False, env=clean)
    unreachable = [line for line in done.stderr.splitlines() if any(sign in line for sign in UNREACHABLE)]
    if done.returncode and unreachable:
        pytest.skip(f"pip cannot reach an index: {unreachable[-1]}")
    assert done.returncode == 0, done.stderr

    def run(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [str(binaries / "snntk"), *map(str, arguments)]
        environment = clean | variables
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=folder)

    return run


def test_plugin_takes_at_most_forty_lines():
    assert len(SOURCE.splitlines()) <= 40


def test_plugin_is_listed(snntk):
    done = snntk("--list-plugins", "--json")
    assert done.returncode == 0, done.stderr
    plugins = {entry["name"]: entry for entry in _plugins(json.loads(done.stdout))}
    assert plugins["layerlist"]["error"] is None
    assert [(c["kind"], c["name"]) for c in plugins["layerlist"]["components"]] == [("parser", "layer-list")]
    assert all(entry["error"] is None for entry in plugins.values())


def _plugins(listing: Any) -> list[dict[str, Any]]:
    return listing if isinstance(listing, list) else listing["plugins"]


def test_plugin_is_used_by_run(snntk, tmp_path):
    rng = np.random.default_rng(0)
    layers = [(rng.normal(size=(4, 6)), rng.normal(size=6)), (rng.normal(size=(6, 3)), rng.uniform(size=3))]
    model, data = tmp_path / "model.json", tmp_path / "data.npz"
    model.write_text(json.dumps([(w.tolist(), b.tolist()) for w, b in layers]), encoding="utf-8")
    x = rng.uniform(size=(40, 4)).astype(np.float32)
    scores = x
    for weight, bias in layers:
        scores = np.maximum(scores @ weight + bias, 0)
    np.savez(data, x=x, y=scores.argmax(axis=1), calibration=rng.uniform(size=(50, 4)).astype(np.float32))
    done = snntk("run", model, "--data", data, "--json", "-")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["ledger"][0]["component"] == "layer-list"
    assert report["accuracy"]["analog"] == 1.0


def test_plugin_passes_selftest(snntk):
    done = snntk("selftest", "layerlist", "--json")
    outcomes = json.loads(done.stdout)["layerlist"]
    assert [found for found in outcomes if not found["passed"] or found["skipped"]] == []
    assert {found["check"] for found in outcomes} > {check for _, _, check in FAULTS.values()}
    assert done.returncode == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_caught(fault, tmp_path):
    path = tmp_path / f"snntk_{fault.replace(' ', '_')}.py"
    path.write_text(faulty(fault), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    failed = [found.check for found in check_component(module.LayerList) if not found.passed]
    assert failed == [FAULTS[fault][2]]


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_fails_selftest(fault, snntk, tmp_path):
    path = tmp_path / "faulty.py"
    path.write_text(faulty(fault), encoding="utf-8")
    done = snntk("selftest", "faulty", "--plugin", path, "--json", SNNTK_BLOCK="layerlist")
    assert done.returncode == 1, done.stderr
    failed = [found["check"] for found in json.loads(done.stdout)["faulty"] if not found["passed"]]
    assert failed == [FAULTS[fault][2]]
