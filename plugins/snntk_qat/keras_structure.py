"""What reads what in a Keras model, and which batch normalizations a layer with weights can take in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snntk_core.ops import Array

WEIGHTED = ("Dense", "Conv2D", "DepthwiseConv2D", "SeparableConv2D")
MAXIMA = ("MaxPooling1D", "MaxPooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D")
MEANS = ("AveragePooling1D", "AveragePooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D")


@dataclass(frozen=True, eq=False)
class Structure:
    """The layers of a model by name, the layers that each reads in each of its calls, and how often each is read."""

    layers: Mapping[str, Any]
    reads: Mapping[str, tuple[tuple[str, ...], ...]]
    users: Mapping[str, int]

    @classmethod
    def of(cls, model: Any) -> Structure:
        """Return the structure of a Sequential or functional model."""
        layers = {layer.name: layer for layer in model.layers}
        if type(model).__name__ == "Sequential":
            names = list(layers)
            reads = {name: ((before,) if before else (),) for before, name in zip(["", *names], names, strict=False)}
            return cls(layers, reads, dict.fromkeys(names, 1))
        config = model.get_config()
        reads = {
            entry["config"]["name"] if "name" not in entry else entry["name"]: tuple(
                tuple(_names(call.get("args"))) + tuple(_names(call.get("kwargs"))) for call in entry["inbound_nodes"]
            )
            for entry in config["layers"]
        }
        every = [name for calls in reads.values() for call in calls for name in call]
        every += list(_listed(config["output_layers"]))
        return cls(layers, reads, {name: every.count(name) for name in layers})

    def before(self, name: str) -> set[str]:
        """Return the names of all layers that a layer depends on."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            for call in self.reads.get(waiting.pop(), ()):
                new = set(call) - found
                found |= new
                waiting += new
        return found


def kind_of(layer: Any) -> str:
    """Return what a layer is called in the language of Keras, quantized ones like those that they stand for."""
    return str(type(layer).__name__).removeprefix("Quantized")


def _names(value: Any) -> Iterator[str]:
    """The layers that the tensors in the arguments of a call come from."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            yield str(value["config"]["keras_history"][0])
        else:
            for item in value.values():
                yield from _names(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _names(item)


def _listed(value: Any) -> Iterator[str]:
    """The layers whose outputs a model puts out: one as [name, call, tensor], or several in any arrangement."""
    if isinstance(value, list | tuple) and value and isinstance(value[0], str):
        yield value[0]
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _listed(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _listed(item)


@dataclass(frozen=True, eq=False)
class Foldings:
    """The batch normalizations that go into each layer with weights, in order; ``problems``: those that cannot."""

    into: Mapping[str, list[str]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def gone(self) -> set[str]:
        """The names of the batch normalizations that are folded."""
        return {name for names in self.into.values() for name in names}


def foldings(structure: Structure) -> Foldings:
    """Return where each batch normalization goes; pools in between are passed, which is as in the reference."""
    into: dict[str, list[str]] = {}
    problems = []
    for name, layer in structure.layers.items():
        if kind_of(layer) != "BatchNormalization":
            continue
        gone = {item for names in into.values() for item in names}
        found = _target(structure, name, gone)
        if isinstance(found, str) and found in structure.layers:
            into.setdefault(found, []).append(name)
        else:
            problems.append(f"{name!r}: {found}")
    return Foldings(into, tuple(problems))


def _target(structure: Structure, name: str, gone: set[str]) -> str:
    """The layer that takes in the batch normalization ``name``; or why there is none, as a sentence with a space."""
    layer, at = structure.layers[name], name
    if not _on_last_axis(layer):
        return f"it is applied along axis {layer.axis}, not the last one"
    scale, _ = affine(layer)
    while True:
        calls = structure.reads.get(at, ())
        if len(calls) != 1 or len(calls[0]) > 1:
            return f"{at!r} is used in several places, or reads several layers"
        if not calls[0]:
            return "no layer with weights comes before it"
        at = calls[0][0]
        kind = kind_of(structure.layers[at])
        if structure.users[at] != 1:
            return f"{at!r} before it is read in several places"
        if kind in MAXIMA and (scale < 0).any():
            return f"some of its scales are negative, and {at!r} before it takes maxima"
        if at in gone or kind in MAXIMA + MEANS:
            continue
        return at if kind in WEIGHTED and len(structure.reads[at]) == 1 else f"it stands behind {at!r}, a {kind}"


def _on_last_axis(layer: Any) -> bool:
    axis = layer.axis[0] if isinstance(layer.axis, list | tuple) else layer.axis
    return axis in (-1, layer.input_spec.ndim - 1)


def affine(layer: Any) -> tuple[Array, Array]:
    """Return what a batch normalization multiplies by and adds, each (channels,), float64."""
    mean, variance = (np.asarray(item, np.float64) for item in (layer.moving_mean, layer.moving_variance))
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * np.asarray(layer.gamma, np.float64)
    offset = -mean * scale
    if layer.center:
        offset = offset + np.asarray(layer.beta, np.float64)
    return scale, offset
