"""From a source to its configuration and arrays.  Nothing of the file is executed, and no TensorFlow is imported."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from snntk_core import ParseError
from snntk_keras.hdf5 import WeightFile, child, opened
from snntk_keras.live import is_live, read_live
from snntk_keras.model import KerasModel, Unsupported, printable
from snntk_keras.structure import read_structure
from snntk_keras.weights import read_variables

CONFIG_BYTES = 64 << 20
WEIGHT_BYTES = 2 << 30
RATIO, SLACK = 64, 1 << 20  # how much larger than the file a compressed member may be
HDF5 = (".h5", ".hdf5")
POINTER = b"version https://git-lfs"
SIGNATURE = b"\x89HDF\r\n\x1a\n"

BEGINNING = 1 << 16  # bytes of a JSON file that are looked at


def accepted(source: object) -> bool:
    """Whether a path, a pair of paths or an object is for this parser."""
    if isinstance(source, str | Path):
        name = str(source).lower()
        if name.endswith(".json"):
            return _looks_like_an_architecture(Path(source))
        return name.endswith((".keras", *HDF5)) and not name.endswith(".caffemodel.h5")
    if isinstance(source, tuple):
        return _pair(source) is not None
    return isinstance(source, KerasModel) or is_live(source)


def _looks_like_an_architecture(path: Path) -> bool:
    """Whether a JSON file names a class near its beginning, as every architecture that Keras writes does."""
    try:
        with path.open("rb") as file:
            return b"class_name" in file.read(BEGINNING)  # its quotes are escaped where to_json() was dumped again
    except OSError:
        return False


def read(source: object) -> KerasModel:
    """Return the model behind a path, an architecture and its weights, a live model or a `KerasModel`.

    Raises `ParseError` for a file that is missing, truncated, corrupt or without an architecture or weights.
    """
    if isinstance(source, KerasModel):
        return source
    if is_live(source):
        return _guarded("the Keras model", "", read_live, source)
    pair = _pair(source) if isinstance(source, tuple) else None
    if pair:
        return _guarded(str(pair[0]), "", _read_pair, *pair)
    if not isinstance(source, str | Path):
        raise ParseError("the source", f"a {type(source).__name__} is not a Keras model; give a path or a model.")
    path = Path(source)
    suffix = path.suffix.lower()
    if suffix == ".json":
        return _guarded(str(path), "", _read_pair, path, _weights_beside(path))
    if suffix == ".keras":
        return _guarded(str(path), "save the model again.", _read_archive, path)
    return _guarded(str(path), "save the model again.", _read_whole, path)


def _pair(source: tuple[Any, ...]) -> tuple[Path, Path] | None:
    """An architecture and its weights, whichever comes first."""
    if len(source) != 2 or not all(isinstance(part, str | Path) for part in source):
        return None
    paths = sorted((Path(part) for part in source), key=lambda path: path.suffix.lower() != ".json")
    fits = paths[0].suffix.lower() == ".json" and paths[1].suffix.lower() in HDF5
    return (paths[0], paths[1]) if fits else None


def _weights_beside(path: Path) -> Path:
    stem = path.with_suffix("")
    for ending in (".h5", ".hdf5", ".weights.h5", "_weights.h5", "_weights.hdf5"):
        beside = stem.with_name(stem.name + ending)
        if beside.is_file():
            return beside
    problem = f"this is an architecture without weights, and there is no {stem.name}.h5 beside it;"
    raise ParseError(str(path), problem, remedy="give both: the .json and the .h5 with the weights.")


def _guarded(label: str, remedy: str, function: Any, *arguments: Any) -> KerasModel:
    """Call a reader; whatever a broken file makes it raise becomes one sentence."""
    try:
        found: KerasModel = function(*arguments)
        return found
    except ParseError:
        raise
    except Unsupported as error:
        raise ParseError(label, f"{printable(str(error))}.") from error
    except OSError as error:
        if error.strerror is None:  # what h5py raises for broken content
            problem = f"the HDF5 file is truncated or corrupt ({printable(error)}); download or save it again."
            raise ParseError(label, problem) from error
        raise ParseError(label, f"the file cannot be read ({printable(error.strerror)}); check the path.") from error
    except RecursionError as error:
        raise ParseError(label, "it is nested too deeply; save the model again.") from error
    except Exception as error:  # h5py, zipfile and json each raise their own kinds for corrupt files
        reason = printable(str(error).rstrip(".")) or type(error).__name__
        raise ParseError(label, f"the file is corrupt ({reason}); download or save it again.") from error


def _begin(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(64)


def _check(path: Path, signature: bytes, kind: str) -> None:
    """Raise `Unsupported` for what is certainly no file of a kind."""
    begin = _begin(path)
    if begin.startswith(POINTER):
        raise Unsupported("this is a Git LFS pointer, not the model; run git lfs pull, or download the file itself")
    if not begin.startswith(signature):
        raise Unsupported(f"this is not {kind}; it is truncated or another kind of file")


def _json(content: str | bytes, what: str) -> Any:
    try:
        found = json.loads(content)
    except (ValueError, UnicodeDecodeError) as error:
        raise Unsupported(f"{what} is not JSON; save the model again") from error
    if isinstance(found, str):  # to_json() written through json.dump
        found = _json(found, what)
    if not isinstance(found, dict):
        raise Unsupported(f"{what} does not describe a model; save the model again")
    return found


def major(version: str) -> int:
    """Return the major version of Keras from a text such as ``2.2.4-tf``; 1 where it says nothing."""
    digits = version.strip().partition(".")[0]
    return int(digits) if digits in ("1", "2", "3") else 1 if not digits else 3


def _read_archive(path: Path) -> KerasModel:
    """A .keras: a zip with the configuration and the weights."""
    _check(path, b"PK\x03\x04", "a .keras file")
    with zipfile.ZipFile(path) as archive:
        config = _json(member(archive, "config.json", CONFIG_BYTES), "config.json")
        metadata = _json(member(archive, "metadata.json", CONFIG_BYTES), "metadata.json")
        version = major(str(metadata.get("keras_version", "3")))
        network = read_structure(config, version)
        content = member(archive, "model.weights.h5", WEIGHT_BYTES)
    if not content.startswith(SIGNATURE):
        raise Unsupported("its model.weights.h5 is not HDF5; save the model again")
    with opened(content) as file:
        variables = read_variables(file, network)
    return KerasModel(str(path), config, variables, version, "", (path,))


def member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Return a member of a .keras.  Raises `Unsupported` where it is missing or not of the size it says."""
    try:
        info = archive.getinfo(name)
    except KeyError as error:
        raise Unsupported(f"it has no {name}; save the model with model.save('name.keras')") from error
    packed = Path(archive.filename or "").stat().st_size
    if info.file_size > min(limit, packed * RATIO + SLACK) or info.compress_size > packed:
        raise Unsupported(f"its {name} claims {info.file_size} bytes, which is not credible in {packed}")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others allocate what the file says
        raise Unsupported(f"its {name} is compressed in a way that Keras does not use; save the model again")
    with archive.open(info) as stream:
        content = stream.read(limit + 1)
    if len(content) != info.file_size:
        raise Unsupported(f"its {name} has another size than it says; save the model again")
    return content


