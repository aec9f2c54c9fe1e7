"""Reading HDF5 without believing it: no links out of the file, no array that is larger than its bytes can hold."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from snntk_core.ops import Array
from snntk_keras.attributes import Content, attribute_texts, mapped
from snntk_keras.model import Unsupported, printable

COMPRESSION = 200  # how often larger than the file its arrays may be
SLACK = 1 << 20
LARGEST = 4 << 30
PIECE = 1 << 24  # bytes of a piece that an array may always be stored in
NAMES = 1 << 16  # of layers, or of one layer's weights
AXES = 8


def child(group: Any, name: str) -> Any | None:
    """Return a member of a group, or None; links to other places are not followed."""
    import h5py

    steps = [step for step in name.split("/") if step]
    for step in steps:
        if not isinstance(group, h5py.Group) or step in (".", "..") or step not in group:
            return None
        if not isinstance(group.get(step, getlink=True), h5py.HardLink):
            raise Unsupported(f"{printable(step)!r} is a link, which is not followed")
        group = group[step]
    return group if steps else None


class Budget:
    """How many bytes of arrays may still be read from a file of a size."""

    def __init__(self, file_bytes: int) -> None:
        self.left = min(file_bytes * COMPRESSION + SLACK, LARGEST)

    def read(self, dataset: Any, name: str) -> Array:
        """Return a dataset as floats.  Raises `Unsupported` before anything is allocated on its word."""
        import h5py

        if not isinstance(dataset, h5py.Dataset):
            raise Unsupported(f"the weights {printable(name)!r} are missing")
        kind, shape = dataset.dtype, dataset.shape
        if shape is None or len(shape) > AXES or kind.kind not in "fiub" or dataset.external or dataset.is_virtual:
            raise Unsupported(f"the weights {printable(name)!r} are not plain numbers")
        count = prod(shape)
        self.left -= count * max(kind.itemsize, 4)
        if self.left < 0:
            raise Unsupported(f"the weights {printable(name)!r} have the shape {shape}, which is larger than the file")
        if dataset.chunks and prod(dataset.chunks) * kind.itemsize > max(dataset.nbytes, PIECE):  # allocated whole
            raise Unsupported(f"the weights {printable(name)!r} are stored in pieces that are larger than they are")
        if count and not dataset.id.get_storage_size():
            raise Unsupported(f"the weights {printable(name)!r} of shape {shape} were never written")
        array = np.asarray(dataset[()])
        return array.astype(np.float32) if array.dtype != np.float64 else array


@dataclass(frozen=True, eq=False)
class WeightFile:
    """An open HDF5 file, its bytes, and how much may still be read of it."""

    root: Any
    content: Content
    budget: Budget

    def texts(self, group: Any, name: str) -> tuple[str, ...] | None:
        """Return a list of names, which Keras splits into numbered attributes when it is long; None without one."""
        whole = self.names(group, name)
        if whole is not None:
            return whole
        parts: list[str] = []
        for number in range(NAMES):
            part = self.names(group, f"{name}{number}")
            if part is None:
                return tuple(parts) if number else None
            parts += part
        return tuple(parts)

    def text(self, group: Any, name: str) -> str | None:
        """Return an attribute that is one text, or None."""
        found = self.names(group, name) or ()
        return found[0] if len(found) == 1 else None

    def names(self, group: Any, name: str) -> tuple[str, ...] | None:
        """Return an attribute as texts, one for a scalar; None without one."""
        import h5py

        return attribute_texts(self.content, h5py.h5o.get_info(group.id).addr, name)


@contextmanager
def opened(source: Path | bytes) -> Iterator[WeightFile]:
    """Open an HDF5 file, or the bytes of one.  Raises `Unsupported` for a truncated or corrupt one."""
    import h5py

    with ExitStack() as stack:
        if isinstance(source, Path):
            content: Content = stack.enter_context(mapped(stack.enter_context(source.open("rb"))))
        else:
            content = source
        try:
            given = source if isinstance(source, Path) else io.BytesIO(source)
            root = stack.enter_context(h5py.File(given, "r"))
        except (OSError, RuntimeError, ValueError) as error:
            said = str(error).lower()
            why = "truncated" if "truncated" in said or "eof" in said else "truncated or corrupt"
            raise Unsupported(f"the HDF5 file is {why}; download or save it again") from error
        yield WeightFile(root, content, Budget(len(content)))


def numbered(group: Any) -> Iterator[tuple[str, Any]]:
    """Yield the members ``0``, ``1``, ... of a group."""
    number = 0
    while (found := child(group, str(number))) is not None:
        yield str(number), found
        number += 1
