"""Arrays in an HDF5 file come back to the last bit; what does not fit is said all at once; hostile files do no harm."""

from __future__ import annotations

import random
import sys
import tracemalloc
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import snntk
from snntk_core import Add, BatchNorm, Conv2D, Dense, Graph, Input, Node, NumberFormat, Relu
from snntk_core.errors import ArtifactError, MissingLibrary, SnntkError
from snntk_core.testing import random_graph

h5py = pytest.importorskip("h5py", reason="h5py is not installed")
R = np.random.default_rng(0)


def network(seed: int = 0) -> Graph:
    rng = np.random.default_rng(seed)
    ones = np.ones(4, np.float32)
    nodes = (
        Node("input", Input((6, 6, 3))),
        Node("block/conv", Conv2D(rng.normal(size=(3, 3, 3, 4)).astype(np.float32), ones), ("input",)),
        Node("norm", BatchNorm(ones, ones, ones, ones), ("block/conv",)),
        Node("relu", Relu(), ("norm",)),
        Node("sum", Add(), ("relu", "norm")),
    )
    return Graph(nodes)


def zeroed(graph: Graph) -> Graph:
    """Return the graph with other values in every array."""
    changed = (replace(n.op, **{key: np.zeros_like(array) for key, array in n.op.arrays.items()}) for n in graph)
    return replace(graph, nodes=tuple(replace(node, op=op) for node, op in zip(graph, changed, strict=True)))


def same_arrays(one: Graph, other: Graph) -> None:
    for before, after in zip(one, other, strict=True):
        assert before.op.arrays.keys() == after.op.arrays.keys()
        for key, array in before.op.arrays.items():
            found = after.op.arrays[key]
            assert (found.dtype, found.tobytes()) == (array.dtype, array.tobytes()), (before.name, key)


@given(seed=st.integers(0, 2**32 - 1), double=st.booleans())
@settings(max_examples=40, deadline=None)
def test_random_graphs_come_back(tmp_path_factory: pytest.TempPathFactory, seed: int, double: bool) -> None:
    dtype = np.float64 if double else np.float32
    graph = random_graph(np.random.default_rng(seed), dtype=dtype)
    path = snntk.save_parameters(graph, tmp_path_factory.mktemp("h5") / "p.h5")
    same_arrays(graph, snntk.load_parameters(graph, path))


