"""Writing results: JSON without NaN, and files that are whole or not there."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from snntk_core.errors import SnntkError

STANDARD_OUTPUT = "-"


def plain(value: Any) -> Any:
    """Return ``value`` as JSON knows it: arrays as lists, paths as text, and None for what is not a finite number."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def print_json(value: object) -> None:
    """Print ``value`` as JSON."""
    print(json.dumps(plain(value), indent=2))


def write_json(value: object, target: str) -> None:
    """Write ``value`` as JSON to the file ``target``, or print it when ``target`` is ``-``."""
    if target == STANDARD_OUTPUT:
        print_json(value)
        return
    text = json.dumps(plain(value), indent=2) + "\n"
    with replacing(Path(target)) as file:
        file.write(text.encode())


def write_arrays(target: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays to an ``.npz`` file."""
    savez: Callable[..., None] = np.savez
    with replacing(target) as file:
        savez(file, **arrays)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside ``path`` that takes its place at the end, or goes when something fails."""
    check_target(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_target(*paths: str | Path | None) -> None:
    """Raise `SnntkError`, before any work is done, when a file cannot be written at one of ``paths``."""
    for path in paths:
        if path is None or str(path) == STANDARD_OUTPUT:
            continue
        if Path(path).is_dir():
            raise SnntkError(f"{path} is a folder; a file to write was expected.")
        above = next(folder for folder in Path(path).absolute().parents if folder.exists())
        if not above.is_dir():
            raise SnntkError(f"{path} cannot be written: {above} is not a folder.")
        if not os.access(above, os.W_OK):
            raise SnntkError(f"{path} cannot be written: no permission to write in {above}.")
