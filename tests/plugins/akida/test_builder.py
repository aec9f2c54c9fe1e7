"""Models built with Akida's own library have the potentials of akida1; without the library these tests are skipped."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import pytest
from prepared import conv, dense, depthwise, network, relu, taken

import snntk
from snntk_akida import Akida1Simulator, AkidaExporter
from snntk_akida.arithmetic import predicted, run
from snntk_core import Flatten, GlobalAveragePool, Graph, Input, MaxPool, Softmax
from snntk_core.errors import Incompatible, MissingLibrary

akida = pytest.mark.skipif(find_spec("akida") is None, reason="akida is not installed: pip install akida")


def networks() -> Iterator[tuple[str, Graph, tuple[float, int], int]]:
    """Yield networks with how they are fed, and the largest integer."""
    yield "separable and dense", taken(), (64.0, 0), 255
    middle = (("s2d", depthwise(4)), ("s2", conv(4, 6, 1)), ("g2", GlobalAveragePool()), ("r2", relu(2, 1.0)))
    yield (
        "mean, one bit, shifted",
        network(
            *(("c1", conv(3, 4)), ("p1", MaxPool((2, 2), padding="same")), ("r1", relu(4, 0.5)), *middle),
            *(("d3", dense(6, 5)), ("r3", relu(1, 0.5)), ("d4", dense(5, 3)), ("sm", Softmax())),
            source=Input((8, 8, 3)),
        ),
        (128.0, 128),
        255,
    )
    yield (
        "strides and oblong maps",
        network(
            *(("c1", conv(3, 4, 5, strides=(2, 2), padding="valid")), ("r1", relu(2, 0.5)), ("c2", conv(4, 7))),
            *(("p2", MaxPool((3, 3), (2, 2), padding="same")), ("r2", relu(4, 0.5)), ("f", Flatten())),
            *(("d3", dense(140, 5)), ("r3", relu(4, 0.5)), ("d4", dense(5, 3))),
            source=Input((18, 23, 3)),
        ),
        (255.0, 0),
        255,
    )
    vector = network(("d1", dense(12, 5)), ("r1", relu(4, 0.5)), ("d2", dense(5, 3)), source=Input((12,)))
    yield "vector", vector, (15.0, 0), 15


@akida
@pytest.mark.parametrize(("title", "graph", "feed", "largest"), [*networks()], ids=lambda value: str(value)[:12])
def test_every_potential(title: str, graph: Graph, feed: tuple[float, int], largest: int) -> None:
    simulated = Akida1Simulator(*feed).compile(graph)
    program = AkidaExporter(*feed).compile(graph)
    shape = graph.shapes[graph.source.name]
    codes = np.random.default_rng(0).integers(0, largest + 1, size=(20, *shape))
    for block, potential, _ in run(simulated.blocks, codes):
        theirs = program.build(until=block.name).potentials(codes)
        np.testing.assert_array_equal(theirs.reshape(20, -1), potential.reshape(20, -1), block.name)
    scores = predicted(block, potential)
    np.testing.assert_allclose(program.build().predict(codes).reshape(20, -1), scores.reshape(20, -1), atol=1e-6)


@akida
def test_files_and_devices(tmp_path) -> None:
    import akida as library

    program = AkidaExporter(64.0, fbz=True).compile(taken())
    artifact = program.export(tmp_path / "net")
    assert sorted(artifact.files) == ["arrays.npz", "layers.json", "model.fbz"]
    built = program.build()
    codes = np.random.default_rng(0).integers(0, 256, size=(5, *taken().input_shape))
    again = library.Model(str(tmp_path / "net" / "model.fbz"))
    np.testing.assert_array_equal(again.forward(codes.astype(np.uint8)), built.potentials(codes))
    assert built.save(tmp_path, "called") == tmp_path / "called.fbz"
    assert built.save(tmp_path / "deep" / "other").is_file()
    built.map(library.AKD1000())
    with pytest.raises(snntk.SnntkError, match="The model cannot be mapped to the device"):
        built.map(3)


def test_without_the_library_one_sentence_says_what_to_do(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "akida", None)
    with pytest.raises(MissingLibrary, match=r"The builder of Akida models needs akida.*pip install akida"):
        AkidaExporter(64.0).compile(taken()).build()


def test_codes_that_lie_too_close_are_refused() -> None:
    graph = network(("c1", conv(1, 4)), ("r1", relu(4, 1e-4)), source=Input((8, 8, 1)))
    with pytest.raises(Incompatible, match=r"c1: its codes lie .* apart on a scale of integers; 0\.0625 is the least"):
        Akida1Simulator().compile(graph)


@akida
def test_steps_that_no_device_holds_are_refused() -> None:
    graph = network(("c1", conv(1, 4)), ("r1", relu(4, 6e5)), source=Input((8, 8, 1)))
    with pytest.raises(Incompatible, match=r"c1: its steps reach .*; a device holds 1048575"):
        AkidaExporter().compile(graph).build()