@given(names=st.lists(st.text(max_size=6), min_size=2, max_size=6, unique=True))
@settings(max_examples=60, deadline=None)
def test_any_name_can_be_that_of_a_node(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    nodes = [Node(names[0], Input((1,)))]
    nodes += [Node(name, Dense(R.normal(size=(1, 1))), (nodes[0].name,)) for name in names[1:]]
    graph = Graph(tuple(nodes))
    path = tmp_path_factory.mktemp("h5") / "p.h5"
    same_arrays(graph, snntk.load_parameters(graph, snntk.save_parameters(graph, path)))


def test_other_values_are_taken_over_and_nothing_else(tmp_path: Path) -> None:
    path = snntk.save_parameters(network(1), tmp_path / "deep" / "p.h5")
    given_graph = replace(network(), meta={"source": "here"})
    loaded = snntk.load_parameters(given_graph, str(path))
    same_arrays(network(1), loaded)
    assert str(loaded) == str(given_graph)
    assert dict(loaded.meta) == {"source": "here"}
    same_arrays(given_graph, network())  # what was given is untouched


def test_other_programs_read_and_write_the_file(tmp_path: Path) -> None:
    path = snntk.save_parameters(network(), tmp_path / "p.h5")
    with h5py.File(path, "r+") as file:
        assert sorted(file) == ["block%2Fconv", "norm"]
        assert sorted(file["norm"]) == ["mean", "offset", "scale", "variance"]
        weight = file["block%2Fconv/weight"][()].astype(np.float64) * 2
        del file["block%2Fconv/weight"]
        file.create_dataset("block%2Fconv/weight", data=weight, compression="gzip", chunks=(1, 3, 3, 4))
    op = snntk.load_parameters(network(), path)["block/conv"].op
    assert op.arrays["weight"].dtype == np.float32
    np.testing.assert_array_equal(op.arrays["weight"], 2 * network()["block/conv"].op.arrays["weight"])


def test_everything_that_does_not_fit_is_said_at_once(tmp_path: Path) -> None:
    path = snntk.save_parameters(network(), tmp_path / "p.h5")
    with h5py.File(path, "r+") as file:
        del file["norm/mean"], file["norm/scale"], file["norm/offset"], file["block%2Fconv/weight"]
        file["norm/scale"] = np.ones((2, 2))
        file["norm/offset"] = np.array([b"text"] * 4)
        file["block%2Fconv/weight"] = np.full((3, 3, 3, 4), np.nan)
        file["norm/shift"] = np.ones(4)
        file["nrm/mean"] = np.ones(4)
    with pytest.raises(ArtifactError) as caught:
        snntk.load_parameters(network(), path)
    said = str(caught.value)
    assert "\n" not in said
    for part in (
        "block/conv: its weight is not finite",
        "norm: its scale has the shape (2, 2), the network's has (4,)",
        "norm: its offset is no array of numbers in this file",
        "norm: its mean is missing",
        "norm has no 'shift', which the file holds",
        "it holds 'nrm', which is no node with arrays. Did you mean 'norm'?",
    ):
        assert part in said, said


def test_values_that_overflow_or_change_their_kind_are_refused(tmp_path: Path) -> None:
    path = snntk.save_parameters(network(), tmp_path / "p.h5")
    with h5py.File(path, "r+") as file:
        del file["norm/mean"]
        file["norm/mean"] = np.full(4, 1e300)
    with pytest.raises(ArtifactError, match="norm: its mean is not finite"):
        snntk.load_parameters(network(), path)


def quantized() -> Graph:
    number_format = NumberFormat(4, np.array([0.5, 0.25]), axis=1)
    weight = number_format.round(R.normal(size=(3, 2)))
    return Graph((Node("input", Input((3,))), Node("dense", Dense(weight), ("input",), {"weight": number_format})))


def test_quantized_nodes_take_values_on_their_grid_only(tmp_path: Path) -> None:
    graph = quantized()
    path = snntk.save_parameters(graph, tmp_path / "p.h5")
    loaded = snntk.load_parameters(graph, path)
    assert loaded["dense"].formats["weight"] is graph["dense"].formats["weight"]
    with h5py.File(path, "r+") as file:
        file["dense/weight"][0, 0] = 0.3
    with pytest.raises(ArtifactError, match="dense: its weight is not on its 4-bit grid"):
        snntk.load_parameters(graph, path)


def test_thresholds_stay_above_zero(spiking: Graph, tmp_path: Path) -> None:
    path = snntk.save_parameters(spiking, tmp_path / "p.h5")
    same_arrays(spiking, snntk.load_parameters(spiking, path))
    with h5py.File(path, "r+") as file:
        file["relu_1/threshold"][...] = 0
    with pytest.raises(ArtifactError, match="relu_1: IntegrateFire needs thresholds above zero"):
        snntk.load_parameters(spiking, path)


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = snntk.save_parameters(network(), tmp_path / "p.h5")
    before = path.read_bytes()

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(h5py.Group, "create_dataset", interrupted)
    with pytest.raises(KeyboardInterrupt):
        snntk.save_parameters(network(1), path)
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == ["p.h5"]
    assert path.read_bytes() == before
    with pytest.raises(ArtifactError, match="is a folder"):
        snntk.save_parameters(network(), tmp_path)
    with pytest.raises(ArtifactError, match="cannot be written"):
        snntk.save_parameters(network(), path / "inside.h5")
    with pytest.raises(SnntkError, match=r"A snntk\.Graph is needed, got a str"):
        snntk.save_parameters("net.snntk", path)  # type: ignore[arg-type]


def test_without_the_library_the_way_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = snntk.save_parameters(network(), tmp_path / "p.h5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    for call, what in ((snntk.save_parameters, "Saving"), (snntk.load_parameters, "Loading")):
        with pytest.raises(MissingLibrary) as caught:
            call(network(), path)
        assert str(caught.value) == (
            f'{what} parameters needs h5py, which is not installed. Run: pip install "snntk[hdf5]"'
        )


def put(file: h5py.File, value: object) -> None:
    del file["norm/mean"]
    file["norm/mean"] = value


def grown(file: h5py.File) -> None:
    del file["norm/mean"]
    file.create_dataset("norm/mean", (1 << 40,), "f4", chunks=(1 << 10,), compression="gzip")


def in_one_large_piece(file: h5py.File) -> None:
    del file["norm/mean"]
    made = file.create_dataset("norm/mean", (4,), "f4", maxshape=(None,), chunks=(1 << 26,), compression="gzip")
    made[...] = 1


def unwritten(file: h5py.File) -> None:
    del file["norm/mean"]
    file.create_dataset("norm/mean", (4,), "f4")


def elsewhere(file: h5py.File) -> None:
    del file["norm/mean"]
    file.create_dataset("norm/mean", (4,), "f4", external=[("/etc/hostname", 0, 16)])


def a_group(file: h5py.File) -> None:
    del file["norm/mean"]
    file.create_group("norm/mean")


CHANGES = {
    "an array that grew": (grown, "has the shape (1099511627776,)"),
    "one large piece": (in_one_large_piece, "is stored in pieces larger than itself"),
    "never written": (unwritten, "was never written"),
    "another file": (elsewhere, "is no array of numbers in this file"),
    "a group": (a_group, "is no array of numbers in this file"),
    "an external link": (lambda f: put(f, h5py.ExternalLink("other.h5", "x")), "is a link"),
    "a soft link": (lambda f: put(f, h5py.SoftLink("/norm/scale")), "is a link"),
    "a circle": (lambda f: put(f, f["norm"]), "is no array of numbers in this file"),
    "texts": (lambda f: put(f, ["a", "b", "c", "d"]), "is no array of numbers in this file"),
    "complex numbers": (lambda f: put(f, np.ones(4, complex)), "is no array of numbers in this file"),
    "no values": (lambda f: put(f, h5py.Empty("f4")), "has the shape None"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_hostile_files_are_refused_cheaply(tmp_path: Path, name: str) -> None:
    change, message = CHANGES[name]
    path = snntk.save_parameters(network(), tmp_path / "p.h5")
    with h5py.File(path, "r+") as file:
        change(file)
    tracemalloc.start()
    try:
        with pytest.raises(ArtifactError) as caught:
            snntk.load_parameters(network(), path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert f"norm: its mean {message}" in str(caught.value)


def test_what_is_no_hdf5_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no HDF5")
    for path, message in (
        (tmp_path / "none.h5", "There is no file"),
        (tmp_path, "is a folder"),
        (tmp_path / "text.h5", "is no HDF5 file, or it is damaged"),
    ):
        with pytest.raises(ArtifactError, match=message):
            snntk.load_parameters(network(), path)


def test_a_damaged_file_gives_a_sentence_or_a_network(tmp_path: Path) -> None:
    graph, path = network(), tmp_path / "p.h5"
    whole = snntk.save_parameters(graph, path).read_bytes()
    rng = random.Random(0)
    for _ in range(100):
        content = bytearray(whole)
        for _ in range(rng.choice((1, 1, 4, 32))):
            content[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(content[: rng.choice((len(content), len(content), rng.randrange(len(content))))])
        with suppress(ArtifactError):
            snntk.load_parameters(graph, path).verify()


def test_fan_and_products_are_counted_with_true_borders() -> None:
    graph = Graph(network().nodes[:-1])
    assert snntk.fan_in(graph, "block/conv").shape == (4, 4, 4)
    assert snntk.fan_in(graph, "block/conv").min() == snntk.fan_in(graph, "block/conv").max() == 27
    assert snntk.fan_out(graph, "input")[0, 0, 0] == 4
    assert snntk.fan_out(graph, "input")[3, 3, 0] == 9 * 4
    assert snntk.multiply_accumulates(graph) == {"block/conv": 4 * 4 * 4 * 27}
    for count in (snntk.fan_in, snntk.fan_out):
        with pytest.raises(snntk.UnknownName, match=r"There is no node 'nrm'\. Did you mean 'norm'"):
            count(graph, "nrm")
    with pytest.raises(snntk.GraphError, match="norm is a BatchNorm, which has no synapses"):
        snntk.fan_in(graph, "norm")
