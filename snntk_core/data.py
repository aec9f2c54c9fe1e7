"""Data for a run: test samples, labels and calibration samples, from arrays or from files."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np

from snntk_core.errors import DataError, listed
from snntk_core.ops import Array


@dataclass(frozen=True, eq=False)
class Data:
    """``x``: samples in the model's own layout.  ``labels``: class numbers (n,), or None.  ``calibration``: samples.

    ``targets``: what a network that decides nothing should put out, (n, outputs).  Labels that are no class numbers are
    taken as targets.
    """

    x: Array
    labels: Array | None = None
    calibration: Array | None = None
    targets: Array | None = None

    def __post_init__(self) -> None:
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
        return len(_digests(self.x) & _digests(self.calibration)) if len(self.x) and len(self.calibration) else 0


def _digests(samples: Array) -> set[bytes]:
    flat = np.ascontiguousarray(samples, np.float32).reshape(len(samples), -1)
    return {blake2b(row.tobytes(), digest_size=16).digest() for row in flat}


def _as_targets(labels: Array, samples: int) -> Array | None:
    """Return real numbers (n, outputs) that are no class numbers and no one-hot rows; None for anything else."""
    labels = np.asarray(labels)
    if labels.dtype.kind != "f" or not labels.ndim or len(labels) != samples or not np.isfinite(labels).all():
        return None
    rows = labels.reshape(samples, -1).astype(np.float64)
    whole = rows.shape[1] == 1 and bool((rows == np.rint(rows)).all() and (rows >= 0).all())
    one_hot = rows.shape[1] > 1 and bool(np.isin(rows, (0, 1)).all() and (rows.sum(axis=1) == 1).all())
    return None if whole or one_hot or not samples else rows


def class_labels(labels: Array, samples: int) -> Array:
    """Return class numbers (n,) from class numbers, (n, 1), or one-hot rows.  Raises `DataError` for anything else."""
    labels = np.asarray(labels)
    if not labels.ndim or labels.dtype.kind not in "biuf":
        raise DataError(f"Labels of shape {labels.shape} and type {labels.dtype} are not class numbers.")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if len(labels) != samples:
        raise DataError(f"There are {samples} samples but {len(labels)} labels.")
    if labels.ndim == 2:
        if not (np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()):
            raise DataError(f"Labels of shape {labels.shape} are neither class numbers nor one-hot rows.")
        return np.asarray(labels.argmax(axis=1))
    if labels.ndim != 1 or not np.array_equal(labels, np.rint(labels)) or labels.min(initial=0) < 0:
        raise DataError(f"Labels of shape {labels.shape} and type {labels.dtype} are not class numbers.")
    return labels.astype(np.int64)


def load_data(path: str | Path, calibration: str | Path | None = None) -> Data:
    """Read data from an ``.npz`` with ``x`` and ``y`` (and ``x_norm`` or ``calibration``), an ``.npy``, or a folder.

    A folder holds ``x_test.npz`` and, if there, ``y_test.npz`` and ``x_norm.npz``, as snn_toolbox wrote them.
    Raises `DataError` in one sentence for files that are missing, damaged, or hold objects.
    """
    path = Path(path)
    if path.is_dir():
        found = {key: path / f"{key}.npz" for key in ("x_test", "y_test", "x_norm")}
        if not found["x_test"].exists():
            raise DataError(f"{path} has no x_test.npz.")
        parts = {key: _only(read_arrays(file), file) for key, file in found.items() if file.exists()}
        data = Data(parts["x_test"], parts.get("y_test"), parts.get("x_norm"))
    else:
        arrays = read_arrays(path)
        x = next((arrays[key] for key in ("x", "x_test", "arr_0") if key in arrays), None)
        if x is None:
            raise DataError(f"{path} has no array 'x'; it holds {listed(arrays)}.")
        labels = next((arrays[key] for key in ("y", "y_test", "labels") if key in arrays), None)
        data = Data(x, labels, next((arrays[key] for key in ("calibration", "x_norm") if key in arrays), None))
    if calibration is None:
        return data
    return replace(data, calibration=load_samples(calibration))


def load_samples(path: str | Path) -> Array:
    """Read samples alone: ``x`` (or ``calibration``, ``x_norm``) of an ``.npz``, an only array, or an ``.npy``."""
    arrays = read_arrays(Path(path))
    for key in ("calibration", "x_norm", "x", "arr_0"):
        if key in arrays:
            return arrays[key]
    return _only(arrays, Path(path))


def _only(arrays: dict[str, Array], path: Path) -> Array:
    if len(arrays) != 1:
        raise DataError(f"{path} holds {listed(arrays)}; one array was expected.")
    return next(iter(arrays.values()))


def read_arrays(path: Path) -> dict[str, Array]:
    """Return the arrays of an ``.npz`` or ``.npy`` file by name; never unpickles.  Raises `DataError`."""
    if not path.exists():
        raise DataError(f"There is no file {path}.")
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"x": loaded}
        with loaded:
            return {key: loaded[key] for key in loaded.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError, MemoryError) as error:
        raise DataError(f"{path} cannot be read as .npz or .npy: {error}.") from error
