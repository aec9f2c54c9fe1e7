"""The whole line on real models and real images: accuracy kept, and a saved network simulates bit for bit alike."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import snntk


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
    ("amandashi-resnet20", 200, 128, 0.01),
]


@pytest.mark.parametrize(("name", "count", "steps", "allowed"), CASES, ids=[case[0] for case in CASES])
def test_the_spiking_network_stays_close(name: str, count: int, steps: int, allowed: float) -> None:
    stranger = strangers.STRANGERS[name]
    data = strangers.samples(stranger, "test", count)
    calibration, _ = strangers.samples(stranger, "train", 500)
    result = snntk.run(strangers.model(stranger), data, calibration=calibration, steps=steps)
    assert result.accuracy.rewritten == result.accuracy.analog
    assert result.accuracy.spiking[steps] >= result.accuracy.analog - allowed
    assert result.parts_at is None
    promised = [record for record in result.ledger if record.preserves in ("output", "scale")]
    assert len(promised) > 8
    assert all(record.deviation <= 1e-4 for record in promised)


@pytest.mark.parametrize("name", [case[0] for case in CASES])
def test_a_saved_network_simulates_bit_for_bit_alike(name: str, tmp_path: Path) -> None:
    stranger = strangers.STRANGERS[name]
    calibration, _ = strangers.samples(stranger, "train", 50)
    x, _ = strangers.samples(stranger, "test", 4)
    parsed = snntk.parse(strangers.model(stranger))
    spiking = snntk.convert(parsed, calibration=calibration)
    for graph in (parsed, spiking):
        opened = snntk.open(snntk.save(graph, tmp_path / "network.snntk"))
        assert str(opened) == str(graph)
        np.testing.assert_array_equal(snntk.evaluate(opened, x), snntk.evaluate(graph, x))
    before, after = (snntk.simulate(graph, x, steps=16) for graph in (spiking, opened))
    np.testing.assert_array_equal(before.scores, after.scores)
    for layer, counts in before.spike_counts.items():
        np.testing.assert_array_equal(after.spike_counts[layer], counts)
