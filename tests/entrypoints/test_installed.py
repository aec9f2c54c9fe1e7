"""With the plugins that come with snntk installed: the demo, and a new plugin from pip to selftest."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from snntk_core import WeightQuantizer
from snntk_core.registry import Registry

SHIPPED = {"numpy", "onnx", "rate", "standard"}

needs_install = pytest.mark.skipif(
    not {info.name for info in Registry.discover().plugins} >= SHIPPED,
    reason="snntk is not installed here (pip install -e .), so its entry points cannot be found",
)


@needs_install
def test_the_demo_stays_within_a_percentage_point(process) -> None:
    if importlib.util.find_spec("onnxruntime") is None:
        pytest.skip("needs onnxruntime: pip install 'snntk[onnx]'")
    done = process("demo", "--json")
    assert (done.code, done.err) == (0, "")
    accuracy = json.loads(done.out)["accuracy"]
    assert accuracy["samples"] == 500
    assert abs(accuracy["analog"] - accuracy["spiking"]["32"]) <= 0.01


@needs_install
def test_every_shipped_plugin_is_listed_whole(process) -> None:
    entries = {entry["name"]: entry for entry in json.loads(process("--list-plugins", "--json").out)}
    for name in SHIPPED:
        assert entries[name]["error"] is None, name
        for component in entries[name]["components"]:
            assert component.get("summary") or component.get("path"), component
            assert all(option["help"] for option in component.get("options", ())), component


@needs_install
def test_every_quantizer_is_listed_with_what_it_quantizes_and_its_fields(process) -> None:
    quantizers = dict(Registry.discover().quantizers.items())
    assert len(quantizers) >= 12
    entries = [c for entry in json.loads(process("--list-plugins", "--json").out) for c in entry["components"]]
    listed = {entry["name"]: entry for entry in entries if entry["kind"] == "quantizer"}
    assert set(listed) == set(quantizers)
    text = " ".join(process("--list-plugins").out.split())
    for name, quantizer in quantizers.items():
        rounds = "weights" if issubclass(quantizer, WeightQuantizer) else "activations"
        assert (listed[name]["quantizes"], listed[name]["missing"]) == (rounds, [])
        found = [(option["name"], option["default"], option["help"]) for option in listed[name]["options"]]
        assert found == [(field.name, field.default, field.metadata["help"]) for field in fields(quantizer)]
        assert f"quantizer {name} {rounds.capitalize()}: " in text
        assert all(f" {key} " in text for key, _, _ in found)


@pytest.mark.parametrize("kind", ["parser", "simulator"])
def test_a_new_plugin_installs_is_listed_and_passes(process, tmp_path: Path, kind: str) -> None:
    done = process("new-plugin", kind, "my-own")
    assert done.code == 0
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site)]
    installed = subprocess.run([*pip, str(tmp_path / "snntk-my-own")], capture_output=True, text=True, check=False)
    assert installed.returncode == 0, installed.stderr
    entries = {entry["name"]: entry for entry in json.loads(process("--list-plugins", "--json", path=site).out)}
    assert (entries["my-own"]["distribution"], entries["my-own"]["error"]) == ("snntk-my-own", None)
    done = process("selftest", "my-own", path=site)
    assert done.code == 0, done.out
    assert "0 failed" in done.out
