"""A saved network is hostile until proven otherwise: one sentence, nothing executed, nothing large allocated."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import snntk
from snntk_core.errors import ArtifactError

Members = dict[str, bytes]


@pytest.fixture
def saved(spiking: snntk.Graph, tmp_path: Path) -> Path:
    """A good file."""
    return snntk.save(spiking, tmp_path / "net.snntk")


def members(path: Path) -> Members:
    """Return what a file holds."""
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def write(path: Path, contents: Members, compression: int = zipfile.ZIP_STORED) -> Path:
    """Write a file of these members."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return path


def with_manifest(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest of a file."""
    contents = members(path)
    manifest = json.loads(contents["graph.json"])
    change(manifest)
    write(path, {**contents, "graph.json": json.dumps(manifest).encode()})


def array(values: object, **options: object) -> bytes:
    """Return an array as .npy."""
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(values, **options), allow_pickle=True)
    return buffer.getvalue()


def refused(path: Path) -> str:
    """Return the one sentence with which a file is refused, cheaply."""
    tracemalloc.start()
    try:
        with pytest.raises(ArtifactError) as caught:
            snntk.open(path)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.999])
def test_truncated(saved: Path, share: float) -> None:
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(len(whole) * share)])
    refused(saved)


def test_one_bit_flipped_anywhere_is_never_a_crash(saved: Path) -> None:
    whole = saved.read_bytes()
    rng = np.random.default_rng(0)
    start = whole.index(b"NUMPY")
    for place in rng.integers(start, int(len(whole) * 0.9), 40):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        saved.write_bytes(bytes(damaged))
        with suppress(ArtifactError):  # bytes that no member owns, such as a date, may change unnoticed
            snntk.open(saved)


def test_a_bit_flipped_in_weights_is_noticed(saved: Path) -> None:
    whole = bytearray(saved.read_bytes())
    data = members(saved)["arrays/0.npy"]
    place = bytes(whole).index(data) + len(data) - 3
    whole[place] ^= 16
    saved.write_bytes(bytes(whole))
    assert "damaged" in refused(saved)


class Bomb:
    """What a pickle would run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("executed"),)


def test_pickle_is_never_executed(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bomb = np.empty(1, dtype=object)
    bomb[0] = Bomb()
    write(saved, {**members(saved), "arrays/0.npy": array(bomb)})
    refused(saved)
    assert not Path("executed").exists()


@pytest.mark.parametrize(
    "name", ["../evil.npy", "/tmp/evil.npy", "arrays/../../evil.npy", "graph.json.bak", "a\\b.npy"]
)
def test_members_outside_are_refused_by_name(saved: Path, name: str) -> None:
    assert "which no saved network has" in refused(write(saved, {**members(saved), name: b"x"}))


def test_a_zip_bomb_is_not_unpacked(saved: Path) -> None:
    contents = {**members(saved), "arrays/0.npy": bytes(200 << 20)}
    write(saved, contents, zipfile.ZIP_DEFLATED)
    assert saved.stat().st_size < 1 << 20
    refused(saved)


def test_an_array_that_claims_to_be_huge_is_not_allocated(saved: Path) -> None:
    contents = members(saved)
    buffer = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)}
    np.lib.format.write_array_header_1_0(buffer, header)
    refused(write(saved, {**contents, "arrays/0.npy": buffer.getvalue() + bytes(16)}))


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["nodes"][0]["fields"].update(shape=[1 << 20, 1 << 20, 64]),
        lambda m: m["nodes"][0]["fields"].update(shape=[-3]),
        lambda m: m["nodes"][0]["fields"].update(shape="twelve"),
        lambda m: m["nodes"][0].update(op="os.system"),
        lambda m: m["nodes"][0].update(op="WeightedOp"),
        lambda m: m["nodes"][1]["fields"].update(weight={"array": 99}),
        lambda m: m["nodes"][1]["fields"].update(weight={"array": "../../etc/passwd"}),
        lambda m: m["nodes"][1].update(inputs=["nobody"]),
        lambda m: m["nodes"][1].update(name=m["nodes"][0]["name"]),
        lambda m: m["nodes"][1].pop("fields"),
        lambda m: m.pop("nodes"),
        lambda m: m.update(nodes=[]),
        lambda m: m.update(nodes=7),
        lambda m: m.update(outputs=["nobody"]),
        lambda m: m.update(meta=[1, 2]),
        lambda m: m.update(version=99),
        lambda m: m.update(format="other"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(saved: Path, change: Callable[[dict[str, Any]], object]) -> None:
    with_manifest(saved, change)
    refused(saved)


@pytest.mark.parametrize("manifest", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_a_manifest_that_is_no_json_object_is_refused(saved: Path, manifest: bytes) -> None:
    refused(write(saved, {**members(saved), "graph.json": manifest}))


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04\x95", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.snntk"
    path.write_bytes(content)
    refused(path)
    path.unlink()
    refused(path)


def test_the_command_refuses_with_the_same_sentence(command, saved: Path, data: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:200])
    for arguments in (["simulate", saved, "--data", data], ["inspect", saved], ["check", saved]):
        done = command(*arguments)
        assert (done.code, done.err.count("\n"), "Traceback" in done.err) == (1, 1, False)
