"""Reading weights from a .caffemodel or .caffemodel.h5 that may be hostile."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from snntk_caffe.messages import classes
from snntk_caffe.network import Weights
from snntk_caffe.refusal import Unsupported
from snntk_core import ParseError
from snntk_core.errors import MissingLibrary
from snntk_core.ops import Array
from snntk_core.shapes import Shape

FILE_BYTES = 2 << 30  # protobuf itself takes no more
PIECE = 1 << 24  # bytes of a piece that an array may always be stored in
LEGACY = ("num", "channels", "height", "width")
BROKEN = "the file is truncated, corrupt or not a Caffe model; download or export it again."


def content(path: Path, limit: int) -> bytes:
    """Return a file's bytes.  Raises `ParseError` if it cannot be read or is larger than ``limit``."""
    try:
        if path.stat().st_size > limit:
            raise ParseError(str(path), f"the file is larger than {limit >> 20} MiB; it is no Caffe model of ours.")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ParseError(str(path), f"the file cannot be read ({reason}); check the path.") from error


def read_weights(path: Path) -> Weights:
    """Return the arrays of every layer.  Raises `ParseError` for a file that is not one."""
    return _read_hdf5(path) if path.name.lower().endswith(".h5") else _read_protobuf(path)


def _read_protobuf(path: Path) -> Weights:
    data = content(path, FILE_BYTES)
    try:
        net = classes().NetParameter.FromString(data)
    except Exception as error:  # whatever protobuf raises: its classes differ between versions
        raise ParseError(str(path), BROKEN) from error
    found: dict[str, Callable[[], tuple[Array, ...]]] = {}
    for layer in (*net.layer, *net.layers):
        if len(layer.blobs):
            found.setdefault(layer.name, partial(_arrays, layer.blobs))
    return Weights(str(path), found)


def _arrays(blobs: Any) -> tuple[Array, ...]:
    return tuple(map(_array, blobs))


def _array(blob: Any) -> Array:
    shape = _shape(blob)
    values = blob.data if len(blob.data) or not len(blob.double_data) else blob.double_data
    if any(length < 0 for length in shape) or prod(shape) != len(values):
        raise Unsupported(f"its weights claim the shape {list(shape)[:8]}, but hold {len(values)} numbers")
    return np.fromiter(values, np.float32, len(values)).reshape(shape)


def _shape(blob: Any) -> Shape:
    if blob.HasField("shape"):
        return tuple(blob.shape.dim)
    return tuple(getattr(blob, name) for name in LEGACY)


def _read_hdf5(path: Path) -> Weights:
    try:
        import h5py
    except ImportError as error:
        raise MissingLibrary("caffe", ("h5py",), "pip install h5py") from error

    found: dict[str, Callable[[], tuple[Array, ...]]] = {}
    try:
        with h5py.File(path, "r") as file:
            root = _hard(file, "data")
            if not isinstance(root, h5py.Group):
                raise ParseError(str(path), "it holds no group called data; " + BROKEN.partition("; ")[2])
            for name in root:
                arrays = _datasets(_hard(root, name), h5py)
                if arrays:
                    found[name] = partial(tuple, arrays)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, Unsupported) as error:
        reason = f"{error}; " + BROKEN.partition("; ")[2] if isinstance(error, Unsupported) else BROKEN
        raise ParseError(str(path), reason) from error
    return Weights(str(path), found)


def _hard(group: Any, name: str) -> Any:
    """A member of a group that lies in the file itself; links to other files are not followed."""
    import h5py

    link = group.get(name, getlink=True)
    return group[name] if isinstance(link, h5py.HardLink) else None


def _datasets(group: Any, h5py: Any) -> list[Array]:
    """The arrays 0, 1, ... of a layer."""
    arrays: list[Array] = []
    while isinstance(group, h5py.Group):
        item = _hard(group, str(len(arrays)))
        if not isinstance(item, h5py.Dataset):
            break
        if item.external or item.is_virtual or item.dtype.kind != "f" or item.id.get_storage_size() < item.nbytes:
            raise Unsupported(f"the array {group.name}/{len(arrays)} is compressed, empty, or not in the file")
        if item.chunks and prod(item.chunks) * item.dtype.itemsize > max(item.nbytes, PIECE):  # allocated whole
            raise Unsupported(f"the array {group.name}/{len(arrays)} is stored in pieces that are larger than it")
        arrays.append(np.asarray(item[()], np.float32))
    return arrays
