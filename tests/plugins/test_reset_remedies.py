"""What simulators that want a reset to zero say can be typed as it stands, in the same words, and helps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import snntk
from snntk.cli.main import main

pytest.importorskip("onnx", reason="onnx is not installed")
MODEL = str(Path(snntk.__file__).parent / "demo" / "digits.onnx")
BEGINS_WITH = {"pynn": [], "loihi": [], "nest": ["--set", "rate.leak=0.5"]}


@pytest.mark.parametrize("simulator", BEGINS_WITH)
def test_the_remedy_can_be_typed(simulator, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    arguments = ["check", MODEL, "--for", simulator, *BEGINS_WITH[simulator]]
    assert main(arguments) == 3
    said = " ".join(capsys.readouterr().out.split())
    typed = re.findall(r"--set\s+(rate\.\w+=\w+)", said)
    assert set(typed) == {"rate.reset=zero", "rate.threshold=8"}
    assert main([*arguments, *(part for option in sorted(set(typed)) for part in ("--set", option))]) == 0
