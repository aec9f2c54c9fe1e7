"""The arrays of a graph in an HDF5 file: a group for each node, a dataset for each of its arrays.

A file is hostile until proven otherwise.  Only datasets of numbers are read whose shape is the one that the graph has
there, so a file cannot claim more than the graph holds.  Links, attributes, and texts of variable length, on which the
library hangs, are never touched.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from snntk.given import checked_graph
from snntk_core.data import no_such_file
from snntk_core.errors import ArtifactError, MissingLibrary, SnntkError, did_you_mean, said
from snntk_core.graph import Graph
from snntk_core.node import Node
from snntk_core.ops import Array

INSTALL = 'pip install "snntk[hdf5]"'
ESCAPED = {
    "%": "%25",
    "/": "%2F",
    "\0": "%00",
}  # what the name of a group may not hold, and the sign that stands for it
EMPTY = "%"
CHUNK = 1 << 20  # elements of a chunk, which the library holds in memory, where an array has fewer
LONGEST = 120  # of a name that is shown


def save_parameters(graph: Graph, path: str | Path) -> Path:
    """Write the arrays of a graph to an HDF5 file and return its path; the folder is made if need be.

    Each node that has arrays is a group, and each array a dataset in it, as in ``conv1/weight``; a slash in a name is
    written ``%2F``.  The file is whole or not there.  Raises `ArtifactError` when the path is a folder or cannot be
    written, and `MissingLibrary` without h5py.

    >>> snntk.save_parameters(snntk.parse("model.onnx"), "model.h5")
    """
    graph, path = checked_graph(graph), Path(path).expanduser()
    if path.is_dir():
        raise ArtifactError(f"{path} is a folder; a file was expected.")
    h5py, temporary = _h5py("Saving parameters"), Path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        temporary = Path(name)
        with h5py.File(temporary, "w") as file:
            for node in graph:
                for key, array in node.op.arrays.items():
                    file.create_dataset(f"{_escaped(node.name)}/{key}", data=array)
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        if temporary.name:
            temporary.unlink(missing_ok=True)
    return path


def load_parameters(graph: Graph, path: str | Path) -> Graph:
    """Return the graph with the arrays of an HDF5 file, one for each that it has, in the graph's own types.

    Raises `ArtifactError` in one sentence with everything that is missing, left over, of another shape or type, not
    finite, or not on the grid of a quantized node; also for a file that is missing or damaged.  `MissingLibrary`
    without h5py.

    >>> graph = snntk.load_parameters(snntk.parse("model.onnx"), "model.h5")
    """
    graph, path = checked_graph(graph), Path(path).expanduser()
    if not path.is_file():
        raise ArtifactError(f"{path} is a folder; a file was expected." if path.is_dir() else no_such_file(path))
    h5py = _h5py("Loading parameters")
    try:
        with h5py.File(path, "r") as file:
            loaded, problems = _loaded(h5py, file, graph)
    except Exception as error:  # the library raises whatever it meets in a damaged file
        raise ArtifactError(f"{path} is no HDF5 file, or it is damaged: {said(error).rstrip('.')}.") from error
    if problems:
        raise ArtifactError(f"{path} does not fit the network: {'; '.join(problems)}.")
    return loaded.verify()


def _h5py(what: str) -> Any:
    if find_spec("h5py") is None:
        raise MissingLibrary(what, ["h5py"], INSTALL)
    import h5py

    return h5py


def _loaded(h5py: Any, file: Any, graph: Graph) -> tuple[Graph, list[str]]:
    """Return the graph with the arrays of an open file, and what is wrong with them."""
    problems: list[str] = []
    nodes = []
    for node in graph:
        arrays: dict[str, Array] = {}
        for key, expected in node.op.arrays.items():
            try:
                arrays[key] = _read(h5py, file, (_escaped(node.name), key), expected)
            except ValueError as error:
                problems.append(f"{_shown(node.name)}: its {key} {error}")
        nodes.append(replace(node, op=replace(node.op, **arrays)))
        problems += _problems(graph, nodes[-1], arrays)
    problems += _left_over(h5py, file, graph)
    return replace(graph, nodes=tuple(nodes)), problems


def _read(h5py: Any, file: Any, place: tuple[str, str], expected: Array) -> Array:
    """Return a dataset in the type of the array it stands for; raises `ValueError` that says what it is instead."""
    found = file
    for name in place:
        if not isinstance(found, h5py.Group) or name not in found:
            raise ValueError("is missing")
        if not isinstance(found.get(name, getlink=True), h5py.HardLink):
            raise ValueError("is a link, which is not followed")
        found = found[name]
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "biuf" or found.external or found.is_virtual:
        raise ValueError("is no array of numbers in this file")
    if found.shape != expected.shape:
        raise ValueError(f"has the shape {found.shape}, the network's has {expected.shape}")
    if found.dtype.itemsize > 16 or (found.chunks and prod(found.chunks) > max(expected.size, CHUNK)):
        raise ValueError("is stored in pieces larger than itself")
    if not np.can_cast(found.dtype, expected.dtype, "same_kind"):
        raise ValueError(f"holds {found.dtype} values, the network's {expected.dtype}")
    if expected.size and not found.id.get_storage_size():
        raise ValueError("was never written")
    with np.errstate(over="ignore"):
        return np.asarray(found[()]).astype(expected.dtype)


def _problems(graph: Graph, node: Node, arrays: Mapping[str, Array]) -> Iterator[str]:
    """Yield what is wrong with the values of a node's new arrays."""
    infinite = [key for key, array in arrays.items() if not np.isfinite(array).all()]
    yield from (f"{_shown(node.name)}: its {key} is not finite" for key in infinite)
    for key, number_format in node.formats.items():
        if key in arrays and key not in infinite and not number_format.honored_by(arrays[key]):
            yield f"{_shown(node.name)}: its {key} is not on its {number_format.bits}-bit grid"
    try:
        node.op.infer(*(graph.shapes[name] for name in node.inputs))
    except SnntkError as error:
        yield f"{_shown(node.name)}: {str(error).rstrip('.')}"


def _left_over(h5py: Any, file: Any, graph: Graph) -> Iterator[str]:
    """Yield what a file holds and the network does not."""
    known = {_escaped(node.name): node.op.arrays for node in graph if node.op.arrays}
    for name in file:
        if name not in known:
            yield f"it holds {_shown(name)!r}, which is no node with arrays.{did_you_mean(name, known)}".rstrip(".")
        elif isinstance(file.get(name, getlink=True), h5py.HardLink) and isinstance(file[name], h5py.Group):
            for key in file[name]:
                if key not in known[name]:
                    yield f"{_shown(name)} has no {_shown(key)!r}, which the file holds"


def _escaped(name: str) -> str:
    spelled = "".join(ESCAPED.get(character, character) for character in name)
    return spelled.replace(".", "%2E") if spelled in (".", "..") else spelled or EMPTY


def _shown(name: str) -> str:
    text = "".join(character if character.isprintable() else "?" for character in name)
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."
