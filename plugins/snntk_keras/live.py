"""A live model of keras or tf_keras as configuration and arrays; neither is imported for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from snntk_keras.model import KerasModel, Route, Unsupported, Variables
from snntk_keras.structure import Layer, Network, read_structure
from snntk_keras.weights import shared_out

LIBRARIES = ("keras", "tf_keras")


def is_live(source: object) -> bool:
    """Whether ``source`` is a model of keras or tf_keras; asked without importing either."""
    return not isinstance(source, type) and library_of(source) is not None


def library_of(source: object) -> str | None:
    """Return the library a live model is from."""
    for kind in type(source).__mro__:
        root = kind.__module__.partition(".")[0]
        if kind.__name__ == "Model" and root in LIBRARIES:
            return root
    return None


def read_live(source: Any) -> KerasModel:
    """Return a live model's configuration and arrays.  Raises `Unsupported` for one without a configuration."""
    kind = next((base.__name__ for base in type(source).__mro__ if base.__name__ in ("Sequential", "Functional")), None)
    if kind is None:
        name = type(source).__name__
        raise Unsupported(
            f"{name} is a model written as a Python class, whose layers cannot be followed; "
            "build it from Sequential or Model(inputs, outputs)"
        )
    version = 3 if library_of(source) == "keras" else 2
    config = {"class_name": kind, "config": _plain(source.get_config())}
    if source.built and kind == "Sequential" and "build_input_shape" not in config["config"]:
        config["config"]["build_input_shape"] = _plain(tuple(source.inputs[0].shape)) if source.inputs else None
    variables = dict(_arrays(source, read_structure(config, version)))
    return KerasModel(f"the model {source.name!r}", config, variables, version, "tensorflow", (), source)


def _arrays(model: Any, network: Network) -> Iterator[tuple[Route, Variables]]:
    layers: Mapping[str, Any] = {layer.name: layer for layer in model.layers}
    for layer in network.layers:
        real = layers.get(layer.name)
        if real is None:
            continue
        if layer.network is not None:
            yield from _arrays(real, layer.network)
        else:
            yield from _own(real, layer)


def _own(real: Any, layer: Layer) -> Iterator[tuple[Route, Variables]]:
    arrays = tuple(np.asarray(array) for array in real.get_weights())
    if arrays:
        yield from shared_out(layer, Variables(arrays, tuple(str(weight.name) for weight in real.weights)))


def _plain(value: Any) -> Any:
    """JSON data, whatever objects a configuration holds."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return getattr(value, "__name__", type(value).__name__)
