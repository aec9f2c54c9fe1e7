"""The benchmark of simulators of single neurons compares with numpy and says what a simulator refuses."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import snntk
from snntk_core.testing.spiking_graphs import exact_batch, networks

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import backends


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backends")
    graph = networks()["perceptron"]
    snntk.save(graph, folder / "network.snntk")
    np.savez(folder / "images.npz", images=exact_batch(graph, 6))
    return folder


def test_a_simulator_is_measured_in_a_process_and_compared_with_numpy(folder):
    labels = np.zeros(6, int)
    for asked in ("numpy", "numpy:part=2:workers=1"):
        found = backends.ran(folder, asked, 8)
        assert found["first"] >= found["build"] > 0
        assert found["peak"] > 10
        row = backends.Row(asked, "zero", **found, **backends.compared(folder, asked, labels, found))
        assert row.differing == 0
        assert 0 <= row.accuracy <= 1
    with np.load(folder / "numpy.npz") as file:
        kept = dict(file)
    name = next(name for name in kept if name != "scores")
    kept[name] = kept[name] + (np.arange(kept[name].size) == 0).reshape(kept[name].shape)
    np.savez(folder / "other.npz", **kept)
    total = sum(counts.size for name, counts in kept.items() if name != "scores")
    assert backends.compared(folder, "other", labels, {})["differing"] == pytest.approx(1 / total)


def test_what_is_refused_is_a_row_with_the_sentence(folder):
    found = backends.ran(folder, "numpy:parts=2", 8)
    row = backends.Row("numpy:parts=2", "subtract", **found, **backends.compared(folder, "x", np.zeros(6), found))
    assert "numpy has no option 'parts'. Did you mean 'part'?" in backends.line(row)
