"""A graph in one file: a zip of ``graph.json`` and one ``.npy`` for each array.  No pickle, nothing compressed.

A file is hostile until proven otherwise: names, sizes and headers are checked before anything is allocated.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import fields
from math import prod
from pathlib import Path
from reprlib import repr as shortened
from typing import Any, TypeVar

import numpy as np

from snntk_core.errors import ArtifactError, GraphError, SnntkError, did_you_mean, listed, said
from snntk_core.graph import Graph
from snntk_core.node import Node
from snntk_core.number_format import NumberFormat
from snntk_core.ops import Array, Op
from snntk_core.ops.fields import checked, field_types, with_default
from snntk_core.shapes import LARGEST_MAP, size

T = TypeVar("T")

VERSION = 1
SUFFIX = ".snntk"
MANIFEST = "graph.json"
MANIFEST_BYTES = 64 << 20
MANIFEST_PARTS = {
    "format": str, "version": int, "nodes": tuple[Mapping[str, Any], ...], "outputs": tuple[str, ...],
    "meta": Mapping[str, str], "layers": Mapping[str, str],
}  # fmt: skip
NODE_PARTS = {
    "name": str, "op": str, "inputs": tuple[str, ...], "fields": Mapping[str, Any],
    "formats": Mapping[str, Mapping[str, Any]], "origin": tuple[str, ...],
}  # fmt: skip
WORDS = 1000  # of what is wrong with a graph
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same graph gives the same bytes


def save_graph(graph: Graph, path: str | Path) -> Path:
    """Write a graph to one file, under a temporary name that is renamed at the end; returns the path."""
    path = Path(path)
    arrays: list[Array] = []
    nodes = [_node_entry(node, arrays) for node in graph.verify()]
    meta = {str(key): str(value) for key, value in graph.meta.items()}
    manifest: dict[str, Any] = {"format": "snntk", "version": VERSION, "nodes": nodes, "outputs": list(graph.outputs)}
    manifest |= {"meta": meta, "layers": {str(name): str(kind) for name, kind in graph.layers.items()}}
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo(MANIFEST, EPOCH), json.dumps(manifest, indent=1))
            for index, array in enumerate(arrays):
                buffer = io.BytesIO()
                np.save(buffer, array, allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(_member(index), EPOCH), buffer.getvalue())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _member(index: object) -> str:
    return f"arrays/{index}.npy"


def _node_entry(node: Node, arrays: list[Array]) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": node.name, "op": type(node.op).__name__, "inputs": list(node.inputs)}
    entry |= {"origin": list(map(str, node.origin))} if node.origin else {}
    try:
        entry["fields"] = _fields_entry(node.op, arrays)
        if node.formats:
            entry["formats"] = {key: _fields_entry(fmt, arrays) for key, fmt in node.formats.items()}
    except ValueError as error:  # what is written can be read
        raise GraphError([f"{node.name}: {type(node.op).__name__}: {error}"]) from error
    return entry


def _fields_entry(item: Op | NumberFormat, arrays: list[Array]) -> dict[str, Any]:
    entry = checked({f.name: getattr(item, f.name) for f in fields(item)}, field_types(type(item)))
    for name, value in entry.items():
        if isinstance(value, np.ndarray):
            arrays.append(value)
            entry[name] = {"array": len(arrays) - 1}
    return entry


def load_graph(path: str | Path) -> Graph:
    """Read a graph written by `save_graph`.

    Raises `ArtifactError` in one sentence for a file that is missing, truncated, corrupted, hostile or too new.
    """
    path = Path(path)
    if not path.is_file():
        raise ArtifactError(f"There is no file {path}.")
    if not zipfile.is_zipfile(path):
        hint = "" if path.suffix == SUFFIX else " A model is converted first: snntk convert."
        raise ArtifactError(f"{path} is not a saved network, or it is cut short or damaged.{hint}")
    try:
        with zipfile.ZipFile(path) as archive:
            members = _checked_members(path, archive)
            manifest = _manifest(path, archive.read(MANIFEST))
            arrays = {name: _read_array(path, archive.read(name), name) for name in members if name != MANIFEST}
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        raise ArtifactError(f"{path} is not a saved network, or it is damaged: {said(error)}.") from error
    nodes = tuple(_node(path, place, entry, arrays) for place, entry in enumerate(manifest["nodes"]))
    try:
        graph = Graph(nodes, manifest["outputs"], manifest["meta"], manifest.get("layers", {})).verify()
    except SnntkError as error:
        raise ArtifactError(f"{path}: {_short(error)}.") from error
    except Exception as error:  # an op of a plugin
        raise ArtifactError(f"{path}: the shapes of its nodes cannot be worked out ({said(error)}).") from error
    largest = max(graph.shapes, key=lambda name: size(graph.shapes[name]))
    if size(graph.shapes[largest]) > LARGEST_MAP:
        raise ArtifactError(f"{path}: {largest} has the absurd shape {graph.shapes[largest]}.")
    return graph


def _short(error: SnntkError) -> str:
    words = " ".join(str(error).split()).rstrip(".")
    return words if len(words) <= WORDS else f"{words[:WORDS]}..., and more"


def _checked_members(path: Path, archive: zipfile.ZipFile) -> list[str]:
    names = [info.filename for info in archive.infolist()]
    expected = {MANIFEST, *(_member(index) for index in range(len(names) - 1))}
    strange = [name for name in names if name not in expected]
    if strange or len(set(names)) != len(names) or MANIFEST not in names:
        found = f"holds {shortened(strange[0])}, which no" if strange else "does not hold the members that every"
        raise ArtifactError(f"{path} {found} saved network has.")
    stored, total = path.stat().st_size, 0
    for info in archive.infolist():
        total += info.file_size
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size or total > stored:
            raise ArtifactError(f"{path} claims more data in {info.filename!r} than the file has.")
        if info.filename == MANIFEST and info.file_size > MANIFEST_BYTES:
            raise ArtifactError(f"{path} has a {MANIFEST} of {info.file_size} bytes.")
    return names


def _manifest(path: Path, data: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path}: its {MANIFEST} is no JSON ({said(error)}).") from error
    if not isinstance(manifest, dict) or manifest.get("format") != "snntk":
        raise ArtifactError(f"{path} is not a saved network.")
    version = manifest.get("version")
    if version != VERSION:
        raise ArtifactError(
            f"{path} has version {shortened(version)} of the format, this snntk reads {VERSION}. Update snntk."
        )
    return _checked(f"{path}: its {MANIFEST}", manifest, MANIFEST_PARTS, "layers")


def _checked(place: str, entry: Mapping[str, object], kinds: Mapping[str, Any], *optional: str) -> dict[str, Any]:
    try:
        return checked(entry, kinds, optional)
    except ValueError as error:
        raise ArtifactError(" ".join(f"{place}: {error}".split())) from error


def _read_array(path: Path, data: bytes, name: str) -> Array:
    buffer = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(buffer)  # type: ignore[no-untyped-call]
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(buffer)  # type: ignore[no-untyped-call]
        if dtype.kind not in "biuf" or prod(shape) * dtype.itemsize != len(data) - buffer.tell():
            raise ArtifactError(f"{path}: {name} claims {dtype} values of shape {shape}, which its data is not.")
        buffer.seek(0)
        return np.asarray(np.load(buffer, allow_pickle=False))
    except ArtifactError:
        raise
    except Exception as error:  # numpy reads the header as Python and in several ways
        raise ArtifactError(f"{path}: {name} is no array of numbers ({said(error)}).") from error


def _known_ops(base: type[Op] = Op) -> Iterator[type[Op]]:
    if not getattr(base, "__abstractmethods__", None):
        yield base
    for child in base.__subclasses__():
        yield from _known_ops(child)


def _op_class(place: str, kind: str) -> type[Op]:
    known = [op for op in _known_ops() if op.__name__ == kind]
    if not known:
        hint = did_you_mean(kind, {op.__name__ for op in _known_ops()})
        raise ArtifactError(f"{place} is a {shortened(kind)}, which no installed plugin knows.{hint}")
    if len(known) > 1:
        owners = listed(op.__module__ for op in known)
        raise ArtifactError(f"{place} is a {kind!r}, which several modules define: {owners}.")
    return known[0]


def _node(path: Path, number: int, entry: Mapping[str, Any], arrays: Mapping[str, Array]) -> Node:
    values = _checked(f"{path}: its node {number}", entry, NODE_PARTS, "formats", "origin")
    place = " ".join(f"{path}: {values['name']}".split())
    kind = _op_class(place, values["op"])
    op = _made(kind, f"{place}, {kind.__name__}", values["fields"], arrays)
    formats = {
        key: _made(NumberFormat, f"{place}, the format of {shortened(key)}", value, arrays)
        for key, value in values.get("formats", {}).items()
    }
    return Node(values["name"], op, values["inputs"], formats, values.get("origin", ()))


def _made(kind: type[T], place: str, entry: Mapping[str, Any], arrays: Mapping[str, Array]) -> T:
    given = {key: _resolved(value, arrays) for key, value in entry.items()}
    values = _checked(place, given, field_types(kind), *with_default(kind))
    try:
        return kind(**values)
    except SnntkError as error:
        raise ArtifactError(f"{place}: {error}") from error
    except Exception as error:  # an op of a plugin
        raise ArtifactError(f"{place} cannot be made of what the file says ({said(error)}).") from error


def _resolved(value: Any, arrays: Mapping[str, Array]) -> Any:
    """Return the array that ``value`` stands for; ``value`` itself where it stands for none."""
    return arrays.get(_member(value.get("array")), value) if isinstance(value, dict) else value
