"""The ground truth: Keras 3, or tf_keras for what Keras 1 and 2 wrote.  TensorFlow is imported here only."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from snntk_core import ParseError
from snntk_core.errors import MissingLibrary, PredictionUnavailable
from snntk_core.ops import Array
from snntk_keras.copying import copy_weights
from snntk_keras.model import KerasModel, Unsupported, printable
from snntk_keras.parsing import joined_inputs, parse
from snntk_keras.reading import CONFIG_BYTES, WEIGHT_BYTES, member
from snntk_keras.startup import imported
from snntk_keras.structure import read_structure

INSTALL = 'pip install "snntk[keras-predict]"'
PART = 256  # samples in one call


def predict(model: KerasModel, batch: Array, custom: Mapping[str, str], input_shape: tuple[int, ...]) -> Array:
    """Return the library's first output for a batch.

    Raises `MissingLibrary` without TensorFlow, and `PredictionUnavailable` where no library opens the model.
    """
    network = model.live if model.live is not None else _opened(model, tuple(sorted(custom.items())), input_shape)
    parts = _split(model, batch, input_shape)
    try:
        return _outputs(network, parts)
    except Exception as error:  # what TensorFlow cannot compute here, such as a layout its processor lacks
        lines = str(error).strip().splitlines() or [type(error).__name__]
        problem = f"the library cannot compute {model.label} ({printable(lines[0]).rstrip('.')})"
        raise PredictionUnavailable("keras", f"{problem}, so it cannot be compared.") from error


def _split(model: KerasModel, batch: Array, input_shape: tuple[int, ...]) -> tuple[Array, ...]:
    """The batch of each input of a model that has several; else the batch itself, whatever its shape."""
    try:
        joined = joined_inputs(read_structure(model.config, model.version), input_shape)
        return joined.split(np.asarray(batch)) if len(joined.names) > 1 else (batch,)
    except Unsupported as error:
        raise ParseError(model.label, f"{printable(str(error))}.") from error


def _outputs(network: Any, batches: tuple[Array, ...]) -> Array:
    parts = []
    for start in range(0, max(len(batches[0]), 1), PART):
        given = [np.asarray(batch[start : start + PART], np.float32) for batch in batches]
        found = network.predict_on_batch(given if len(given) > 1 else given[0])
        parts.append(np.asarray(_first(found)))
    return np.concatenate(parts)


def _first(value: Any) -> Any:
    while isinstance(value, dict | list | tuple):
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    return value


def _refuse_code(model: KerasModel) -> None:
    """Raise `ParseError` for a configuration that would make a library run Python code of the file."""
    for table in _tables(model.config):
        module = table.get("module")
        root = str(module).partition(".")[0]
        if table.get("class_name") in ("Lambda", "__lambda__") or "__lambda__" in map(str, table.values()):
            raise ParseError(model.label, "it holds Python code (Lambda), which is never run.")
        if module is not None and root not in ("keras", "tf_keras", "tensorflow", "builtins"):
            problem = f"the code of {printable(table.get('class_name'))!r} in {printable(module)!r} is not at hand"
            raise PredictionUnavailable("keras", f"{problem}, so its output cannot be compared.")


def _tables(value: Any) -> Iterator[Mapping[str, Any]]:
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, Mapping):
            yield current
            waiting += current.values()
        elif isinstance(current, list | tuple):
            waiting += current


@lru_cache(maxsize=2)
def _opened(model: KerasModel, custom: tuple[tuple[str, str], ...], input_shape: tuple[int, ...]) -> Any:
    """The library's own model, of the first library that opens the files."""
    parse(model, dict(custom), input_shape)  # what is not known here is given to no library: a layer may name any code
    _refuse_code(model)
    order = ("keras", "tf_keras") if model.version > 2 else ("tf_keras", "keras")
    if find_spec("tensorflow") is None:
        raise MissingLibrary("keras (to compare its outputs)", ("tensorflow",), INSTALL)
    with TemporaryDirectory(prefix="snntk_keras_") as folder:
        sources = _clean(model, Path(folder))
        return _first_opened(model, sources, order)


def _first_opened(model: KerasModel, sources: tuple[Path, ...], order: tuple[str, ...]) -> Any:
    failures = []
    for name in order:
        if find_spec(name) is None:
            failures.append(f"{name} is not installed, {INSTALL}")
            continue
        library = imported(name)
        try:
            return _load(library, sources)
        except Exception as error:  # each release of Keras fails in its own way on other releases' files
            lines = str(error).strip().splitlines() or [type(error).__name__]
            failures.append(f"{name}: {printable(lines[0]).rstrip('.')}")
    said = "; ".join(failures)
    raise PredictionUnavailable("keras", f"neither library opens {model.label}, so it cannot be compared ({said}).")


def _clean(model: KerasModel, folder: Path) -> tuple[Path, ...]:
    """Copies of the files without what was not read: a library may hang on the damaged rest of them."""
    try:
        found = []
        for source in model.sources:
            target = folder / f"model{source.suffix.lower()}"
            if target.suffix == ".json":
                target.write_text(json.dumps(model.config), encoding="utf-8")
            elif target.suffix == ".keras":
                _copy_archive(source, target)
            else:
                copy_weights(source, target)
            found.append(target)
        return tuple(found)
    except (Unsupported, OSError, RuntimeError, KeyError, ValueError) as error:
        problem = f"{model.label} cannot be copied for the library ({printable(error).rstrip('.')})"
        raise PredictionUnavailable("keras", f"{problem}, so it cannot be compared.") from error


def _copy_archive(source: Path, target: Path) -> None:
    weights = target.with_suffix(".weights.h5")
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as copy:
        for name in ("metadata.json", "config.json"):
            copy.writestr(name, member(archive, name, CONFIG_BYTES))
        copy_weights(member(archive, "model.weights.h5", WEIGHT_BYTES), weights)
        copy.write(weights, "model.weights.h5")


def _load(library: Any, sources: tuple[Path, ...]) -> Any:
    if len(sources) == 1:
        return library.models.load_model(str(sources[0]), compile=False, safe_mode=True)
    architecture, weights = sources
    network = library.models.model_from_json(architecture.read_text(encoding="utf-8"))
    network.load_weights(str(weights))
    return network
