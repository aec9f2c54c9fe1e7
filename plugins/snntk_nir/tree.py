"""An HDF5 file as nested dicts.  It may be hostile: nothing outside it is opened and nothing absurd is allocated."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from snntk_nir.heaps import REFERENCE, Heaps
from snntk_nir.refusal import Refused, printable

LARGEST = 1 << 30  # bytes of a file
RATIO = 4096  # how much larger than the file its arrays may be: thresholds of one value compress well
LEAST, MOST = 64 << 20, 256 << 20  # bytes that any file may hold, and that a small one may expand to
PIECE = 1 << 24  # bytes of a piece that an array may always be stored in
DEPTH = 6
ENTRIES = 100_000


def read_tree(path: Path) -> tuple[dict[str, Any], str]:
    """Return the group ``node`` of a NIR file, and the version it was written by.  Raises `Refused`."""
    import h5py

    size = path.stat().st_size
    if size > LARGEST:
        raise Refused(f"it has {size} bytes; at most {LARGEST} are read")
    heaps = Heaps(path.read_bytes())
    try:
        with h5py.File(path, "r") as file:
            if "node" not in file or not isinstance(file["node"], h5py.Group):
                raise Refused("it is not a NIR file: it has no group 'node'")
            reader = Reader(h5py, heaps, max(2 * size, LEAST, min(MOST, RATIO * size)))
            version = reader.entry(file, "version") if "version" in file else ""
            return reader.group(file["node"], DEPTH), printable(version)
    except Refused:
        raise
    except Exception as error:  # h5py raises whatever it meets in a damaged file
        raise Refused("it is not an HDF5 file, or it is damaged") from error


class Reader:
    """Reads groups and datasets until the budget of bytes is used up."""

    def __init__(self, h5py: Any, heaps: Heaps, budget: int) -> None:
        self.h5py, self.heaps, self.budget, self.entries = h5py, heaps, budget, ENTRIES

    def group(self, group: Any, depth: int) -> dict[str, Any]:
        """Return a group as a dict."""
        if not depth:
            raise Refused("its groups are nested too deeply")
        found: dict[str, Any] = {}
        for name in group:
            kind = group.get(name, getclass=True)
            inner = isinstance(kind, type) and issubclass(kind, self.h5py.Group)
            self._count()
            if inner and isinstance(group.get(name, getlink=True), self.h5py.HardLink):
                found[str(name)] = self.group(group[name], depth - 1)
            else:
                found[str(name)] = self.entry(group, name)
        return found

    def _count(self) -> None:
        self.entries -= 1
        if self.entries < 0:
            raise Refused("it has too many entries")

    def entry(self, group: Any, name: str) -> Any:
        """Return a dataset as an array, a number or a string."""
        data = group[name] if isinstance(group.get(name, getlink=True), self.h5py.HardLink) else None
        if not isinstance(data, self.h5py.Dataset) or data.is_virtual or data.external:
            raise Refused(f"{printable(name)!r} is not data in this file")
        if data.dtype.kind not in "fiubOS" or data.size is None:
            raise Refused(f"{printable(name)!r} holds {printable(data.dtype)}, neither numbers nor text")
        self.budget -= data.size * max(data.dtype.itemsize, 1)
        if self.budget < 0:
            claim = f"{data.dtype} values of shape {data.shape}"
            raise Refused(f"{printable(name)!r} claims {claim}, which is not credible")
        if data.chunks and prod(data.chunks) * data.dtype.itemsize > max(data.nbytes, PIECE):
            raise Refused(f"{printable(name)!r} is stored in pieces that are larger than it")  # allocated whole
        if data.dtype.kind == "O":
            return self._text(data, name)
        value = data[()]
        return value.decode(errors="replace") if isinstance(value, bytes) else value

    def _text(self, data: Any, name: str) -> str | np.ndarray[Any, Any]:
        """Return texts of variable length, one alone as it is."""
        offset, stored = data.id.get_offset(), data.id.get_storage_size()
        if self.h5py.check_string_dtype(data.dtype) is None or offset is None or stored != REFERENCE * data.size:
            raise Refused(f"{printable(name)!r} holds neither numbers nor text in one piece")
        texts = self.heaps.texts(offset, data.size)
        return np.array(texts, dtype=object).reshape(data.shape) if data.shape else texts[0]
