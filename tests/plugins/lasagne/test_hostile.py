"""Files that lie: pickles with payloads, archives that expand, damaged members.  Each gives one sentence or a graph."""

import io
import pickle
import pickletools
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from snntk_core import Graph, ParseError
from snntk_lasagne import LasagneParser

PARSER = LasagneParser()
SHAPES = ((6, 4), (4,), (4, 3), (3,))
ARRAYS = [np.random.default_rng(0).standard_normal(shape).astype(np.float32) for shape in SHAPES]


def attempt(path):
    """Return the graph, or the sentence that refuses the file."""
    try:
        return PARSER.parse(PARSER.load(path))
    except ParseError as error:
        message = str(error)
        assert "\n" not in message
        assert message.endswith(".")
        return message


def pickled(tmp_path, content):
    (tmp_path / "p.pkl").write_bytes(content)
    return attempt(tmp_path / "p.pkl")


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("form", ["list", "dict", "tuple", "doubles", "fortran", "big-endian"])
def test_honest_pickles_are_read(tmp_path, protocol, form):
    values = {
        "list": ARRAYS,
        "dict": {"param values": ARRAYS, "epoch": 3, "loss": np.float32(0.5), "name": "net"},
        "tuple": tuple(ARRAYS),
        "doubles": [a.astype(np.float64) for a in ARRAYS],
        "fortran": [np.asfortranarray(a) for a in ARRAYS],
        "big-endian": [a.astype(">f4") for a in ARRAYS],
    }
    graph = pickled(tmp_path, pickle.dumps(values[form], protocol=protocol))
    assert isinstance(graph, Graph)
    np.testing.assert_array_equal(graph["dense_1"].op.weight, ARRAYS[0])
    np.testing.assert_array_equal(graph["dense_2"].op.bias, ARRAYS[3])


def test_pickles_of_python_2_and_old_numpy_are_read(tmp_path):
    """The bytes of an array are a str there, and numpy's core has its old name."""
    content = b"(l"
    for array in ARRAYS:
        shape = b"(" + b"".join(b"I%d\n" % n for n in array.shape) + b"t"
        data = b"T" + struct.pack("<i", array.nbytes) + array.tobytes()
        kind = b"cnumpy\ndtype\n(S'f4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb"
        made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
        content += made + b"(I1\n" + shape + kind + b"I00\n" + data + b"tba"
    graph = pickled(tmp_path, content + b".")
    assert isinstance(graph, Graph)
    np.testing.assert_array_equal(graph["dense_2"].op.weight, ARRAYS[2])


class Payload:
    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize("protocol", range(6))
def test_a_payload_creates_no_file(tmp_path, protocol):
    target = tmp_path / "made"
    payloads = [
        Payload(Path.touch, target),
        Payload(eval, f"open({str(target)!r}, 'w').close()"),
        Payload(exec, f"open({str(target)!r}, 'w').close()"),
        Payload(open, str(target), "w"),
        Payload(getattr, target, "touch"),
        Payload(np.load, str(target)),
        Payload(np.savetxt, str(target), [1]),
        Payload(pickle.loads, pickle.dumps(Payload(open, str(target), "w"))),
    ]
    for payload in payloads:
        for value in (payload, [payload], [*ARRAYS, payload], {"param values": ARRAYS, "x": payload}):
            message = pickled(tmp_path, pickle.dumps(value, protocol=protocol))
            assert "asks for" in message
            assert not target.exists()


OPCODES = {
    "alters a stand-in": b"cnumpy\ndtype\n}S'function'\nI1\nsb.",
    "calls ndarray": b"cnumpy\nndarray\n(I999999999\ntR.",
    "other encoding": b"c_codecs\nencode\n(S'x'\nS'rot13'\ntR.",
    "dotted global": b"\x80\x04\x8c\x05numpy\x8c\x12core.os.system_test\x93.",
    "persistent id": b"Pname\n.",
    "instance": b"(S'x'\nios\nsystem\n.",
    "extension": b"\x82\x01.",
    "buffer": b"\x80\x05\x97.",
    "huge memo": b"N" + b"r" + struct.pack("<I", 0xFFFFFFF0) + b".",
    "huge bytes": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"x.",
    "huge integer": b"\x8b" + struct.pack("<i", 0x7FFFFFFF) + b"x.",
    "many digits": b"I" + b"9" * 100_000 + b"\n.",
    "deep": b"(" * 100_000 + b"l" * 100_000 + b".",
    "empty": b"",
    "itself": b"]q\x00h\x00a.",
}


@pytest.mark.parametrize("name", OPCODES)
def test_opcodes_that_do_harm(tmp_path, name):
    assert isinstance(pickled(tmp_path, OPCODES[name]), str)


def test_object_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "o.npz", np.array([Payload(Path.touch, tmp_path / "made"), None], object))
    assert "Python objects" in attempt(tmp_path / "o.npz")
    assert not (tmp_path / "made").exists()


def member(header, data=b""):
    text = header.encode().ljust(118 - 1) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }", b""),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (-4,), }", b""),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (6, 4), }", b"short"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", b"too long"),
        ("{'descr': '<U9', 'fortran_order': False, 'shape': (1,), }", b"x" * 36),
        ("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", b"x" * 8),
        ("__import__('os').system('touch made')", b""),
        ("(" * 100, b""),
    ],
)
def test_members_that_lie(tmp_path, header, data):
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("arr_0.npy", member(header, data))
    assert isinstance(attempt(tmp_path / "m.npz"), str)


