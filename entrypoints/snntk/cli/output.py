"""Writing results: JSON without NaN, and files that are whole or not there."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from snntk.cli.blocks import Block
from snntk.cli.render import show
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


def answer(value: object, blocks: Iterable[Block], target: str | None) -> None:
    """Show ``blocks``, and write ``value`` as JSON to the file ``target``; ``-`` prints it instead of the blocks."""
    if target != STANDARD_OUTPUT:
        show(blocks)
    if target:
        write_json(value, target)


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
    """Open a temporary file beside ``path`` that takes its place at the end, or goes when something fails.

    It gets the permissions that the umask leaves.  Raises `SnntkError` naming ``path`` when it cannot be written.
    """
    check_target(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    except OSError as error:
        raise SnntkError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_target(*paths: str | Path | None, inputs: Iterable[Path] = ()) -> None:
    """Raise `SnntkError`, before any work is done, when a file cannot be written at one of ``paths``.

    That is a folder, a place where nothing can be written, one of ``inputs`` or in one, and the same file twice.
    """
    taken = {file.resolve(): f"{file} is read by this command" for file in inputs}
    for path in paths:
        if path is None or str(path) == STANDARD_OUTPUT:
            continue
        target = Path(path).resolve()
        same = next((why for file, why in taken.items() if _same(file, target)), None)
        if same:
            raise SnntkError(f"{path} cannot be written: {same}. Choose another name for what is written.")
        taken[target] = f"{path} is another output"
        if target.is_dir():
            raise SnntkError(f"{path} is a folder; a file to write was expected.")
        _check_folder(path, next(folder for folder in target.parents if folder.exists()))


def _same(one: Path, other: Path) -> bool:
    if one == other or not (one.exists() and other.exists()):
        return one == other
    return one.samefile(other) or (one.is_dir() and other.is_relative_to(one))


def _check_folder(path: str | Path, above: Path) -> None:
    if not above.is_dir():
        raise SnntkError(f"{path} cannot be written: {above} is not a folder.")
    try:
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError as error:
        raise SnntkError(f"{path} cannot be written in {above}: {error.strerror}.") from error