def _read_whole(path: Path) -> KerasModel:
    """A .h5 with the configuration in an attribute; or weights alone, with the architecture beside them."""
    _check(path, SIGNATURE, "an HDF5 file")
    with opened(path) as file:
        written = file.text(file.root, "model_config")
        if written is not None:
            return _with_weights(file, _json(written, "its model_config"), (path,))
    beside = path.with_suffix(".json")
    if beside.is_file():
        return _read_pair(beside, path)
    problem = "it holds weights without an architecture, and there is no .json of the same name beside it"
    raise Unsupported(f"{problem}; save the whole model, or give the architecture too")


def _read_pair(architecture: Path, weights: Path) -> KerasModel:
    begin = _begin(architecture)
    if begin.startswith(POINTER):
        raise Unsupported("this is a Git LFS pointer, not the model; run git lfs pull, or download the file itself")
    with architecture.open("rb") as stream:
        content = stream.read(CONFIG_BYTES + 1)
    if len(content) > CONFIG_BYTES:
        raise Unsupported("the architecture is larger than 64 MiB")
    config = _json(content, "the architecture")
    if "class_name" not in config:
        raise Unsupported("this JSON is not an architecture that Keras wrote; use model.to_json()")
    _check(weights, SIGNATURE, f"{weights.name}, an HDF5 file")
    with opened(weights) as file:
        return _with_weights(file, config, (architecture, weights))


def _with_weights(file: WeightFile, config: dict[str, Any], sources: tuple[Path, ...]) -> KerasModel:
    group = child(file.root, "model_weights")
    held = [file.text(where, "keras_version") for where in (file.root, group) if where is not None]
    spoken = next((str(version) for version in (config.get("keras_version"), *held) if version is not None), None)
    version = major(spoken) if spoken is not None else 3 if "module" in config else 1
    backend = file.text(file.root, "backend") or str(config.get("backend", ""))
    variables = read_variables(file, read_structure(config, version))
    return KerasModel(str(sources[0]), config, variables, version, backend, sources)
