"""The saved parameters: arrays in Lasagne's order, from .npz, .h5 and pickles that may be hostile."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from snntk_core.errors import MissingLibrary
from snntk_core.ops import Array
from snntk_lasagne.refusal import Refused, printable
from snntk_lasagne.unpickling import unpickled

LARGEST = 1 << 30  # bytes of all arrays together
PIECE = 1 << 24  # bytes of a piece that an array may always be stored in
RATIO = 64  # how much larger than the file compressed arrays may be
ARCHIVES, TREES, PICKLES = (".npz",), (".h5", ".hdf5"), (".pkl", ".pickle")
SUFFIXES = (*ARCHIVES, *TREES, *PICKLES)
KEYS = ("param values", "param_values", "params", "values")
SAVE = "save them again: numpy.savez(path, *lasagne.layers.get_all_param_values(network))"
INSTALL = 'pip install "snntk[lasagne]"'


def read_parameters(path: Path) -> tuple[Array, ...]:
    """Return the arrays of a file in order.  Raises `Refused`, and `MissingLibrary` for .h5 without h5py."""
    size = path.stat().st_size
    if size > LARGEST:
        raise Refused(f"it has {size} bytes; at most {LARGEST} are read")
    suffix = path.suffix.lower()
    if suffix in ARCHIVES:
        arrays = _from_archive(path, min(LARGEST, RATIO * size))
    elif suffix in TREES:
        arrays = _from_tree(path, min(LARGEST, RATIO * size))
    else:
        arrays = _from_pickle(path)
    return tuple(_floating(array, index) for index, array in enumerate(arrays))


def _floating(array: Array, index: int) -> Array:
    if array.dtype.kind not in "fiub":
        raise Refused(f"its array {index} holds {array.dtype}, not numbers")
    return np.ascontiguousarray(array, np.float64 if array.dtype == np.float64 else np.float32).reshape(array.shape)


def _numbered(names: Sequence[str], pattern: str, example: str) -> list[str]:
    """Return names in the order of their numbers.  Raises `Refused` unless they count from zero."""
    names = list(names)
    matches = {name: re.fullmatch(pattern, name) for name in names}
    strange = [name for name, match in matches.items() if not match]
    if strange:
        found = ", ".join(printable(name) for name in names[:4])
        raise Refused(f"it holds {found}, but Lasagne's parameters are called {example}", remedy=SAVE)
    ordered = sorted(names, key=lambda name: int(matches[name][1]))  # type: ignore[index]
    if [int(matches[name][1]) for name in ordered] != list(range(len(ordered))):  # type: ignore[index]
        raise Refused(f"parameters are missing: {example} are expected up to the last, {printable(ordered[-1])}")
    return ordered


def _from_archive(path: Path, limit: int) -> list[Array]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist()]
            ordered = _numbered(
                [name.removesuffix(".npy") for name in names], r"arr_(\d{1,6})", "arr_0, arr_1 and so on"
            )
            arrays = []
            for name in ordered:
                arrays.append(_member(archive, f"{name}.npy", limit))
                limit -= arrays[-1].nbytes
            return arrays
    except Refused:
        raise
    except Exception as error:  # zipfile, zlib and the header's parser each raise their own
        raise Refused("it is not an .npz file, or it is damaged") from error


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> Array:
    if archive.getinfo(name).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused(f"{name} is compressed in a way that numpy does not use")  # and that allocates what the file says
    with archive.open(name) as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
        if dtype.kind == "O":
            raise Refused(f"{name} holds Python objects; save the arrays themselves: np.savez(path, *values)")
        count = prod(shape) * dtype.itemsize
        if dtype.kind not in "fiub" or min(shape, default=1) < 0 or count > limit:
            raise Refused(f"{name} claims {dtype} values of shape {shape}, which is not credible")
        content = stream.read(count)
        if len(content) != count or stream.read(1):
            raise Refused(f"{name} claims {dtype} values of shape {shape}, which its data is not")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")


def _from_tree(path: Path, limit: int) -> list[Array]:
    try:
        import h5py
    except ImportError as error:
        raise MissingLibrary("lasagne", ("h5py",), INSTALL) from error
    try:
        with h5py.File(path, "r") as file:
            names = _numbered(list(file), r"param_(\d{1,6})", "param_000, param_001 and so on")
            arrays = []
            for name in names:
                arrays.append(_dataset(h5py, file, name, limit))
                limit -= arrays[-1].nbytes
            return arrays
    except Refused:
        raise
    except Exception as error:  # h5py raises whatever it meets in a damaged file
        raise Refused("it is not an HDF5 file, or it is damaged") from error


def _dataset(h5py: Any, file: Any, name: str, limit: int) -> Array:
    if not isinstance(file.get(name, getlink=True), h5py.HardLink) or file.get(name, getclass=True) is not h5py.Dataset:
        raise Refused(f"{name} is not an array in this file")
    data = file[name]
    if data.is_virtual or data.external or data.dtype.kind not in "fiub":
        raise Refused(f"{name} is not an array of numbers in this file")
    if data.size is None or data.size * data.dtype.itemsize > limit:
        raise Refused(f"{name} claims {data.dtype} values of shape {data.shape}, which is not credible")
    if data.chunks and prod(data.chunks) * data.dtype.itemsize > max(data.nbytes, PIECE):  # allocated whole
        raise Refused(f"{name} is stored in pieces that are larger than it")
    return np.asarray(data[()])


def _from_pickle(path: Path) -> list[Array]:
    found = unpickled(path.read_bytes())
    if isinstance(found, dict):
        key = next((key for key in KEYS if key in found), None)
        if key is None:
            held = ", ".join(printable(key) for key in list(found)[:4])
            raise Refused(f"it is a dict of {held}; Lasagne's parameters are a list, or a dict with 'param values'")
        found = found[key]
    if not isinstance(found, list) or not found or not all(isinstance(item, np.ndarray) for item in found):
        raise Refused(f"it holds a {type(found).__name__}; Lasagne's parameters are a list of arrays")
    return found
