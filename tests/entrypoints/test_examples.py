"""The example at the end of every --help runs as it is written, on the demo's network and digits."""

from __future__ import annotations

import shlex
import shutil
from importlib import import_module
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import snntk
from snntk.cli.main import COMMANDS, LIST_PLUGINS, main

MODULES = {**{name: module for name, (module, _) in COMMANDS.items()}, LIST_PLUGINS: "list_plugins"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the examples speak of; the spiking network is made anew."""
    pytest.importorskip("onnx", reason="onnx is not installed")
    demo = files("snntk") / "demo"
    monkeypatch.chdir(tmp_path)
    shutil.copy(str(demo / "digits.onnx"), "model.onnx")
    with np.load(str(demo / "digits.npz")) as data:
        np.savez("test.npz", x=data["x"][:100], y=data["y"][:100])
        np.savez("train.npz", x=data["calibration"])
    snntk.save(snntk.convert("model.onnx", calibration="train.npz"), "model.snntk")
    return tmp_path


@pytest.mark.parametrize("name", MODULES)
def test_the_example_of_a_command_runs(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out.rpartition("example:\n")[2]
    program, *arguments = shlex.split(shown)
    assert (program, arguments[0]) == ("snntk", name)
    before = {path.name for path in folder.iterdir()}
    code = main(arguments)
    printed = capsys.readouterr()
    assert (code, printed.err) == (0, "")
    assert printed.out
    written = [word for flag, word in pairwise(arguments) if flag in ("-o", "--directory")]
    assert {path.name for path in folder.iterdir()} == before | set(written)
    assert import_module(f"snntk.cli.{MODULES[name]}").EXAMPLE in shown
