"""Which two files a source means: the network (.prototxt) and its weights (.caffemodel, .caffemodel.h5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from snntk_core import ParseError

NETWORK = (".prototxt", ".pbtxt")
WEIGHTS = (".caffemodel", ".caffemodel.h5")


@dataclass(frozen=True)
class Files:
    """The two files of a Caffe model."""

    network: Path
    weights: Path

    @property
    def label(self) -> str:
        """What messages call the model."""
        return f"{self.network} with {self.weights.name}"


def is_network(path: Path) -> bool:
    """Whether a path ends like a network description."""
    return path.name.lower().endswith(NETWORK)


def is_weights(path: Path) -> bool:
    """Whether a path ends like a file of weights."""
    return path.name.lower().endswith(WEIGHTS)


def as_paths(source: object) -> tuple[Path, ...]:
    """Return the paths of a source if they are those of a Caffe model, else nothing."""
    parts = source if isinstance(source, tuple | list) else (source,)
    if not all(isinstance(part, str | Path) for part in parts):
        return ()
    paths = tuple(Path(part) for part in parts)
    if len(paths) == 1:
        return paths if is_weights(paths[0]) or paths[0].name.lower().endswith(".prototxt") else ()
    both = len(paths) == 2 and any(map(is_network, paths)) and any(map(is_weights, paths))
    return paths if both else ()


def find(source: object) -> Files:
    """Return both files.  Raises `ParseError` where one is missing and none beside the other is meant for sure."""
    paths = as_paths(source)
    if not paths:
        raise ParseError(
            "the Caffe model", f"it is read from a .prototxt and a .caffemodel, got a {type(source).__name__}."
        )
    if len(paths) == 2:
        network, weights = sorted(paths, key=is_weights)
        return Files(network, weights)
    (path,) = paths
    if is_weights(path):
        return Files(_sibling(path, is_network, ".prototxt"), path)
    return Files(path, _sibling(path, is_weights, ".caffemodel"))


def _sibling(path: Path, fits: Callable[[Path], bool], ending: str) -> Path:
    """The file of the same stem, or the only one in the folder."""
    try:
        found = sorted(other for other in path.absolute().parent.iterdir() if fits(other))
    except OSError:
        found = []
    same = [other for other in found if _stem(other) == _stem(path)]
    chosen = same if len(same) == 1 else found
    if len(chosen) == 1:
        return path.parent / chosen[0].name
    many = f"there are several {ending} files beside it" if found else f"there is no {ending} file beside it"
    raise ParseError(str(path), f"{many}; give both files, the .prototxt and the .caffemodel.")


def _stem(path: Path) -> str:
    return path.name.lower().removesuffix(".h5").rpartition(".")[0]
