"""The whole line on real models and real images: accuracy kept, and a saved network simulates bit for bit alike."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import snntk
from snntk.cli.main import main


def _strangers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("strangers", Path(__file__).with_name("strangers.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


strangers = _strangers()

# benchmarks/accuracy.py measures all 10,000 test images; here fewer, so that the suite stays short
CASES = [
    ("cntk-mnist8", 2000, 32, 0.003),
    ("kanav99-lenet", 2000, 32, 0.003),
    ("mab700-inception", 1000, 32, 0.003),
    ("amandashi-resnet20", 400, 64, 0.01),
]


@pytest.mark.parametrize(("name", "count", "steps", "allowed"), CASES, ids=[case[0] for case in CASES])
def test_the_spiking_network_stays_close(name: str, count: int, steps: int, allowed: float) -> None:
    stranger = strangers.STRANGERS[name]
    data = strangers.samples(stranger, "test", count)
    calibration, _ = strangers.samples(stranger, "train", 500)
    result = snntk.run(strangers.model(stranger), data, calibration=calibration, steps=steps)
    assert result.accuracy.rewritten == result.accuracy.analog
    assert result.accuracy.spiking[steps] >= result.accuracy.analog - allowed - 1e-9
    assert result.parts_at is None
    promised = [record for record in result.ledger if record.preserves in ("output", "scale")]
    assert len(promised) > 8
    assert all(record.deviation <= 1e-4 for record in promised)


def entries(expectation: str) -> list[dict]:
    """Return the manifest's entries that are to end in a way; none where the models are not at hand."""
    shared = os.environ.get("SNNTK_SHARED")
    if not shared:
        return []
    found = json.loads((Path(shared) / "models" / "manifest.json").read_text())["models"]
    return [entry for entry in found if entry["expectation"].startswith(expectation)]


CONVERTED = [entry for entry in entries("converts") if entry["framework"] == "onnx"]


def reopened(graph: snntk.Graph, x: np.ndarray, path: Path) -> snntk.Graph:
    """Return a graph saved and opened again, which evaluates bit for bit alike."""
    opened = snntk.open(snntk.save(graph, path))
    assert str(opened) == str(graph)
    np.testing.assert_array_equal(snntk.evaluate(opened, x), snntk.evaluate(graph, x))
    return opened


@pytest.mark.parametrize("entry", CONVERTED, ids=[entry["slug"] for entry in CONVERTED])
def test_a_saved_network_simulates_bit_for_bit_alike(entry: dict, tmp_path: Path) -> None:
    folder = strangers.shared() / "models" / entry["dir"]
    with np.load(folder / "reference.npz") as reference:
        x = reference["x"]
    parsed = snntk.parse(next(folder.glob("*.onnx")))
    reopened(parsed, x[:4], tmp_path / "parsed.snntk")
    try:
        spiking = snntk.convert(parsed, calibration=x[4:])
    except snntk.Incompatible:
        return  # an activation that cannot spike: there is no spiking network to save
    opened = reopened(spiking, x[:4], tmp_path / "spiking.snntk")
    before, after = (snntk.simulate(graph, x[:4], steps=16) for graph in (spiking, opened))
    np.testing.assert_array_equal(before.scores, after.scores)
    for layer, counts in before.spike_counts.items():
        np.testing.assert_array_equal(after.spike_counts[layer], counts)


@pytest.mark.parametrize("entry", entries("rejected"), ids=[entry["slug"] for entry in entries("rejected")])
def test_what_cannot_be_read_ends_with_one_sentence(entry: dict, capsys: pytest.CaptureFixture) -> None:
    folder = strangers.shared() / "models" / entry["dir"]
    code = main(["check", *(str(folder / file["file"]) for file in entry["files"])])
    captured = capsys.readouterr()
    assert code in (1, 3)
    assert "Traceback" not in captured.err
    assert len(captured.err.strip().splitlines()) == 1 or code == 3
