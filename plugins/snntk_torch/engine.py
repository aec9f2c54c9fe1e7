"""Applies operators one after the other, keeps track of what is changed in place, and collects every problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snntk_core import Graph, ParseError
from snntk_core.errors import SnntkError
from snntk_core.joining import JoinedInputs
from snntk_core.layout import channels_last
from snntk_core.shapes import Shape, size
from snntk_torch.constants import FOLDS
from snntk_torch.operators import OPERATORS
from snntk_torch.refusal import Unsupported, printable
from snntk_torch.signatures import RENAMED, SIGNATURES
from snntk_torch.translation import BATCH, ELEMENTS, Call, Magnitude, Poison, Tensor, Translation, Value

REMEDY = "replace these parts of the model, or give only the network up to its scores."
CONSTANT_BYTES = 4 << 30  # of all folded constants together
IGNORED = {"_assert_tensor_metadata", "_assert_scalar", "sym_constrain_range", "sym_constrain_range_for_size", "warn"}
IGNORED |= {"_assert_async", "format", "_set_grad_enabled", "sym_constrain_range_for_size_deprecated"}
VIEWS = {"view", "reshape", "_unsafe_view", "_reshape_alias", "flatten", "unflatten", "squeeze", "unsqueeze", "permute"}
VIEWS |= {
    "transpose",
    "swapaxes",
    "slice",
    "select",
    "narrow",
    "unbind",
    "split",
    "split_with_sizes",
    "chunk",
    "expand",
}
VIEWS |= {"contiguous", "detach", "alias", "dropout", "feature_dropout", "alpha_dropout", "to", "t", "getitem"}
VIEWS |= {"__getitem__", "feature_alpha_dropout"}
ITEMS = ("getitem", "__getitem__")


@dataclass(eq=False)
class Slot:
    """What a variable of the program holds: all names of one tensor share it.

    ``family``: shared by the slots that may view the same memory.  ``stale``: one of the family was changed in place.
    """

    value: Value
    family: object = field(default_factory=object)
    stale: bool = False


def _unwrapped(item: Any) -> Value:
    if isinstance(item, Slot):
        if item.stale:
            raise Unsupported("it reads a value that was changed in place through another view of it")
        return item.value
    if isinstance(item, list | tuple):
        return [_unwrapped(part) for part in item]
    return item


def _contains(item: Value, kind: Any) -> bool:
    if isinstance(item, list):
        return any(_contains(part, kind) for part in item)
    return isinstance(item, kind)


@dataclass(eq=False)
class Engine:
    """The translation of one program, and everything found in its way: (place, reason)."""

    label: str
    translation: Translation = field(default_factory=Translation)
    problems: list[tuple[str, str]] = field(default_factory=list)
    slots: dict[object, list[Slot]] = field(default_factory=dict)  # by family
    constant_bytes: int = 0

    def input(self, name: str, shape: Shape) -> Slot:
        """Add the place where data enters."""
        (slot,) = self.inputs(JoinedInputs((printable(name) or "input",), (tuple(shape),)))
        return slot

    def inputs(self, joined: JoinedInputs) -> list[Slot]:
        """Add the places where data enters, several of them cut out of one."""
        for shape in joined.shapes:
            if not shape or min(shape) < 1 or size(joined.shape) > ELEMENTS:
                raise ParseError(self.label, f"its input has samples of shape {shape}; give one with fixed lengths.")
        added, names = joined.nodes()
        self.translation.layers.update(dict.fromkeys(joined.names, "input"))
        for node in added:
            self.translation.origin = node.origin
            self.translation.append(node)
        return [self.wrapped(Tensor(name, self.translation.shapes[name])) for name in names]

    def wrapped(self, value: Value, family: object = None) -> Any:
        """Return tensors in slots, and numbers and strings as they are."""
        if isinstance(value, Tensor | Magnitude | Poison | np.ndarray):
            slot = Slot(value) if family is None else Slot(value, family)
            self.slots.setdefault(slot.family, []).append(slot)
            return slot
        if isinstance(value, list | tuple):
            return [self.wrapped(item, family) for item in value]
        return value

    def apply(self, operator: str, arguments: Sequence[Any], keywords: Mapping[str, Any], stem: str) -> Any:
        """Translate or fold one operator and return its result; what cannot be is added to the problems."""
        name = operator.rpartition("::")[2]
        in_place = name.endswith("_") and not name.endswith("__") and name[:-1] in (OPERATORS.keys() | FOLDS.keys())
        base = name[:-1] if in_place else name
        if base in IGNORED:
            return None
        if base in ITEMS and isinstance(arguments[0], list) and isinstance(arguments[1], int):
            return self._item(arguments[0], arguments[1], stem)
        first = arguments[0] if arguments and isinstance(arguments[0], Slot) else None
        try:
            result = self._result(base, arguments, keywords, stem)
        except Unsupported as error:
            reason = str(error).replace(str(BATCH), "batch")
            self.problems.append((repr(printable(stem)), f"{printable(base)}: {reason}"))
            result = Poison()
        if in_place and first is not None:
            return self._written(first, result)
        return self.wrapped(result, first.family if first is not None and base in VIEWS else None)

    def _item(self, items: list[Any], index: int, stem: str) -> Any:
        if -len(items) <= index < len(items):
            return items[index]
        self.problems.append((repr(printable(stem)), f"it takes item {index} of {len(items)}"))
        return self.wrapped(Poison())

    def _written(self, slot: Slot, value: Value) -> Slot:
        for other in self.slots.get(slot.family, ()):
            other.stale = other.stale or other is not slot
        slot.value = value
        return slot

    def _result(self, base: str, arguments: Sequence[Any], keywords: Mapping[str, Any], stem: str) -> Value:
        values = [_unwrapped(item) for item in arguments]
        named = {key: _unwrapped(item) for key, item in keywords.items()}
        every = [*values, *named.values()]
        computed = _contains(every, Tensor | Magnitude)
        if base not in OPERATORS and base not in FOLDS:
            raise Unsupported("this operator has no counterpart")
        if _contains(every, Poison):
            return Poison(computed)
        try:
            with np.errstate(all="ignore"):  # what is not finite is refused by name in the end
                return self._built(base, values, named, stem) if computed else self._folded(base, values, named)
        except (Unsupported, RecursionError):
            raise
        except Exception as error:  # arguments and arrays of a hostile file can break any assumption
            reason = printable(str(error).rstrip("."))
            raise Unsupported(f"its arguments, weights and input do not fit ({reason})") from error

    def _built(self, base: str, values: list[Value], named: Mapping[str, Value], stem: str) -> Value:
        if base not in OPERATORS:
            raise Unsupported("this operator is known on constants only")
        names = SIGNATURES.get(base, ("self",))
        bound = dict(zip(names, values, strict=False))
        bound |= {key if key in names else RENAMED.get(key, key): value for key, value in named.items()}
        self.translation.origin = (printable(stem),)
        result = OPERATORS[base](Call(self.translation, printable(stem), bound))
        if _contains(result, Tensor | Magnitude):
            self.translation.layers.setdefault(printable(stem), printable(base))
        return result

    def _folded(self, base: str, values: list[Value], named: Mapping[str, Value]) -> Value:
        if base not in FOLDS:
            raise Unsupported("this operator is known on computed values only")
        result = FOLDS[base](*values, **named)
        self.constant_bytes += result.nbytes if isinstance(result, np.ndarray) else 0
        if self.constant_bytes > CONSTANT_BYTES:
            raise Unsupported("its constants grow beyond 4 GiB")
        return result

    def graph(self, outputs: Sequence[Any], meta: Mapping[str, str]) -> Graph:
        """Return the verified channels-last graph.  Raises `ParseError` naming everything in the way."""
        try:
            values = [_unwrapped(item) for item in outputs]
        except Unsupported as error:
            self.problems.append(("the output", str(error)))
            values = []
        found = [value.node for value in values if isinstance(value, Tensor)]
        if not self.problems and (len(found) != len(outputs) or not outputs):
            self.problems.append(("the output", "it is not a tensor, or does not depend on the input"))
        if self.problems:
            raise ParseError(self.label, "cannot convert " + _sentence(self.problems) + ";", remedy=REMEDY)
        try:
            graph = Graph(tuple(self.translation.nodes), tuple(found), meta, self.translation.layers)
            return channels_last(graph.without_unused().verify())
        except SnntkError as error:
            reason = printable(str(error).rstrip("."))
            raise ParseError(self.label, f"the network is not consistent ({reason}); save it again.") from error


def _sentence(problems: Sequence[tuple[str, str]]) -> str:
    """Name every place, those with the same reason together."""
    reasons: dict[str, list[str]] = {}
    for place, reason in problems:
        reasons.setdefault(reason, []).append(place)
    return ", ".join(f"{', '.join(dict.fromkeys(places))} ({reason})" for reason, places in reasons.items())
