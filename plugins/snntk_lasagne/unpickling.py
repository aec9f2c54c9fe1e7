"""Pickles without their power: arrays, lists, tuples, dicts, strings and numbers come out, and nothing else is run.

The stream is read twice.  First its opcodes are listed without running them, and only those that build plain data pass.
Then an unpickler runs whose only globals are stand-ins: numpy's own functions are never called on a file's word, an
array is made here from its bytes once type and size fit.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from snntk_core.ops import Array
from snntk_lasagne.refusal import Refused, printable

DATA = (
    "PROTO FRAME STOP MARK POP POP_MARK DUP MEMOIZE PUT BINPUT LONG_BINPUT GET BINGET LONG_BINGET",
    "NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT",
    "STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8",
    "BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8",
    "EMPTY_LIST LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT DICT SETITEM SETITEMS",
    "GLOBAL STACK_GLOBAL REDUCE BUILD",
)
OPCODES = frozenset(" ".join(DATA).split())
SAVE_ARRAYS = "save the arrays instead: numpy.savez(path, *lasagne.layers.get_all_param_values(network))"
PUTS = ("PUT", "BINPUT", "LONG_BINPUT")
AXES = 32


@dataclass
class PickledType:
    """The stand-in for numpy's dtype: a letter and a width, and the byte order that comes later."""

    code: str
    order: str = "|"

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) >= 2 and state[1] in ("<", ">", "|", "="):
            self.order = state[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type itself.  Raises `Refused` for anything but numbers."""
        letters = self.code.lstrip("<>|=")
        if not (letters[:1] in ("b", "i", "u", "f") and letters[1:] in ("1", "2", "4", "8")):
            raise Refused(f"it holds an array of type {printable(self.code)}; only arrays of numbers are read")
        try:
            return np.dtype(letters).newbyteorder(self.order)
        except TypeError as error:
            raise Refused(f"it holds an array of the unknown type {printable(self.code)}") from error


@dataclass
class PickledArray:
    """The stand-in for numpy's ndarray: filled by its state."""

    values: Array = field(default_factory=lambda: np.zeros(0))

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise Refused("it holds an array in a form that numpy does not write")
        _, shape, kind, fortran, content = state
        self.values = _array(content, kind, shape, "F" if fortran is True else "C")


def _array(content: Any, kind: Any, shape: Any, order: Any) -> Array:
    if isinstance(content, str):
        content = content.encode("latin1")  # Python 2 had no bytes
    lengths = isinstance(shape, tuple) and len(shape) <= AXES and all(type(n) is int and n >= 0 for n in shape)
    if not isinstance(kind, PickledType) or not isinstance(content, bytes | bytearray) or not lengths:
        raise Refused("it holds an array that is not made of numbers")
    if prod(shape) * kind.dtype.itemsize != len(content):
        raise Refused(f"it holds an array of shape {shape} in {len(content)} bytes, which do not fit")
    return np.frombuffer(content, kind.dtype).reshape(shape, order="F" if order == "F" else "C")


def _reconstruct(*_: Any) -> PickledArray:
    return PickledArray()


def _type(code: Any, *_: Any) -> PickledType:
    return PickledType(str(code))


def _scalar(kind: Any, content: Any) -> Any:
    return _array(content, kind, (), "C")


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise Refused("it holds bytes in another encoding than latin1")
    return text.encode("latin1")


def _nothing(*_: Any) -> None:
    raise Refused("it makes an array in a way that numpy does not write")


GLOBALS: Mapping[tuple[str, str], Callable[..., Any]] = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _array for core in ("core", "_core")},
    ("numpy", "ndarray"): _nothing,
    ("numpy", "dtype"): _type,
    ("_codecs", "encode"): _encode,
}
"""Every global that a pickle of numpy arrays names, and what stands in for it."""


@dataclass(frozen=True)
class StandIn:
    """A global of the file: it can be called, and nothing can be hung on it."""

    function: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise Refused("it alters a function")


class DataUnpickler(pickle.Unpickler):
    """Runs a stream whose opcodes were checked, with stand-ins for the few globals that arrays need."""

    def find_class(self, module: str, name: str, /) -> Any:
        """Return the stand-in for a global.  Raises `Refused` for any other."""
        if (module, name) not in GLOBALS:
            wanted = printable(f"{module}.{name}")
            raise Refused(f"its pickle asks for {wanted}; only arrays, lists and numbers are read", remedy=SAVE_ARRAYS)
        return StandIn(GLOBALS[module, name])


def unpickled(content: bytes) -> Any:
    """Return the data in a pickle.  Raises `Refused` for one that is damaged or holds anything else than data."""
    _check_opcodes(content)
    try:
        return _plain(DataUnpickler(io.BytesIO(content), encoding="latin1").load(), 0)
    except Refused:
        raise
    except Exception as error:  # a damaged stream fails in every way
        raise Refused("its pickle is damaged") from error


def _check_opcodes(content: bytes) -> None:
    try:
        for code, argument, _ in pickletools.genops(content):
            if code.name not in OPCODES:
                raise Refused(f"its pickle uses {code.name}, which plain data does not need")
            if code.name in PUTS and not 0 <= int(argument) <= len(content):
                raise Refused("its pickle is damaged")  # the memo would grow to that number
    except Refused:
        raise
    except Exception as error:
        raise Refused("it is not a pickle, or it is damaged") from error


def _plain(value: Any, depth: int) -> Any:
    """Replace the stand-ins in the upper levels of the data; deeper ones nobody reads."""
    if isinstance(value, PickledArray):
        return value.values
    if depth < 3 and isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    if depth < 3 and isinstance(value, dict):
        return {key: _plain(item, depth + 1) for key, item in value.items()}
    return value
