"""Layers as Lasagne calls them: what each takes, what it defaults to, and the order of the whole network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from snntk_core.errors import did_you_mean
from snntk_core.ops import Array
from snntk_lasagne.refusal import CHANGE, Refused, printable

REQUIRED: Final = "<required>"
LAYERS = 10_000


@dataclass(frozen=True)
class Initial:
    """An initial value of a parameter, which the saved one replaces: any but None."""

    shared: bool = False  # with another layer


@dataclass(frozen=True)
class Nonlinearity:
    """A nonlinearity by Lasagne's name, with its number if it takes one."""

    name: str
    number: float | None = None


@dataclass(eq=False)
class Call:
    """A layer as it was called.  Its options change only where ``batch_norm`` takes them away, as in Lasagne."""

    kind: str
    options: dict[str, Any]
    incoming: tuple[Call, ...]
    place: str


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer in the order of `get_all_layers`, with the names of those it reads and its parameters by name."""

    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    arrays: Mapping[str, Array] = field(default_factory=dict)


GIVEN = Initial()
RECTIFY = Nonlinearity("rectify")
CONVOLUTION: Mapping[str, Any] = {
    "num_filters": REQUIRED, "filter_size": REQUIRED, "stride": 1, "pad": 0, "untie_biases": False, "W": GIVEN,
    "b": GIVEN, "nonlinearity": RECTIFY, "flip_filters": True, "convolution": GIVEN, "num_groups": 1,
}  # fmt: skip
POOL: Mapping[str, Any] = {
    "pool_size": REQUIRED, "stride": None, "pad": 0, "ignore_border": True, "mode": "max"
}  # fmt: skip
MAX_POOL = {key: value for key, value in POOL.items() if key != "mode"}
NORM: Mapping[str, Any] = {
    "axes": "auto", "epsilon": 1e-4, "alpha": 0.1, "beta": GIVEN, "gamma": GIVEN, "mean": GIVEN, "inv_std": GIVEN,
}  # fmt: skip
DROPOUT: Mapping[str, Any] = {"p": 0.5, "rescale": True, "shared_axes": ()}

SIGNATURES: Mapping[str, Mapping[str, Any]] = {
    "InputLayer": {"shape": REQUIRED, "input_var": None},
    "DenseLayer": {
        "num_units": REQUIRED, "W": GIVEN, "b": GIVEN, "nonlinearity": RECTIFY, "num_leading_axes": 1,
    },
    "Conv1DLayer": CONVOLUTION,
    "Conv2DLayer": CONVOLUTION,
    "MaxPool1DLayer": MAX_POOL,
    "MaxPool2DLayer": MAX_POOL,
    "Pool1DLayer": POOL,
    "Pool2DLayer": POOL,
    "GlobalPoolLayer": {"pool_function": "mean"},
    "BatchNormLayer": NORM,
    "LocalResponseNormalization2DLayer": {"alpha": 1e-4, "k": 2, "beta": 0.75, "n": 5},
    "ConcatLayer": {"axis": 1, "cropping": None},
    "ElemwiseSumLayer": {"coeffs": 1, "cropping": None},
    "DropoutLayer": DROPOUT,
    "GaussianNoiseLayer": {"sigma": 0.1},
    "NonlinearityLayer": {"nonlinearity": RECTIFY},
    "FlattenLayer": {"outdim": 2},
    "ReshapeLayer": {"shape": REQUIRED},
    "DimshuffleLayer": {"pattern": REQUIRED},
}  # fmt: skip
"""What each layer takes after its incoming ones, in Lasagne's order, with Lasagne's defaults."""

MERGING = ("ConcatLayer", "ElemwiseSumLayer")
ALIASES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "Conv2DDNNLayer": ("Conv2DLayer", {"flip_filters": False}),
    "Conv2DMMLayer": ("Conv2DLayer", {"flip_filters": False}),
    "MaxPool2DDNNLayer": ("MaxPool2DLayer", {}),
    "Pool2DDNNLayer": ("Pool2DLayer", {}),
    "BatchNormDNNLayer": ("BatchNormLayer", {}),
    "dropout": ("DropoutLayer", {}),
    "dropout_channels": ("DropoutLayer", {}),
    "dropout_locations": ("DropoutLayer", {}),
    "spatial_dropout": ("DropoutLayer", {}),
    "flatten": ("FlattenLayer", {}),
    "reshape": ("ReshapeLayer", {}),
    "dimshuffle": ("DimshuffleLayer", {}),
    "concat": ("ConcatLayer", {}),
}
"""Other names of the same layers, and the defaults that differ: cuDNN does not flip its filters."""

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "DenseLayer": ("W", "b"),
    "Conv1DLayer": ("W", "b"),
    "Conv2DLayer": ("W", "b"),
    "BatchNormLayer": ("beta", "gamma", "mean", "inv_std"),
}
"""The parameters of a layer in the order in which Lasagne saves them."""


def call_layer(kind: str, arguments: Sequence[Any], named: Mapping[str, Any], place: str) -> Call:
    """Return the call of a layer with all its options.  Raises `Refused` for layers and options that are not known."""
    if kind in ("batch_norm", "batch_norm_dnn"):
        return _batch_norm(arguments, named, place)
    plain, defaults = ALIASES.get(kind, (kind, {}))
    if plain not in SIGNATURES:
        hint = did_you_mean(kind, (*SIGNATURES, *ALIASES))
        problem = f"the layer {printable(kind)} is not supported.{hint} Known: {', '.join(SIGNATURES)}"
        raise Refused(problem, place, CHANGE if place.startswith("line") else "")
    signature, named = {**SIGNATURES[plain], **defaults}, dict(named)
    reads = () if plain == "InputLayer" else ("incomings",) if plain in MERGING else ("incoming",)
    names = [*reads, *signature, "name"]
    if len(arguments) > len(names):
        raise Refused(f"{kind} takes {len(names)} arguments, got {len(arguments)}", place)
    given = dict(zip(names, arguments, strict=False))
    unknown = [key for key in named if key not in names or key in given]
    if unknown:
        hint = did_you_mean(unknown[0], names)
        problem = f"{kind} is given {printable(unknown[0])!r}, which is not supported here.{hint}"
        raise Refused(problem, place, CHANGE if place.startswith("line") else "")
    options = {**signature, "name": None, **given, **named}
    missing = [key for key in names if options.get(key, REQUIRED) is REQUIRED]
    if missing:
        raise Refused(f"{kind} needs {' and '.join(missing)}", place)
    incoming = _incoming(options.pop(reads[0]), plain, place) if reads else ()
    return Call(plain, options, incoming, place)


def _incoming(value: Any, kind: str, place: str) -> tuple[Call, ...]:
    calls = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not calls or not all(isinstance(call, Call) for call in calls):
        raise Refused(f"{kind} reads something that is not a layer", place)
    if len(calls) > 1 and kind not in MERGING:
        raise Refused(f"{kind} reads one layer, got {len(calls)}", place)
    return calls


def _batch_norm(arguments: Sequence[Any], named: Mapping[str, Any], place: str) -> Call:
    """Normalize between a layer and its nonlinearity: it loses its bias, and the nonlinearity moves behind."""
    if len(arguments) + ("layer" in named) != 1:
        raise Refused("batch_norm takes one layer, and the options of BatchNormLayer by name", place)
    options = {key: value for key, value in named.items() if key != "layer"}
    layer = arguments[0] if arguments else named["layer"]
    norm = call_layer("BatchNormLayer", [layer], options, place)
    nonlinearity = layer.options.pop("nonlinearity", None)
    layer.options.update({key: None for key in ("b", "nonlinearity") if key in SIGNATURES[layer.kind]})
    if nonlinearity is None:
        return norm
    return call_layer("NonlinearityLayer", [norm, nonlinearity], {}, place)


def all_layers(output: Call) -> tuple[Call, ...]:
    """Return the layers behind ``output`` in Lasagne's order: the incoming ones first, from left to right."""
    found: dict[Call, None] = {}
    entered: set[Call] = set()
    stack = [output]
    while stack:
        call = stack[-1]
        if call not in entered:
            entered.add(call)
            stack += reversed(call.incoming)
            continue
        found.setdefault(stack.pop())
    if len(found) > LAYERS:
        raise Refused(f"it has {len(found)} layers, which is too many")
    return tuple(found)


