"""Reading HDF5 without believing it: no links out of the file, no array that is larger than its bytes can hold."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from snntk_core.ops import Array
from snntk_keras.model import Unsupported, printable

COMPRESSION = 200  # how often larger than the file its arrays may be
SLACK = 1 << 20
LARGEST = 4 << 30
NAMES = 1 << 16  # of layers, or of one layer's weights
AXES = 8


def text(value: Any) -> str:
    """Return an attribute that may be bytes as text."""
    value = value.item() if isinstance(value, np.ndarray | np.generic) and value.size == 1 else value
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


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


def texts(group: Any, attribute: str) -> tuple[str, ...] | None:
    """Return a list of names, which Keras splits into numbered attributes when it is long; None if there is none."""
    if attribute in group.attrs:
        return _texts(group, attribute)
    parts: list[str] = []
    for number in range(NAMES):
        if f"{attribute}{number}" not in group.attrs:
            return tuple(parts) if number else None
        parts += _texts(group, f"{attribute}{number}")
    return tuple(parts)


def _texts(group: Any, attribute: str) -> tuple[str, ...]:
    space = group.attrs.get_id(attribute)
    if len(space.shape) != 1 or space.shape[0] > NAMES:
        raise Unsupported(f"the attribute {attribute} has the shape {space.shape}")
    return tuple(text(value) for value in np.asarray(group.attrs[attribute]).reshape(-1))


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
        if count and not dataset.id.get_storage_size():
            raise Unsupported(f"the weights {printable(name)!r} of shape {shape} were never written")
        array = np.asarray(dataset[()])
        return array.astype(np.float32) if array.dtype != np.float64 else array


def numbered(group: Any) -> Iterator[tuple[str, Any]]:
    """Yield the members ``0``, ``1``, ... of a group."""
    number = 0
    while (found := child(group, str(number))) is not None:
        yield str(number), found
        number += 1