def test_archives_that_expand_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        header = "{'descr': '<f4', 'fortran_order': False, 'shape': (20000, 1000), }"
        archive.writestr("arr_0.npy", member(header, bytes(80_000_000)))
    assert "not credible" in attempt(tmp_path / "bomb.npz")


@pytest.mark.parametrize("names", [["../arr_0.npy"], ["arr_0.npy", "arr_2.npy"], ["/arr_0.npy"], ["arr_x.npy"]])
def test_strange_member_names(tmp_path, names):
    buffer = io.BytesIO()
    np.save(buffer, ARRAYS[0])
    with zipfile.ZipFile(tmp_path / "n.npz", "w") as archive:
        for name in names:
            archive.writestr(name, buffer.getvalue())
    assert isinstance(attempt(tmp_path / "n.npz"), str)


@pytest.mark.parametrize("kind", ["soft", "external", "group", "text", "empty", "virtual", "raw"])
def test_trees_that_lie(tmp_path, kind):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = ARRAYS[0]
    (tmp_path / "raw.bin").write_bytes(ARRAYS[0].tobytes())
    with h5py.File(tmp_path / "p.h5", "w") as file:
        if kind == "soft":
            file["param_000"] = h5py.SoftLink("/param_000")
        elif kind == "external":
            file["param_000"] = h5py.ExternalLink("other.h5", "secret")
        elif kind == "group":
            file.create_group("param_000")
        elif kind == "text":
            file["param_000"] = "words"
        elif kind == "empty":
            file["param_000"] = h5py.Empty("f4")
        elif kind == "virtual":
            layout = h5py.VirtualLayout((6, 4), "f4")
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "secret", (6, 4))
            file.create_virtual_dataset("param_000", layout)
        else:
            file.create_dataset("param_000", (6, 4), "f4", external=[(str(tmp_path / "raw.bin"), 0, 96)])
    (tmp_path / "n.toml").write_text("[[layer]]\nkind = 'Input'\nshape = [6]\n")
    assert isinstance(attempt((tmp_path / "n.toml", tmp_path / "p.h5")), str)


def test_pieces_that_are_larger_than_their_array_are_not_read(tmp_path):
    """The HDF5 library allocates a piece whole, however few numbers of it the array has."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(tmp_path / "p.h5", "w") as file:
        piece = file.create_dataset("param_000", (3,), "f4", maxshape=(None,), chunks=(1 << 28,), compression="gzip")
        piece.id.write_direct_chunk((0,), bytes(99))
    (tmp_path / "n.toml").write_text("[[layer]]\nkind = 'Input'\nshape = [6]\n")
    assert "pieces" in attempt((tmp_path / "n.toml", tmp_path / "p.h5"))


def test_a_tree_that_claims_too_much(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file.create_dataset("param_000", (1 << 40,), "f4", chunks=(1 << 10,), compression="gzip")
    (tmp_path / "n.toml").write_text("[[layer]]\nkind = 'Input'\nshape = [6]\n")
    assert "not credible" in attempt((tmp_path / "n.toml", tmp_path / "p.h5"))


def contents(tmp_path) -> dict[str, bytes]:
    """Return one honest file of each kind."""
    found = {f"{protocol}.pkl": pickle.dumps(ARRAYS, protocol=protocol) for protocol in (0, 2, 5)}
    for name, save in (("a.npz", np.savez), ("b.npz", np.savez_compressed)):
        save(tmp_path / name, *ARRAYS)
        found[name] = (tmp_path / name).read_bytes()
    return found


def mutated(random, content):
    damaged = bytearray(content)
    match int(random.integers(4)):
        case 0:
            for place in random.integers(len(damaged), size=int(random.integers(1, 4))):
                damaged[place] ^= 1 << int(random.integers(8))
        case 1:
            del damaged[int(random.integers(len(damaged))) :]
        case 2:
            begin, end = sorted(random.integers(len(damaged), size=2))
            damaged[begin:end] = random.bytes(int(end - begin))
        case 3:
            begin, end = sorted(random.integers(len(damaged), size=2))
            del damaged[begin:end]
    return bytes(damaged)


def fuzz(tmp_path, rounds, seed=0):
    random = np.random.default_rng(seed)
    graphs = 0
    for name, content in contents(tmp_path).items():
        for _ in range(rounds):
            (tmp_path / name).write_bytes(mutated(random, content))
            graphs += isinstance(attempt(tmp_path / name), Graph)
    return graphs


def test_fuzzed_files(tmp_path):
    assert fuzz(tmp_path, 60) < 300


def test_fuzzed_scripts(tmp_path):
    random = np.random.default_rng(1)
    from snntk_lasagne.examples import SCRIPT

    np.savez(tmp_path / "p.npz", *ARRAYS)
    for _ in range(100):
        (tmp_path / "n.py").write_bytes(mutated(random, SCRIPT.encode()))
        attempt((tmp_path / "n.py", tmp_path / "p.npz"))


def test_missing_files_and_foreign_sources(tmp_path):
    for source in (tmp_path / "none.npz", (tmp_path / "none.py", tmp_path / "none.npz"), "a\0b.npz", 3):
        with pytest.raises(ParseError):
            PARSER.load(source)


def test_every_opcode_that_is_allowed_exists():
    from snntk_lasagne.unpickling import OPCODES

    assert {code.name for code in pickletools.opcodes} >= OPCODES