def parameter_names(call: Call) -> tuple[str, ...]:
    """Return the parameters that a layer has, in the order in which they are saved."""
    names = [name for name in PARAMETERS.get(call.kind, ()) if call.options[name] is not None]
    shared = [name for name in names if isinstance(call.options[name], Initial) and call.options[name].shared]
    if shared:
        raise Refused(f"its {shared[0]} is shared with another layer, which is not supported", call.place)
    return tuple(names)


def with_parameters(output: Call, arrays: Sequence[Array]) -> tuple[Layer, ...]:
    """Return the layers in order, each with its own of the saved arrays, and a name of its own."""
    calls = all_layers(output)
    wanted = [parameter_names(call) for call in calls]
    count = sum(map(len, wanted))
    if count != len(arrays):
        raise Refused(f"the architecture has {count} parameters, but {len(arrays)} arrays were saved")
    names = _names(calls)
    rest = iter(arrays)
    return tuple(
        Layer(
            names[call],
            call.kind,
            MappingProxyType(dict(call.options)),
            tuple(names[source] for source in call.incoming),
            MappingProxyType({name: next(rest) for name in own}),
        )
        for call, own in zip(calls, wanted, strict=True)
    )


def _names(calls: Iterable[Call]) -> dict[Call, str]:
    taken: dict[str, None] = {}
    numbers: dict[str, int] = {}
    for call in calls:
        own = call.options.get("name")
        stem = printable(own) if isinstance(own, str) and printable(own) else ""
        name = stem
        while not name or name in taken:
            base = stem or call.kind.removesuffix("Layer").lower()
            numbers[base] = numbers.get(base, int(bool(stem))) + 1
            name = f"{base}_{numbers[base]}"
        taken[name] = None
    return dict(zip(calls, taken, strict=True))
