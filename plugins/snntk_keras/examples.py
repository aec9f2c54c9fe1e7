"""Small models in the forms of Keras 3 and 2, written without either, that the compliance kit parses."""

from __future__ import annotations

import io
import json
import zipfile
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from snntk_core.ops import Array

Layers = list[tuple[str, dict[str, Any], list[Array]]]


@cache
def _folder() -> TemporaryDirectory[str]:
    """Return a folder that lives as long as the process."""
    return TemporaryDirectory(prefix="snntk_keras_")


def _path(name: str) -> Path:
    return Path(_folder().name) / name


def _image_layers() -> Layers:
    random = np.random.default_rng(0)
    norm = [random.uniform(0.5, 1.5, 4), random.normal(size=4), random.normal(size=4), random.uniform(0.5, 1.5, 4)]
    return [
        (
            "Conv2D",
            {"filters": 4, "kernel_size": [3, 3], "padding": "same", "use_bias": False},
            _drawn(random, 3, 3, 2, 4),
        ),
        ("BatchNormalization", {"axis": -1, "epsilon": 1e-3}, norm),
        ("Activation", {"activation": "relu"}, []),
        ("MaxPooling2D", {"pool_size": [2, 2], "strides": [2, 2], "padding": "valid"}, []),
        ("Flatten", {}, []),
        ("Dense", {"units": 3, "activation": "softmax"}, [*_drawn(random, 64, 3), *_drawn(random, 3)]),
    ]


def _perceptron_layers() -> Layers:
    random = np.random.default_rng(1)
    return [
        ("Dense", {"units": 5, "activation": "sigmoid"}, [*_drawn(random, 6, 5), *_drawn(random, 5)]),
        ("Dense", {"units": 3, "activation": "linear"}, [*_drawn(random, 5, 3), *_drawn(random, 3)]),
    ]


def _drawn(random: np.random.Generator, *shape: int) -> list[Array]:
    return [random.normal(size=shape)]


def zip_file() -> Path:
    """Return a .keras file of Keras 3: convolution, normalization, pooling and a classifier."""
    import h5py

    entries = [{"class_name": "InputLayer", "config": {"batch_shape": [None, 8, 8, 2], "name": "image"}}]
    entries += [
        {"class_name": kind, "config": {"name": f"layer_{i}", **config}}
        for i, (kind, config, _) in enumerate(_image_layers())
    ]
    for entry in entries:
        entry |= {"module": "keras.layers", "registered_name": None}
    config = {"module": "keras", "class_name": "Sequential", "config": {"name": "example", "layers": entries}}
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        for kind, _, arrays in _image_layers():
            stem = {"MaxPooling2D": "max_pooling2d", "BatchNormalization": "batch_normalization"}.get(
                kind, kind.lower()
            )
            group = file.create_group(f"layers/{stem}/vars")
            for i, array in enumerate(arrays):
                group.create_dataset(str(i), data=array.astype(np.float32))
    path = _path("example.keras")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.0.0"}))
        archive.writestr("config.json", json.dumps({**config, "registered_name": None}))
        archive.writestr("model.weights.h5", weights.getvalue())
    return path


def legacy_file() -> Path:
    """Return a .h5 of Keras 2 with the network of `zip_file`."""
    import h5py

    path = _path("example.h5")
    with h5py.File(path, "w") as file:
        config = _legacy_config(_image_layers(), [None, 8, 8, 2])
        file.attrs.update({"keras_version": "2.2.4", "backend": "tensorflow", "model_config": json.dumps(config)})
        _write_legacy(file.create_group("model_weights"), _image_layers())
    return path


def architecture_and_weights() -> tuple[Path, Path]:
    """Return a .json and a .h5 of Keras 2: two dense layers."""
    import h5py

    architecture, path = _path("perceptron.json"), _path("perceptron.h5")
    config = _legacy_config(_perceptron_layers(), [None, 6])
    said = {"keras_version": "2.2.4", "backend": "tensorflow"}
    architecture.write_text(json.dumps({**config, **said}), encoding="utf-8")
    with h5py.File(path, "w") as file:
        file.attrs.update(said)
        _write_legacy(file, _perceptron_layers())
    return architecture, path


def _legacy_config(layers: Layers, shape: list[int | None]) -> dict[str, Any]:
    entries = [
        {"class_name": kind, "config": {"name": f"layer_{i}", **config}} for i, (kind, config, _) in enumerate(layers)
    ]
    entries[0]["config"]["batch_input_shape"] = shape  # type: ignore[index]
    return {"class_name": "Sequential", "config": {"name": "example", "layers": entries}}


def _write_legacy(group: Any, layers: Layers) -> None:
    roles = {4: ("gamma", "beta", "moving_mean", "moving_variance"), 2: ("kernel", "bias"), 1: ("kernel",), 0: ()}
    group.attrs["layer_names"] = [f"layer_{i}".encode() for i in range(len(layers))]
    group.attrs.update({"keras_version": "2.2.4", "backend": "tensorflow"})
    for i, (_, _, arrays) in enumerate(layers):
        own = group.create_group(f"layer_{i}")
        names = [f"layer_{i}/{role}:0" for role in roles[len(arrays)]]
        own.attrs["weight_names"] = [name.encode() for name in names]
        for name, array in zip(names, arrays, strict=True):
            own.create_dataset(name, data=array.astype(np.float32))
