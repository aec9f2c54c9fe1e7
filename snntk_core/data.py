"""Data for a run: test samples, labels and calibration samples, from arrays or from files."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from snntk_core.errors import DataError, did_you_mean, listed
from snntk_core.ops import Array

FOLDER = ("x_test.npz", "y_test.npz", "x_norm.npz")
"""The files of a folder of data, as snn_toolbox wrote it."""
LABELS = ("y", "y_test", "labels")
KINDS = {"U": "text", "S": "text", "c": "complex numbers", "O": "objects", "M": "dates", "m": "times", "V": "records"}
"""What arrays hold that are no numbers, by their type's kind, in words."""
BEGINNINGS = (b"PK", b"\x93NUMPY")
"""How .npz and .npy files begin."""


@dataclass(frozen=True, eq=False)
class Data:
    """``x``: samples in the model's own layout.  ``labels``: class numbers (n,), or None.  ``calibration``: samples.

    ``targets``: what a network that decides nothing should put out, (n, outputs).  Labels that are no class numbers are
    taken as targets.  Raises `DataError` for samples that are not finite numbers, saying which, and for other labels.
    """

    x: Array
    labels: Array | None = None
    calibration: Array | None = None
    targets: Array | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", as_samples(self.x, "the test samples"))
        if self.calibration is not None:
            object.__setattr__(self, "calibration", as_samples(self.calibration, "the calibration samples"))
        if self.labels is not None:
            targets = _as_targets(self.labels, len(self.x))
            object.__setattr__(self, "labels", class_labels(self.labels, len(self.x)) if targets is None else None)
            object.__setattr__(self, "targets", targets)

    def limited(self, samples: int | None) -> Data:
        """Return the data with the first ``samples`` test samples only."""
        labels = self.labels if self.labels is None or samples is None else self.labels[:samples]
        targets = self.targets if self.targets is None or samples is None else self.targets[:samples]
        return replace(self, x=self.x[:samples], labels=labels, targets=targets)

    @property
    def overlap(self) -> int:
        """How many calibration samples are also test samples."""
        if self.calibration is None:
            return 0
        return len(_digests(self.x) & _digests(self.calibration))


def as_samples(samples: Any, what: str) -> Array:
    """Return ``samples`` as an array (n, ...) of finite numbers; ``what`` they are is named when they are not.

    Raises `DataError` for anything else, and for no samples at all.
    """
    try:
        found = np.asarray(samples)
    except (ValueError, TypeError, RuntimeError) as error:
        raise DataError(f"{_upper(what)} do not make one array; samples of one shape are needed.") from error
    if found.dtype.kind not in "biuf":
        raise DataError(f"{_upper(what)} are {KINDS.get(found.dtype.kind, 'no numbers')}; numbers are needed.")
    if not found.ndim:
        raise DataError(f"{_upper(what)} are a single number; an array (n, ...) of n samples is needed.")
    if not len(found):
        raise DataError(f"There are no {what.removeprefix('the ')}: the array holds no samples.")
    finite = np.isfinite(found)
    if not finite.all():
        first = int(finite.reshape(len(found), -1).all(axis=1).argmin())
        raise DataError(f"{_upper(what)} hold a value that is not finite, first in sample {first} (counted from 0).")
    return found


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _digests(samples: Array) -> set[bytes]:
    with np.errstate(over="ignore"):
        flat = np.ascontiguousarray(samples, np.float32).reshape(len(samples), prod(samples.shape[1:]))
    return {blake2b(row.tobytes(), digest_size=16).digest() for row in flat}


