"""The configuration of a model, of whatever Keras, as one structure: networks of layers with their calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from snntk_keras.legacy import modern
from snntk_keras.model import Route, Unsupported, printable

MODELS = ("Sequential", "Functional", "Model", "Graph")
WRAPPERS = ("TimeDistributed", "PruneLowMagnitude")
DEPTH = 16  # of models inside models


@dataclass(frozen=True)
class Reference:
    """Output ``tensor`` of call ``call`` of a layer."""

    layer: str
    call: int = 0
    tensor: int = 0


@dataclass(frozen=True)
class Call:
    """One use of a layer: what it is given, in order, references and plain numbers; and by name."""

    inputs: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer and its calls; ``network`` if it is a model, ``wrapped`` if it is a wrapper."""

    name: str
    kind: str
    config: Mapping[str, Any]
    route: Route
    calls: tuple[Call, ...] = ()
    module: str = ""
    network: Network | None = None
    wrapped: Layer | None = None


@dataclass(frozen=True, eq=False)
class Network:
    """Layers in the order of the file, what comes in and what goes out."""

    layers: tuple[Layer, ...]
    inputs: tuple[Reference, ...]
    outputs: tuple[Reference, ...]


def read_structure(config: Mapping[str, Any], version: int) -> Network:
    """Return the network that a configuration describes.  Raises `Unsupported` for one that describes none."""
    kind = printable(config.get("class_name", "nothing"))
    if kind not in MODELS:
        raise Unsupported(
            f"it is a {kind}, a model written as a Python class, and the file does not say what its layers do; "
            "build it from Sequential or Model(inputs, outputs) and save that"
        )
    return _network(config, (), version)


def leaves(network: Network) -> Iterator[Layer]:
    """Yield every layer that is not itself a model, with those of models inside."""
    for layer in network.layers:
        if layer.network is not None:
            yield from leaves(layer.network)
        else:
            yield layer


def _network(entry: Mapping[str, Any], route: Route, version: int) -> Network:
    if len(route) > DEPTH:
        raise Unsupported(f"models are nested more than {DEPTH} deep")
    config = entry.get("config")
    sequential = entry.get("class_name") == "Sequential"
    entries = config if isinstance(config, list) else config.get("layers") if isinstance(config, dict) else None
    if not isinstance(entries, list) or not entries:
        raise Unsupported("its configuration has no layers; build the model before it is saved")
    layers = [_layer(item, route, version) for item in entries]
    names = [layer.name for layer in layers]
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise Unsupported(f"two layers are called {twice!r}")
    if sequential:
        return _chain(layers, entry, route)
    inputs = _references(config.get("input_layers"))
    outputs = _references(config.get("output_layers"))
    if not outputs:
        raise Unsupported("its configuration names no outputs")
    return Network(_with_offsets(layers, outputs), inputs, outputs)


def _layer(entry: Any, route: Route, version: int) -> Layer:
    if not isinstance(entry, dict) or not isinstance(entry.get("config"), dict | list):
        raise Unsupported("its configuration holds something that is not a layer")
    kind, config = printable(entry.get("class_name", "")), entry["config"]
    own = config.get("name") if isinstance(config, dict) else None
    name = printable(entry.get("name") or own or kind.lower())
    here = (*route, name)
    calls = tuple(_call(item) for item in entry.get("inbound_nodes") or ())
    module = str(entry.get("module") or "")
    if kind in MODELS:
        return Layer(name, kind, {}, here, calls, module, _network(entry, here, version))
    if not isinstance(config, dict):
        raise Unsupported(f"the configuration of the layer {name!r} is not a table")
    kind, config = modern(kind, config, version)
    if config.get("build_input_shape") is None and isinstance(entry.get("build_config"), dict):
        config = {**config, "build_input_shape": entry["build_config"].get("input_shape")}
    wrapped = _layer(config.get("layer"), here, version) if kind in WRAPPERS else None
    return Layer(name, kind, config, here, calls, module, None, wrapped)


