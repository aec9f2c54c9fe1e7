"""TorchScript archives: from the members of the file to a graph."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from snntk_core import Graph, ParseError
from snntk_core.shapes import Shape
from snntk_torch.archive import Archive
from snntk_torch.engine import Engine
from snntk_torch.pickled import Bare, ScriptObject, unpickled
from snntk_torch.refusal import Unsupported, printable
from snntk_torch.script import Interpreter
from snntk_torch.script_source import ScriptSource

STATE, CONSTANTS, TRACED = "data.pkl", "constants.pkl", "traced_inputs.pkl"
ATTRIBUTES = 1 << 16


@dataclass(frozen=True, eq=False)
class Script:
    """A TorchScript model: its archive, its modules and the shape of its samples, as far as it is known."""

    archive: Archive
    root: ScriptObject
    shape: Shape

    @property
    def label(self) -> str:
        """What messages call the model."""
        return self.archive.label


def is_script(archive: Archive) -> bool:
    """Whether an archive is one of `torch.jit.save`."""
    return STATE in archive and any(name.startswith("code/") for name in archive.names)


def read_script(archive: Archive, shape: Shape) -> Script:
    """Return the model in an archive; ``shape`` (empty: not given) is that of its samples.

    Raises `ParseError` for an archive that is damaged.
    """
    root = unpickled(archive, STATE, "data")
    if not isinstance(root, ScriptObject):
        raise ParseError(archive.label, "it holds no module; save a scripted or traced module.")
    _place(root)
    return Script(archive, root, shape or _traced_shape(archive) or _first_features(root))


def _place(root: ScriptObject) -> None:
    """Give every module the path where it is first found."""
    seen, waiting = {id(root)}, [root]
    while waiting:
        owner = waiting.pop(0)
        for name, child in owner.attributes.items():
            if isinstance(child, ScriptObject) and id(child) not in seen:
                seen.add(id(child))
                child.path = f"{owner.path}.{name}" if owner.path else str(name)
                waiting.append(child)


def _traced_shape(archive: Archive) -> Shape:
    """The shape of the input a module was traced with, which newer files keep."""
    if TRACED not in archive:
        return ()
    try:
        found = unpickled(archive, TRACED, None)
    except ParseError:
        return ()
    inputs = found.get("forward") if isinstance(found, dict) else None
    first = inputs[0] if isinstance(inputs, list | tuple) and inputs else None
    return first.shape[1:] if isinstance(first, Bare) else ()


def _first_features(root: ScriptObject) -> Shape:
    """The number of features of the first layer, where that is a matrix."""
    weight = next(_arrays(root), None)
    return (weight.shape[1],) if weight is not None and weight.ndim == 2 else ()


def _arrays(owner: ScriptObject) -> Iterator[Any]:
    waiting: list[Any] = [owner]
    seen: set[int] = set()  # an object of a hostile file can hold itself
    while waiting:
        item = waiting.pop()
        if isinstance(item, np.ndarray):
            yield item
        elif isinstance(item, ScriptObject) and id(item) not in seen:
            seen.add(id(item))
            waiting += reversed(item.attributes.values())


def graph_of(script: Script) -> Graph:
    """Return the model as a graph.  Raises `ParseError` naming everything in the way."""
    label = script.label
    if not script.shape:
        problem = "a TorchScript file does not say what it takes;"
        raise ParseError(label, problem, remedy="give the shape of a sample: --set torch.input_shape=[1,28,28].")
    source = ScriptSource(script.archive)
    _refuse_stored_by_code(script, source)
    engine = Engine(label)
    interpreter = Interpreter(engine, source, _constants(script, engine))
    try:
        result = interpreter.call(script.root, "forward", [engine.input(_entry(script, source), script.shape)], {})
    except Unsupported as error:
        where = interpreter.place
        raise ParseError(label, f"cannot convert {where} ({error}); {ADVICE}") from error
    except (RecursionError, TypeError, ValueError, IndexError, KeyError, AttributeError) as error:
        problem = f"its code does not fit together ({printable(str(error).rstrip('.'))}); save it again."
        raise ParseError(label, problem) from error
    outputs = result if isinstance(result, list | tuple) else [result]
    return engine.graph(list(outputs), {"parser": "torch"})


def _constants(script: Script, engine: Engine) -> list[Any]:
    found = unpickled(script.archive, CONSTANTS, "constants") if CONSTANTS in script.archive else ()
    try:
        if isinstance(found, list | tuple):
            return [engine.wrapped(item) for item in found]
    except RecursionError as error:  # a list can hold itself
        raise ParseError(script.label, f"its part {CONSTANTS!r} is nested too deeply; save it again.") from error
    raise ParseError(script.label, f"its part {CONSTANTS!r} holds no constants; save it again.")


ADVICE = "replace this part of the model, or save only the network up to its scores."


def _entry(script: Script, source: ScriptSource) -> str:
    forward = source.method(script.root.kind, "forward")
    names = [argument.arg for argument in forward.args.args] if forward is not None else []
    return names[1] if len(names) > 1 else "input"


def _refuse_stored_by_code(script: Script, source: ScriptSource) -> None:
    """Classes that restore themselves (``__setstate__``), as quantized layers do, would run code when loaded."""
    for kind in {owner.kind for owner in _objects(script.root)}:
        definition = source.definition(kind)
        if isinstance(definition, ast.ClassDef) and source.method(kind, "__setstate__") is not None:
            problem = f"the class {printable(kind)} restores itself by code (__setstate__), which is not run;"
            raise ParseError(script.label, problem, remedy="save a model of plain layers, not a quantized one.")


def _objects(root: ScriptObject) -> list[ScriptObject]:
    seen, waiting, found = {id(root)}, [root], []
    while waiting:
        owner = waiting.pop()
        found.append(owner)
        for child in owner.attributes.values():
            if isinstance(child, ScriptObject) and id(child) not in seen:
                seen.add(id(child))
                waiting.append(child)
    return found