def _as_targets(labels: Array, samples: int) -> Array | None:
    """Return numbers (n, outputs) that are no class numbers and no one-hot rows; None for anything else.

    Whole numbers are targets where they cannot be meant as classes: images, and rows that hold more than 0 and 1.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "biuf" or not labels.ndim or len(labels) != samples or not np.isfinite(labels).all():
        return None
    rows = labels.reshape(samples, -1).astype(np.float64)
    if labels.dtype.kind != "f" and labels.ndim < 3 and (rows.shape[1] < 2 or np.isin(rows, (0, 1)).all()):
        return None
    whole = rows.shape[1] == 1 and bool((rows == np.rint(rows)).all() and (rows >= 0).all())
    one_hot = rows.shape[1] > 1 and bool(np.isin(rows, (0, 1)).all() and (rows.sum(axis=1) == 1).all())
    return None if whole or one_hot or not samples else rows


def class_labels(labels: Array, samples: int) -> Array:
    """Return class numbers (n,) from class numbers, (n, 1), or one-hot rows.  Raises `DataError` for anything else."""
    labels = np.asarray(labels)
    if labels.dtype.kind not in "biuf":
        raise DataError(f"The labels are {KINDS.get(labels.dtype.kind, 'no numbers')}, not class numbers.")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim not in (1, 2):
        what = f"have the shape {labels.shape}" if labels.ndim else "are a single value"
        raise DataError(f"The labels {what}; they are not class numbers (n,) or one-hot rows (n, classes).")
    if len(labels) != samples:
        raise DataError(f"There are {samples} samples but {len(labels)} labels.")
    if labels.ndim == 2:
        if not (np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()):
            raise DataError(f"Labels of shape {labels.shape} are neither class numbers nor one-hot rows.")
        return np.asarray(labels.argmax(axis=1))
    whole = np.isfinite(labels) & (labels >= 0) & (labels == np.rint(labels))
    if not whole.all():
        first = int(whole.argmin())
        raise DataError(f"Labels are not class numbers 0, 1, ...: that of sample {first} is {labels[first]}.")
    return labels.astype(np.int64)


def load_data(path: str | Path, calibration: str | Path | None = None) -> Data:
    """Read data from an ``.npz`` with ``x`` and ``y`` (and ``x_norm`` or ``calibration``), an ``.npy``, or a folder.

    A folder holds ``x_test.npz`` and, if there, ``y_test.npz`` and ``x_norm.npz``, as snn_toolbox wrote them.
    Raises `DataError` in one sentence for files that are missing, damaged, or hold objects.
    """
    path = Path(path)
    with _naming(path):
        data = _folder(path) if path.is_dir() else _file(path)
    if calibration is None:
        return data
    samples = load_samples(calibration)
    shapes = data.x.shape[1:], samples.shape[1:]
    if [n for n in shapes[0] if n != 1] != [n for n in shapes[1] if n != 1]:
        raise DataError(f"Samples in {path} have the shape {shapes[0]}, in {calibration} {shapes[1]}; one is needed.")
    return replace(data, calibration=samples)


def data_files(path: str | Path) -> tuple[Path, ...]:
    """Return the files that `load_data` reads."""
    path = Path(path)
    return tuple(path / name for name in FOLDER) if path.is_dir() else (path,)


def _folder(path: Path) -> Data:
    parts = [_only(read_arrays(file), file) if file.exists() else None for file in data_files(path)]
    if parts[0] is None:
        raise DataError(f"{path} has no {FOLDER[0]}.")
    return Data(parts[0], *parts[1:])


def _file(path: Path) -> Data:
    arrays = read_arrays(path)
    x = next((arrays[key] for key in ("x", "x_test", "arr_0") if key in arrays), None)
    if x is None:
        raise DataError(f"{path} has no array 'x'; it holds {listed(arrays)}.")
    labels = next((arrays[key] for key in LABELS if key in arrays), None)
    return Data(x, labels, next((arrays[key] for key in ("calibration", "x_norm") if key in arrays), None))


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put the file in front of what is wrong with what it holds."""
    try:
        yield
    except DataError as error:
        raise error if str(path) in str(error) else DataError(f"{path}: {error}") from error


def load_samples(path: str | Path) -> Array:
    """Read samples alone: ``x`` (or ``calibration``, ``x_norm``) of an ``.npz``, an only array, or an ``.npy``."""
    path = Path(path)
    arrays = read_arrays(path)
    found = next((arrays[key] for key in ("calibration", "x_norm", "x", "arr_0") if key in arrays), None)
    if found is None and set(arrays) <= set(LABELS):
        raise DataError(f"{path} has no array 'x' of samples; it holds {listed(arrays)}.")
    with _naming(path):
        return as_samples(_only(arrays, path) if found is None else found, "the calibration samples")


def _only(arrays: dict[str, Array], path: Path) -> Array:
    if len(arrays) != 1:
        raise DataError(f"{path} holds {listed(arrays)}; one array was expected.")
    return next(iter(arrays.values()))


def no_such_file(path: Path) -> str:
    """Return the sentence that there is no such file, with the nearest name in its folder."""
    near = did_you_mean(path.name, [other.name for other in path.parent.iterdir()]) if path.parent.is_dir() else ""
    return f"There is no file {path}.{near}"


def read_arrays(path: Path) -> dict[str, Array]:
    """Return the arrays of an ``.npz`` or ``.npy`` file by name; never unpickles.  Raises `DataError`."""
    if not path.exists():
        raise DataError(no_such_file(path))
    try:
        with path.open("rb") as file:
            begins = file.read(len(BEGINNINGS[-1]))
        if not begins.startswith(BEGINNINGS):
            raise DataError(f"{path} cannot be read: it is not an .npz or .npy file.")
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"x": loaded}
        with loaded:
            arrays = {key: loaded[key] for key in loaded.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError, MemoryError) as error:
        raise DataError(f"{path} cannot be read: {_reason(error)}.") from error
    return {key: array for key, array in arrays.items() if isinstance(array, np.ndarray)}


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, MemoryError):
        return "there is not enough memory for what it claims to hold"
    if "pickle" in str(error) or "Object arrays" in str(error):
        return "it holds objects, not numbers"
    return f"it is damaged or cut short ({str(error).strip().rstrip('.') or type(error).__name__})"