def _chain(layers: Sequence[Layer], entry: Mapping[str, Any], route: Route) -> Network:
    """A Sequential as a network: every layer reads the one before it, and the first an input."""
    first = layers[0]
    if first.kind != "InputLayer":
        config = entry["config"] if isinstance(entry["config"], dict) else {}
        built = entry.get("build_config") if isinstance(entry.get("build_config"), dict) else {}
        shape = entry_shape(first) or config.get("build_input_shape") or built.get("input_shape")
        name = _free("input", [layer.name for layer in layers])
        layers = [Layer(name, "InputLayer", {"batch_shape": shape}, (*route, name)), *layers]
    chained = [layers[0]]
    for before, layer in pairwise(layers):
        call = Call((Reference(before.name),))
        chained.append(
            Layer(layer.name, layer.kind, layer.config, layer.route, (call,), "", layer.network, layer.wrapped)
        )
    return Network(tuple(chained), (Reference(layers[0].name),), (Reference(layers[-1].name),))


def entry_shape(layer: Layer) -> Any:
    """Return the shape, with batch, that a layer declares for its input, or None."""
    if layer.network is not None:
        return entry_shape(layer.network.layers[0])
    config = layer.config
    for key in ("batch_shape", "batch_input_shape"):
        if config.get(key) is not None:
            return config[key]
    if config.get("input_shape") is not None:
        return [None, *config["input_shape"]]
    if config.get("input_dim") is not None:
        return [None, config["input_dim"]]
    return config.get("build_input_shape") or (entry_shape(layer.wrapped) if layer.wrapped else None)


def _free(stem: str, names: Sequence[str]) -> str:
    while stem in names:
        stem += "_"
    return stem


def _call(item: Any) -> Call:
    """One entry of ``inbound_nodes``: a table since Keras 3, a list of [layer, call, tensor, named] before."""
    if isinstance(item, dict):
        named = {key: _value(value) for key, value in (item.get("kwargs") or {}).items()}
        return Call(tuple(_flat(_value(item.get("args") or []))), named)
    if isinstance(item, list):
        parts = [item] if item and isinstance(item[0], str) else item
        named = {}
        for part in parts:
            if isinstance(part, list) and len(part) > 3 and isinstance(part[3], dict):
                named.update({key: _reference(value) or value for key, value in part[3].items()})
        return Call(tuple(_part(part) for part in parts), named)
    raise Unsupported("its configuration has a connection that is not a list")


def _part(part: Any) -> Any:
    """A reference, or the number that tf.keras wrote in the place of one."""
    if isinstance(part, list) and len(part) >= 3 and part[0] == "_CONSTANT_VALUE":
        return part[2]
    found = _reference(part)
    if found is None:
        raise Unsupported("its configuration has a connection to nowhere")
    return found


def _value(value: Any) -> Any:
    """References instead of the tables that stand for them, at any depth."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            history = (value.get("config") or {}).get("keras_history")
            found = _reference(history)
            if found is None:
                raise Unsupported("its configuration has a connection to nowhere")
            return found
        return value
    return [_value(item) for item in value] if isinstance(value, list) else value


def _flat(values: Any) -> Iterator[Any]:
    for value in values if isinstance(values, list) else [values]:
        if isinstance(value, list) and any(isinstance(item, Reference | list) for item in value):
            yield from _flat(value)
        else:
            yield value


def _reference(value: Any) -> Reference | None:
    if not isinstance(value, list | tuple) or not 3 <= len(value) <= 4 or not isinstance(value[0], str):
        return None
    call, tensor = value[1], value[2]
    if not isinstance(call, int) or not isinstance(tensor, int):
        return None
    return Reference(printable(value[0]), call, tensor)


def _references(value: Any) -> tuple[Reference, ...]:
    """The references of ``input_layers`` or ``output_layers``: one, a list, or a table of them."""
    single = _reference(value)
    if single is not None:
        return (single,)
    items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return tuple(found for item in items for found in _references(item))


def _with_offsets(layers: Sequence[Layer], outputs: Sequence[Reference]) -> tuple[Layer, ...]:
    """Give models inside models an empty first call where Keras counted the one that built them."""
    used: dict[str, int] = {}
    for reference in (*outputs, *(value for layer in layers for call in layer.calls for value in _all(call))):
        used[reference.layer] = max(used.get(reference.layer, 0), reference.call)
    found = []
    for layer in layers:
        if layer.network is not None and used.get(layer.name, 0) == len(layer.calls):
            calls = (Call(), *layer.calls)
            layer = Layer(layer.name, layer.kind, layer.config, layer.route, calls, "", layer.network, None)
        found.append(layer)
    return tuple(found)


def _all(call: Call) -> Iterator[Reference]:
    yield from (value for value in (*call.inputs, *call.named.values()) if isinstance(value, Reference))
