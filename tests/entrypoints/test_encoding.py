"""The input as spike trains, from the command line: the flag, the settings, and what does not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import snntk
from snntk.cli.main import main
from snntk_core import IntegrateFire, PoissonSpikes

DEMO = Path(str(files("snntk"))) / "demo"


@pytest.fixture
def ran(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    pytest.importorskip("onnx", reason="onnx is not installed")
    files = ("--data", str(DEMO / "digits.npz"), "--samples", "20", "--steps", "8", "--simulator", "numpy")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["run", str(DEMO / "digits.onnx"), *files, *arguments])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def test_the_flag_and_settings_encode_the_input(ran, tmp_path: Path) -> None:
    path = tmp_path / "net.snntk"
    code, out, _ = ran("--encoding", "poisson", "--set", "input.seed=3", "--json", "-o", str(path))
    assert code == 0
    found = json.loads(out)
    assert any("poisson spikes, 1000 Hz at 1, steps of 1 ms, seed 3" in note for note in found["notes"])
    graph = snntk.open(path)
    (node,) = [node for node in graph if isinstance(node.op, PoissonSpikes)]
    assert node.op.seed == 3
    batch = np.load(DEMO / "digits.npz")["x"][:4]
    one, other = (snntk.simulate(graph, part, steps=8).spike_counts[node.name][0] for part in (batch, batch[:1]))
    np.testing.assert_array_equal(one, other)


def test_regular_spikes_by_a_setting_alone(ran, tmp_path: Path) -> None:
    path = tmp_path / "net.snntk"
    assert ran("--set", "input.encoding=regular", "--set", "encode-input.rate=500", "-o", str(path))[0] == 0
    graph = snntk.open(path)
    (first,) = graph.users(graph.source.name)
    assert isinstance(first.op, IntegrateFire)
    assert first.op.threshold == 2


def test_what_does_not_fit_is_one_sentence(ran) -> None:
    code, _, err = ran("--encoding", "regular", "--set", "input.peak=0.5")
    assert code == 1
    assert "reaches 1" in err
    assert "peak of at least 1" in err
    code, _, err = ran("--set", "input.encoding=poisson", "--set", "input.rate=4000")
    assert code == 2
    assert "4000 Hz is more than one spike in a step of 1 ms" in err
    assert ran("--encoding", "poison")[0] == 2
