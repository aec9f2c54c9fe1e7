"""From a model to a graph: unknown layers are named all together, then call by call in an order that works."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from snntk_core import Graph, ParseError
from snntk_core.errors import SnntkError
from snntk_core.joining import JoinedInputs
from snntk_core.layout import channels_last
from snntk_keras.custom import OPS, named_op
from snntk_keras.layers import LAYERS
from snntk_keras.model import KerasModel, Route, Unsupported, Variables, printable
from snntk_keras.structure import Layer, Network, Reference, leaves, read_structure
from snntk_keras.translation import LENGTH, Builder, LayerCall, Tensor, Translation

REMEDY = "replace these layers, or say in the option custom what they stand for."
OPERANDS = ("x", "x1", "y", "x2", "xs")
CODE = "it holds Python code, which is never run; replace it by layers of Keras, or by operations on values"
LARGEST_AXES = 6


class LayerProblem(Exception):
    """A layer that cannot be converted: what it is, and why."""


def parse(model: KerasModel, custom: Mapping[str, str], input_shape: tuple[int, ...]) -> Graph:
    """Return the model as a verified channels-last graph.  Raises `ParseError` naming what is in the way."""
    try:
        network = read_structure(model.config, model.version)
        unknown = list(_unknown(network, custom))
        if unknown:
            remedy = REMEDY if all("code" not in reason for _, reason in unknown) else "save the model again."
            raise ParseError(model.label, f"cannot convert {_sentence(unknown)};", remedy=remedy)
        return _graph(model, network, custom, input_shape)
    except LayerProblem as error:
        raise ParseError(model.label, f"cannot convert {error}; change that layer and save the model again.") from error
    except Unsupported as error:
        raise ParseError(model.label, f"{printable(str(error))}.") from error
    except SnntkError as error:
        if isinstance(error, ParseError):
            raise
        reason = printable(str(error).rstrip("."))
        raise ParseError(model.label, f"the network is not consistent ({reason}); save it again.") from error
    except RecursionError as error:
        raise ParseError(model.label, "its models are nested too deeply; save the model again.") from error


def _graph(model: KerasModel, network: Network, custom: Mapping[str, str], input_shape: tuple[int, ...]) -> Graph:
    translation = Translation(model.version, model.backend, custom)
    joined = joined_inputs(network, input_shape)
    added, names = joined.nodes()
    for node in added:
        translation.origin = node.origin
        translation.append(node)
    translation.layers.update(dict.fromkeys(joined.names, "InputLayer"))
    inputs = tuple(Tensor(name, translation.shapes[name]) for name in names)
    outputs = _run(translation, network, inputs, "", model.variables)
    meta = {"parser": "keras", "keras": str(model.version)} | ({"inputs": joined.sentence} if inputs[1:] else {})
    found = tuple(output.node for output in outputs)
    graph = Graph(tuple(translation.nodes), found, meta, translation.layers).without_unused()
    return channels_last(graph.verify()) if translation.sandwiched else graph.verify()


def joined_inputs(network: Network, input_shape: tuple[int, ...]) -> JoinedInputs:
    """Return the inputs of a network as one.  Raises `Unsupported` where there is none, or one has no fixed shape."""
    entries = {layer.name: layer for layer in network.layers if layer.kind == "InputLayer"}
    order = _input_order(network)
    if not order or sorted(order) != sorted(entries):
        named, there = (", ".join(names) or "none" for names in (order, entries))
        raise Unsupported(f"its configuration names the inputs {named}, and those in it are {there}")
    given = input_shape if len(order) == 1 else ()
    return JoinedInputs(order, tuple(_input_shape(entries[name], given) for name in order))


def _input_order(network: Network) -> tuple[str, ...]:
    """The input layers in the order in which the model takes them."""
    entries = [layer.name for layer in network.layers if layer.kind == "InputLayer"]
    return tuple(dict.fromkeys([reference.layer for reference in network.inputs] + entries))


def _input_shape(layer: Layer, given: tuple[int, ...]) -> tuple[int, ...]:
    shape = layer.config.get("batch_shape") or layer.config.get("batch_input_shape")
    if isinstance(shape, list | tuple) and len(shape) == 1 and isinstance(shape[0], list | tuple):
        shape = shape[0]  # a list of one shape, as models with one input in a list have it
    if not isinstance(shape, list | tuple) or not 1 < len(shape) <= LARGEST_AXES:
        shape = (None, *given)
    lengths = tuple(shape[1:])
    if given and len(given) == len(lengths):
        lengths = tuple(own if own is not None else new for own, new in zip(lengths, given, strict=True))
    if not lengths or any(type(n) is not int or not 1 <= n <= LENGTH for n in lengths):
        spelled = printable(list(shape[1:])) if len(shape) > 1 else "unknown"
        raise Unsupported(
            f"the shape of its input {layer.name!r} is {spelled}; say it with the option input_shape, "
            "or save the model with fixed lengths"
        )
    return lengths


def _unknown(network: Network, custom: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for layer in leaves(network):
        inner = layer.wrapped or layer
        if "Lambda" in (inner.kind, layer.kind):
            yield repr(layer.name), f"Lambda: {CODE}"
        elif inner.kind != "InputLayer" and inner.kind not in custom and inner.kind not in LAYERS:
            yield repr(layer.name), f"{inner.kind or 'nameless'}: this layer has no counterpart"


def _sentence(problems: Iterable[tuple[str, str]]) -> str:
    """Name every layer, those with the same reason together."""
    reasons: dict[str, list[str]] = {}
    for place, reason in problems:
        reasons.setdefault(reason, []).append(place)
    return ", ".join(f"{', '.join(places)} ({reason})" for reason, places in reasons.items())


def _run(
    translation: Translation,
    network: Network,
    values: tuple[Tensor, ...],
    prefix: str,
    variables: Mapping[Route, Variables],
) -> tuple[Tensor, ...]:
    """Add a network to the graph, reading ``values``; return what it puts out."""
    found: dict[tuple[str, int], tuple[Tensor, ...]] = {}
    entries = [layer.name for layer in network.layers if layer.kind == "InputLayer"]
    order = _input_order(network)
    if len(order) != len(values) or sorted(order) != sorted(entries):
        raise Unsupported(f"a model with the inputs {', '.join(order) or 'none'} is given {len(values)} values")
    found.update({(name, 0): (value,) for name, value in zip(order, values, strict=True)})
    waiting = [
        (layer, index) for layer in network.layers for index in range(len(layer.calls)) if layer.name not in order
    ]
    while waiting:
        later = []
        for layer, index in waiting:
            needed = _references(layer.calls[index].inputs, layer.calls[index].named)
            if all((reference.layer, reference.call) in found for reference in needed):
                found[layer.name, index] = _called(translation, layer, index, found, prefix, variables)
            else:
                later.append((layer, index))
        if len(later) == len(waiting):
            names = ", ".join(dict.fromkeys(repr(layer.name) for layer, _ in later))
            raise Unsupported(f"the layers {printable(names)} read each other, or layers that are not there")
        waiting = later
    return tuple(_value(reference, found) for reference in network.outputs)


def _references(inputs: Iterable[Any], named: Mapping[str, Any]) -> list[Reference]:
    return [value for value in (*inputs, *named.values()) if isinstance(value, Reference)]


def _value(reference: Reference, found: Mapping[tuple[str, int], tuple[Tensor, ...]]) -> Tensor:
    outputs = found.get((reference.layer, reference.call), ())
    if not 0 <= reference.tensor < len(outputs):
        raise Unsupported(f"output {reference.tensor} of call {reference.call} of {reference.layer!r} does not exist")
    return outputs[reference.tensor]


def _called(
    translation: Translation,
    layer: Layer,
    index: int,
    found: Mapping[tuple[str, int], tuple[Tensor, ...]],
    prefix: str,
    variables: Mapping[Route, Variables],
) -> tuple[Tensor, ...]:
    call = layer.calls[index]
    if not call.inputs and not call.named:
        return ()  # the call with which a model inside was built
    given = [*call.inputs, *(call.named[key] for key in OPERANDS if key in call.named)]
    values = tuple(_value(item, found) if isinstance(item, Reference) else item for item in given)
    name = prefix + layer.name
    if layer.network is not None:
        tensors = tuple(value for value in values if isinstance(value, Tensor))
        return _run(translation, layer.network, tensors, f"{name}/", variables)
    inner = layer.wrapped or layer
    translation.origin = (name,)
    translation.layers[name] = printable(inner.kind)
    try:
        if len(_references((), call.named)) > sum(key in OPERANDS for key in call.named):
            raise Unsupported(f"it is given values by name ({printable(', '.join(call.named))})")
        _refuse_quantized(inner.config)
        own = variables.get(inner.route, Variables())
        built = LayerCall(translation, inner, name, inner.config, _wanted(values, inner), own)
        if layer.kind == "TimeDistributed":
            _require_pointwise(inner)
        return (_builder(inner, translation.custom)(built),)
    except Unsupported as error:
        raise LayerProblem(f"{name!r} ({inner.kind}: {printable(str(error))})") from error
    except SnntkError as error:
        raise LayerProblem(f"{name!r} ({inner.kind}: {printable(str(error).rstrip('.'))})") from error
    except RecursionError:
        raise
    except Exception as error:  # the settings of a hostile file can break any assumption
        reason = printable(str(error).rstrip("."))
        raise LayerProblem(f"{name!r} ({inner.kind}: its settings do not fit, {reason})") from error


def _wanted(values: tuple[Any, ...], layer: Layer) -> tuple[Any, ...]:
    """The values without the trailing ones that are not given."""
    return tuple(value for value in values if value is not None)


def _builder(layer: Layer, custom: Mapping[str, str]) -> Builder:
    meaning = custom.get(layer.kind)
    if meaning is None:
        return LAYERS[layer.kind]
    if meaning in LAYERS and meaning not in OPS:
        return LAYERS[meaning]
    op = named_op(meaning)
    return lambda call: call.add(op)


POINTWISE = ("Dense", "Activation", "ReLU", "LeakyReLU", "ELU", "BatchNormalization", "Dropout", "Rescaling")


def _require_pointwise(layer: Layer) -> None:
    if layer.kind not in POINTWISE:
        raise Unsupported(f"TimeDistributed is supported around {', '.join(POINTWISE)} only")


def _refuse_quantized(config: Mapping[str, Any]) -> None:
    dtype = config.get("dtype")
    if isinstance(dtype, dict) and "Quantized" in str(dtype.get("class_name")):
        raise Unsupported("its weights were quantized by Keras; save the model before it is quantized")
