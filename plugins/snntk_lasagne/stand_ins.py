"""Stand-ins of Lasagne's and Theano's members: a script calls them, and they note what would have been built.

What they stand for are the values that `expressions` finds by reading, so running and reading give one description.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any, NoReturn

import numpy as np

from snntk_lasagne.layers import Call, Nonlinearity, all_layers, parameter_names
from snntk_lasagne.output_shapes import output_shape
from snntk_lasagne.refusal import Refused, printable
from snntk_lasagne.values import Member, Unknown, called

PLAIN = (bool, int, float, str, type(None))
CONSTANTS: Mapping[str, Any] = {
    "theano.config.floatX": "float32",
    "theano.config.device": "cpu",
    "lasagne.__version__": "0.2.dev1",
    "theano.__version__": "0.9.0",
}
UNFLIPPED = ("Conv2DDNNLayer", "Conv2DMMLayer")
READ = ("num_units", "num_filters", "name", "p")


@dataclass(eq=False)
class Recorder:
    """One run of a script: where it is, and the first refusal, which the script may have caught.

    ``either``: it takes cuDNN's layers where there is a GPU and Theano's own where there is none.
    """

    path: str
    either: bool = False
    refused: Refused | None = None

    def place(self) -> str:
        """Return the line at which the script stands."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename != self.path:
            frame = frame.f_back
        return "" if frame is None else f"line {frame.f_lineno}"

    def refuse(self, problem: str) -> NoReturn:
        """Raise `Refused` for the line at which the script stands, and keep it."""
        self.keep(Refused(problem, self.place()))

    def keep(self, error: Refused) -> NoReturn:
        """Raise ``error``, and keep it."""
        self.refused = self.refused or error
        raise error

    def attempt(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what ``function`` returns; keep what it refuses."""
        try:
            return function(*arguments)
        except Refused as error:
            self.keep(Refused(error.problem, error.where or self.place(), error.remedy))


class Symbol:
    """A member of a library, or what came out of one: whatever is done with it gives another symbol."""

    __array_ufunc__ = None  # numpy leaves arithmetic with it to it

    def __init__(self, value: Member | Unknown | Nonlinearity, recorder: Recorder) -> None:
        self._value, self._recorder = value, recorder

    def __repr__(self) -> str:
        value = self._value
        return value.path if isinstance(value, Member) else value.text if isinstance(value, Unknown) else value.name

    def __format__(self, how: str) -> str:
        return repr(self)

    def __getattr__(self, name: str) -> Any:
        path = f"{self!r}.{name}"
        if isinstance(self._value, Member) and path in CONSTANTS:
            return CONSTANTS[path]
        if name.startswith("_"):
            raise AttributeError(name)
        return Symbol(Member(path), self._recorder) if isinstance(self._value, Member) else self._more(f".{name}")

    def __setattr__(self, name: str, value: object) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        recorder, value = self._recorder, self._value
        if not isinstance(value, Member):
            return self._more("()")
        if value.path.startswith("lasagne.layers.") and value.name in ANSWERS and arguments:
            return recorder.attempt(ANSWERS[value.name], recorder, arguments[0])
        if recorder.either and value.name in UNFLIPPED and "flip_filters" not in named:
            other = "the layer that the script takes without a GPU does"
            recorder.refuse(f"{value.name} does not flip its filters, {other}; write flip_filters=True or False")
        plain = [meaning(item) for item in arguments], {key: meaning(item) for key, item in named.items()}
        found = recorder.attempt(called, value, *plain, recorder.place(), f"{self!r}()")
        return RecordedLayer(found, recorder) if isinstance(found, Call) else Symbol(found, recorder)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        """Let the script write classes of its own; one that is a layer is refused where it is used."""
        recorder, layer = self._recorder, repr(self).startswith("lasagne.layers")

        def make(cls: type, *_: object, **__: object) -> object:
            if layer:
                recorder.refuse(f"the layer {printable(cls.__name__)} is a class of the script, which is not supported")
            return Symbol(Unknown(printable(cls.__name__)), recorder)

        return (type("Own", (), {"__new__": make}),)

    def __instancecheck__(self, instance: object) -> bool:
        name = self._value.name if isinstance(self._value, Member) else ""
        return isinstance(instance, RecordedLayer) and name in (instance._call.kind, "Layer")

    def __eq__(self, other: object) -> bool:
        return self._unknown() if other is RecordedLayer else other is self  # type(layer) == DenseLayer

    def __hash__(self) -> int:
        return id(self)

    def __setitem__(self, key: object, value: object) -> None:
        """Do nothing: an update, or a part of a shared variable."""

    def __enter__(self) -> Symbol:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""

    def _more(self, text: str) -> Symbol:
        of_layer = isinstance(self._value, Unknown) and self._value.of_layer
        return Symbol(Unknown(printable(f"{self!r}{text}"), of_layer), self._recorder)

    def _unknown(self, *_: object) -> NoReturn:
        self._recorder.refuse(f"it depends on the value of {self!r}, which only Lasagne and Theano would know")

    def _computed(self, *_: object) -> Symbol:
        return self._more("...")

    __bool__ = __len__ = __iter__ = __contains__ = __int__ = __float__ = __index__ = __array__ = _unknown
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _computed
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = _computed
    __neg__ = __pos__ = __abs__ = __invert__ = __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _computed
    __lt__ = __le__ = __gt__ = __ge__ = __getitem__ = _computed


class RecordedLayer:
    """A layer that the script has built: its shape can be asked for, its name and its nonlinearity set."""

    def __init__(self, call: Call, recorder: Recorder) -> None:
        object.__setattr__(self, "_call", call)
        object.__setattr__(self, "_recorder", recorder)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordedLayer) and other._call is self._call

    def __hash__(self) -> int:
        return hash(self._call)

    def __getattr__(self, name: str) -> Any:
        call, recorder = self._call, self._recorder
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "output_shape":
            return recorder.attempt(output_shape, call)
        if name in ("input_shape", "input_shapes"):
            shapes = [recorder.attempt(output_shape, source) for source in call.incoming]
            return shapes if name == "input_shapes" or not shapes else shapes[0]
        if name in ("input_layer", "input_layers"):
            layers = [RecordedLayer(source, recorder) for source in call.incoming]
            return layers if name == "input_layers" or not layers else layers[0]
        if name in READ and isinstance(call.options.get(name), PLAIN):
            return call.options.get(name)
        if name == "nonlinearity" and isinstance(call.options.get(name), Nonlinearity):
            return Symbol(call.options[name], recorder)
        return Symbol(Unknown(f"{call.kind}.{name}", of_layer=True), recorder)

    def __setattr__(self, name: str, value: object) -> None:
        call, recorder = self._call, self._recorder
        if name == "nonlinearity" and name in call.options:
            like = Member("lasagne.layers.NonlinearityLayer")
            made = recorder.attempt(called, like, [call], {name: meaning(value)}, recorder.place(), "")
            call.options[name] = made.options[name]
        elif name == "name":
            call.options[name] = value
        else:
            recorder.refuse(f"it sets {printable(name)} of a {call.kind}, which is not supported")


def meaning(value: Any) -> Any:
    """Return what a value of the running script is to the reader of scripts."""
    if isinstance(value, Symbol):
        return value._value
    if isinstance(value, RecordedLayer):
        return value._call
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, list | tuple):
        return [meaning(item) for item in value] if isinstance(value, list) else tuple(map(meaning, value))
    if isinstance(value, dict):
        return {key: meaning(item) for key, item in value.items()}
    return Unknown(printable(getattr(value, "__name__", None) or type(value).__name__))


def _layers(recorder: Recorder, outputs: Any) -> list[RecordedLayer]:
    given = outputs if isinstance(outputs, list | tuple) else [outputs]
    calls = dict.fromkeys(call for item in given if isinstance(item, RecordedLayer) for call in all_layers(item._call))
    return [RecordedLayer(call, recorder) for call in calls]


def _parameters(recorder: Recorder, outputs: Any) -> list[Symbol]:
    calls = [layer._call for layer in _layers(recorder, outputs)]
    names = [f"{call.kind}.{name}" for call in calls for name in parameter_names(call)]
    return [Symbol(Unknown(name, of_layer=True), recorder) for name in names]


def _outputs(recorder: Recorder, outputs: Any) -> Any:
    several = isinstance(outputs, list | tuple)
    found = [Symbol(Unknown("get_output()"), recorder) for _ in (outputs if several else [outputs])]
    return found if several else found[0]


ANSWERS: Mapping[str, Callable[[Recorder, Any], Any]] = {
    "get_all_layers": _layers,
    "get_all_params": _parameters,
    "get_output": _outputs,
    "get_output_shape": lambda recorder, layer: layer.output_shape,
}
"""What members of ``lasagne.layers`` tell a script about what it has built."""
