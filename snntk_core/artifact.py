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
from typing import Any

import numpy as np

from snntk_core.errors import ArtifactError, SnntkError, did_you_mean, listed
from snntk_core.graph import Graph
from snntk_core.node import Node
from snntk_core.number_format import NumberFormat
from snntk_core.ops import Array, Op
from snntk_core.shapes import size

VERSION = 1
SUFFIX = ".snntk"
MANIFEST = "graph.json"
MANIFEST_BYTES = 64 << 20
LARGEST_MAP = 1 << 28  # elements of one feature map
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same graph gives the same bytes


def save_graph(graph: Graph, path: str | Path) -> Path:
    """Write a graph to one file, under a temporary name that is renamed at the end; returns the path."""
    path = Path(path)
    arrays: list[Array] = []
    nodes = [_node_entry(node, arrays) for node in graph.verify()]
    manifest = {
        "format": "snntk", "version": VERSION, "nodes": nodes, "outputs": list(graph.outputs), "meta": dict(graph.meta)
    }  # fmt: skip
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


def _member(index: int) -> str:
    return f"arrays/{index}.npy"


def _node_entry(node: Node, arrays: list[Array]) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": node.name, "op": type(node.op).__name__, "inputs": list(node.inputs)}
    entry["fields"] = _fields_entry(node.op, arrays)
    if node.formats:
        entry["formats"] = {key: _fields_entry(fmt, arrays) for key, fmt in node.formats.items()}
    return entry


def _fields_entry(item: Op | NumberFormat, arrays: list[Array]) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    for f in fields(item):
        value = getattr(item, f.name)
        if isinstance(value, np.ndarray):
            arrays.append(value)
            value = {"array": len(arrays) - 1}
        entry[f.name] = value
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
            manifest = json.loads(archive.read(MANIFEST))
            _check_version(path, manifest)
            arrays = {name: _read_array(path, archive.read(name), name) for name in members if name != MANIFEST}
        nodes = tuple(_node(path, entry, arrays) for entry in manifest["nodes"])
        graph = Graph(nodes, tuple(manifest["outputs"]), manifest["meta"]).verify()
    except ArtifactError:
        raise
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        raise ArtifactError(f"{path} is not a saved network, or it is damaged: {error}.") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, SnntkError) as error:
        raise ArtifactError(f"{path} holds no valid network: {type(error).__name__}: {error}.") from error
    largest = max(graph.shapes, key=lambda name: size(graph.shapes[name]))
    if size(graph.shapes[largest]) > LARGEST_MAP:
        raise ArtifactError(f"{path}: {largest} has the absurd shape {graph.shapes[largest]}.")
    return graph


def _checked_members(path: Path, archive: zipfile.ZipFile) -> list[str]:
    names = [info.filename for info in archive.infolist()]
    expected = {MANIFEST, *(_member(index) for index in range(len(names) - 1))}
    strange = [name for name in names if name not in expected]
    if strange or len(set(names)) != len(names) or MANIFEST not in names:
        raise ArtifactError(f"{path} holds {strange[0] if strange else 'its members'!r}, which no saved network has.")
    stored, total = path.stat().st_size, 0
    for info in archive.infolist():
        total += info.file_size
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size or total > stored:
            raise ArtifactError(f"{path} claims more data in {info.filename!r} than the file has.")
        if info.filename == MANIFEST and info.file_size > MANIFEST_BYTES:
            raise ArtifactError(f"{path} has a {MANIFEST} of {info.file_size} bytes.")
    return names


def _check_version(path: Path, manifest: Any) -> None:
    if not isinstance(manifest, dict) or manifest.get("format") != "snntk":
        raise ArtifactError(f"{path} is not a saved network.")
    if manifest.get("version") != VERSION:
        raise ArtifactError(
            f"{path} has version {manifest.get('version')!r} of the format, this snntk reads {VERSION}. Update snntk."
        )


def _read_array(path: Path, data: bytes, name: str) -> Array:
    buffer = io.BytesIO(data)
    version = np.lib.format.read_magic(buffer)  # type: ignore[no-untyped-call]
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(buffer)  # type: ignore[no-untyped-call]
    if dtype.kind not in "biuf" or prod(shape) * dtype.itemsize != len(data) - buffer.tell():
        raise ArtifactError(f"{path}: {name} claims {dtype} values of shape {shape}, which its data is not.")
    buffer.seek(0)
    return np.asarray(np.load(buffer, allow_pickle=False))


def _known_ops(base: type[Op] = Op) -> Iterator[type[Op]]:
    if not getattr(base, "__abstractmethods__", None):
        yield base
    for child in base.__subclasses__():
        yield from _known_ops(child)


def _node(path: Path, entry: Mapping[str, Any], arrays: Mapping[str, Array]) -> Node:
    kind = str(entry["op"])
    known = [op for op in _known_ops() if op.__name__ == kind]
    if not known:
        hint = did_you_mean(kind, {op.__name__ for op in _known_ops()})
        raise ArtifactError(f"{path}: {entry['name']} is a {kind!r}, which no installed plugin knows.{hint}")
    if len(known) > 1:
        owners = listed(op.__module__ for op in known)
        raise ArtifactError(f"{path}: {entry['name']} is a {kind!r}, which several modules define: {owners}.")
    op = known[0](**_values(entry["fields"], arrays))
    formats = {
        str(key): NumberFormat(**_values(value, arrays)) for key, value in entry.get("formats", {}).items()
    }  # fmt: skip
    return Node(str(entry["name"]), op, tuple(entry["inputs"]), formats)


def _values(entry: Mapping[str, Any], arrays: Mapping[str, Array]) -> dict[str, Any]:
    return {key: arrays[_member(value["array"])] if isinstance(value, dict) else value for key, value in entry.items()}
