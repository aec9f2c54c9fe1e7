"""A clean copy of a weight file: what was read of it and nothing else, for libraries that would trust the original."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from snntk_keras.hdf5 import NAMES, WeightFile, child, opened
from snntk_keras.model import Unsupported

SINGLE = ("keras_version", "backend", "model_config", "name")
LISTS = ("layer_names", "weight_names")
LEFT_OUT = ("optimizer", "optimizer_weights")
DEPTH = 64


def copy_weights(source: Path | bytes, target: Path) -> None:
    """Write the arrays and names of an HDF5 file into a new one.  Raises `Unsupported` for a damaged file."""
    import h5py

    with opened(source) as file, h5py.File(target, "w") as copy:
        _copy(file, file.root, copy, 0)


def _copy(file: WeightFile, group: Any, target: Any, depth: int) -> None:
    import h5py

    if depth > DEPTH:
        raise Unsupported(f"its groups are nested more than {DEPTH} deep")
    for name in SINGLE:
        text = file.text(group, name)
        if text is not None:
            target.attrs[name] = text
    for name in LISTS:
        _copy_names(file, group, target, name)
    for name in group:
        if name in LEFT_OUT:
            continue
        found = child(group, name)
        if isinstance(found, h5py.Group):
            _copy(file, found, target.create_group(name), depth + 1)
        else:
            target.create_dataset(name, data=file.budget.read(found, name))


def _copy_names(file: WeightFile, group: Any, target: Any, name: str) -> None:
    for part in (name, *(f"{name}{number}" for number in range(NAMES))):
        found = file.names(group, part)
        if found is not None:
            target.attrs[part] = np.array([text.encode() for text in found] or np.zeros(0), "S")
        elif part != name:
            return
