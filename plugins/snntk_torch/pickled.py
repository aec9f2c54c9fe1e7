"""The state of a TorchScript archive, read opcode by opcode: nothing is imported, constructed or called."""

from __future__ import annotations

import pickletools
from dataclasses import dataclass, field
from typing import Any

from snntk_core import ParseError
from snntk_core.ops import Array
from snntk_torch.archive import Archive
from snntk_torch.refusal import Unsupported, printable
from snntk_torch.storage import BFLOAT16, viewed

OPCODES = 1 << 22
STORAGES = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": BFLOAT16,
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
LISTS = {f"torch.jit._pickle build_{kind}list" for kind in ("int", "double", "bool", "tensor")}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
LITERALS = {"BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINUNICODE", "BINUNICODE8", "BINFLOAT", "BINSTRING"}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(frozen=True)
class Name:
    """Something the file refers to by module and name."""

    text: str


@dataclass(frozen=True)
class Storage:
    """The memory of a tensor: its type, and its member of the archive."""

    kind: str
    key: str


@dataclass(frozen=True)
class Unknown:
    """What is not needed to read a network, such as a device."""

    what: str


@dataclass(frozen=True)
class Bare:
    """A tensor of which only the shape is wanted."""

    shape: tuple[int, ...]


@dataclass(eq=False)
class ScriptObject:
    """A module of the file: the class, the path in the module tree, the attributes."""

    kind: str
    path: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Unpickler:
    """A pickle machine that knows what TorchScript writes.  ``folder``: where its storages lie, or shapes only."""

    archive: Archive
    member: str
    folder: str | None
    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def load(self) -> Any:
        """Return what the member holds.  Raises `ParseError` for anything TorchScript does not write."""
        content = self.archive.read(self.member)
        try:
            for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
                if opcode.name == "STOP":
                    return self.stack.pop()
                if count > OPCODES:
                    raise Unsupported("it is too long")
                self._step(opcode.name, argument)
            raise Unsupported("it does not end")
        except ParseError:
            raise
        except Exception as error:  # a hostile file can break any assumption
            problem = f"its part {self.member!r} is damaged ({printable(str(error).rstrip('.'))}); save it again."
            raise ParseError(self.archive.label, problem) from error

    def _step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name == "PROTO":
            return
        if name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name in LITERALS:
            stack.append(argument)
        elif name == "MARK":
            self.marks.append(len(stack))
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif name == "GLOBAL":
            stack.append(Name(str(argument)))
        elif name in TUPLES:
            items = stack[-TUPLES[name] :]
            del stack[-TUPLES[name] :]
            stack.append(tuple(items))
        else:
            self._structure(name)

    def _marked(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def _structure(self, name: str) -> None:
        stack = self.stack
        match name:
            case "EMPTY_TUPLE":
                stack.append(())
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_DICT":
                stack.append({})
            case "TUPLE":
                items = self._marked()
                stack.append(tuple(items))
            case "APPEND":
                item = stack.pop()
                _list(stack[-1]).append(item)
            case "APPENDS":
                items = self._marked()
                _list(stack[-1]).extend(items)
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                _dict(stack[-1])[key] = value
            case "SETITEMS":
                items = self._marked()
                _dict(stack[-1]).update(zip(items[::2], items[1::2], strict=True))
            case "BINPERSID":
                stack.append(self._storage(stack.pop()))
            case "NEWOBJ":
                _, kind = stack.pop(), stack.pop()
                stack.append(ScriptObject(kind.text.replace(" ", ".")))
            case "REDUCE":
                arguments, function = stack.pop(), stack.pop()
                stack.append(self._called(function, arguments))
            case "BUILD":
                state = stack.pop()
                _object(stack[-1]).attributes.update(_dict(state))
            case _:
                raise Unsupported(f"the pickle instruction {name} is not one of TorchScript's")

    def _storage(self, identity: Any) -> Storage:
        _, kind, key, *_ = identity
        name = kind.text.rpartition(" ")[2]
        if name not in STORAGES:
            raise Unsupported(f"tensors of the type {printable(name)} are not supported")
        return Storage(STORAGES[name], str(key))

    def _called(self, function: Any, arguments: Any) -> Any:
        if not isinstance(function, Name):
            raise Unsupported("it calls what is no function")
        if function.text == "torch._utils _rebuild_tensor_v2":
            return self._tensor(*arguments[:4])
        if function.text == "collections OrderedDict":
            return {}
        if function.text in LISTS or function.text == "torch.jit._pickle restore_type_tag":
            return arguments[0]
        return Unknown(function.text)

    def _tensor(self, storage: Storage, offset: int, sizes: tuple[int, ...], strides: tuple[int, ...]) -> Array | Bare:
        if self.folder is None:
            return Bare(tuple(sizes))
        content = self.archive.storage(f"{self.folder}/{storage.key}")
        return viewed(content, storage.kind, offset, sizes, strides)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Unsupported("it appends to what is no list")
    return value


def _dict(value: Any) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise Unsupported("an object in it is stored by code of its own")
    return value


def _object(value: Any) -> ScriptObject:
    if not isinstance(value, ScriptObject):
        raise Unsupported("it fills what is no module")
    return value


def unpickled(archive: Archive, member: str, folder: str | None) -> Any:
    """Return what a member of the archive holds; ``folder`` has its tensors, None gives their shapes only."""
    return Unpickler(archive, member, folder).load()
