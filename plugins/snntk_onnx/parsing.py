"""From a model to a graph: node by node in an order that works, with every problem found before any is reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from snntk_core import Graph, ParseError
from snntk_core.errors import SnntkError
from snntk_core.layout import channels_last
from snntk_core.node import Node
from snntk_core.ops import Input
from snntk_onnx.constants import FOLDS
from snntk_onnx.operators import OPERATORS
from snntk_onnx.reading import OnnxModel, printable
from snntk_onnx.tensors import FLOATS, INTEGERS, Unsupported, to_array, type_name
from snntk_onnx.translation import BATCH, Call, Poison, Tensor, Translation, Value

OLDEST = 6
FOLDED_BYTES = 4 << 30  # of all folded constants together
REMEDY = "replace these parts of the model, or export only the network up to its scores."


def parse(model: OnnxModel) -> Graph:
    """Return the model as a verified channels-last graph.  Raises `ParseError` naming everything in the way."""
    proto = _inlined(model)
    nodes = _needed(model, proto.graph)
    translation = Translation(_opset(model, proto, nodes), None)
    values, problems = _sources(translation, proto.graph, nodes)
    _translate(translation, nodes, values, proto.graph, problems)
    outputs = _outputs(proto.graph, values, problems)
    if problems:
        raise ParseError(model.label, "cannot convert " + _sentence(problems) + ";", remedy=REMEDY)
    try:
        graph = Graph(tuple(translation.nodes), outputs, {"parser": "onnx", "opset": str(translation.opset)})
        return channels_last(graph.without_unused().verify())
    except SnntkError as error:
        reason = printable(str(error).rstrip("."))
        raise ParseError(model.label, f"the network is not consistent ({reason}); export it again.") from error


def _sentence(problems: Iterable[tuple[str, str]]) -> str:
    """Name every node, those with the same reason together."""
    reasons: dict[str, list[str]] = {}
    for place, reason in problems:
        reasons.setdefault(reason, []).append(place)
    return ", ".join(f"{', '.join(places)} ({reason})" for reason, places in reasons.items())


def _inlined(model: OnnxModel) -> Any:
    """The model with its own functions written out."""
    if not model.proto.functions:
        return model.proto
    from onnx import inliner

    try:
        return inliner.inline_local_functions(model.proto)
    except Exception as error:  # the C++ library raises its own kinds
        raise ParseError(model.label, "its functions cannot be written out; export it without functions.") from error


def _opset(model: OnnxModel, proto: Any, nodes: Iterable[Any]) -> int:
    from onnx import defs

    newest = int(defs.onnx_opset_version())
    versions = [item.version for item in proto.opset_import if item.domain in ("", "ai.onnx")]
    if not versions and all(node.domain not in ("", "ai.onnx") for node in nodes):
        return newest
    version = int(versions[0]) if versions else 1
    if not OLDEST <= version <= newest:
        problem = f"it uses version {version} of the operators, but {OLDEST} to {newest} are supported;"
        remedy = "convert it with onnx.version_converter, or install a newer onnx."
        raise ParseError(model.label, problem, remedy=remedy)
    return version


def _needed(model: OnnxModel, graph: Any) -> list[Any]:
    """The nodes that outputs depend on, each behind those it reads."""
    makers: dict[str, int] = {}
    for index, node in enumerate(graph.node):
        for name in filter(None, node.output):
            if makers.setdefault(name, index) != index:
                problem = f"the value {printable(name)!r} is computed twice; export the model again."
                raise ParseError(model.label, problem)
    order: list[int] = []
    state: dict[int, bool] = {}  # False: being visited, True: done
    stack = [(makers[item.name], False) for item in reversed(graph.output) if item.name in makers]
    while stack:
        index, done = stack.pop()
        if done:
            state[index] = True
            order.append(index)
        elif index not in state:
            state[index] = False
            stack.append((index, True))
            for name in reversed(graph.node[index].input):
                before = makers.get(name)
                if before is not None and state.get(before) is False:
                    problem = f"the value {printable(name)!r} depends on itself; export the model again."
                    raise ParseError(model.label, problem)
                if before is not None and before not in state:
                    stack.append((before, False))
    return [graph.node[index] for index in order]


def _sources(
    translation: Translation, graph: Any, nodes: Iterable[Any]
) -> tuple[dict[str, Value], list[tuple[str, str]]]:
    """Constants and the input, for those that ``nodes`` read."""
    values: dict[str, Value] = {}
    problems: list[tuple[str, str]] = []
    read = {name for node in nodes for name in node.input}
    for tensor in (tensor for tensor in graph.initializer if tensor.name in read):
        try:
            values[tensor.name] = to_array(tensor)
        except (Unsupported, ValueError, TypeError) as error:
            problems.append((f"tensor {printable(tensor.name)!r}", printable(str(error))))
            values[tensor.name] = Poison(computed=False)
    for sparse in graph.sparse_initializer:
        problems.append((f"tensor {printable(sparse.values.name)!r}", "it is sparse"))
    inputs = [item for item in graph.input if item.name in read and item.name not in values]
    for item in inputs:
        try:
            values[item.name] = _input(translation, item)
        except Unsupported as error:
            problems.append((f"the input {printable(item.name)!r}", str(error)))
            values[item.name] = Poison(computed=True)
    if len(inputs) != 1:
        names = " and ".join(repr(printable(item.name)) for item in inputs) or "none"
        problems.append(("the inputs", f"a network has one, this one has {names}"))
    return values, problems


def _input(translation: Translation, item: Any) -> Tensor:
    kind = item.type.tensor_type
    if not item.type.HasField("tensor_type") or not kind.HasField("shape") or not kind.shape.dim:
        raise Unsupported("it has no shape; export the model with one")
    if type_name(kind.elem_type) not in FLOATS | INTEGERS:
        raise Unsupported(f"it holds {type_name(kind.elem_type)} values; numbers are needed")
    first, *rest = kind.shape.dim
    if any(axis.dim_value < 1 for axis in rest):
        spelled = [axis.dim_value or printable(axis.dim_param) or "?" for axis in rest]
        raise Unsupported(f"samples have the shape {spelled}; export the model with fixed lengths")
    translation.batch = int(first.dim_value) if first.dim_value > 0 else None
    shape = tuple(int(axis.dim_value) for axis in rest)
    return translation.append(Node(translation.free_name(printable(item.name) or "input"), Input(shape)))


def _translate(
    translation: Translation,
    nodes: Iterable[Any],
    values: dict[str, Value],
    graph: Any,
    problems: list[tuple[str, str]],
) -> None:
    """Translate every node; add to ``values`` and ``problems``."""
    nodes = list(nodes)
    uses = Counter(name for node in nodes for name in node.input) + Counter(item.name for item in graph.output)
    folded = 0
    for node in nodes:
        outputs = tuple(name if uses[name] else "" for name in node.output)
        stem = printable(node.name) or printable(next(filter(None, node.output), "")) or printable(node.op_type)
        inputs = tuple(values.get(name, Poison(computed=False)) if name else None for name in node.input)
        undefined = [name for name in node.input if name and name not in values]
        if undefined:
            problems.append((repr(stem), f"{node.op_type} reads {printable(undefined[0])!r}, which nothing defines"))
        results: tuple[Value, ...]
        try:
            results = _results(translation, node, stem, inputs, outputs)
            folded += sum(value.nbytes for value in results if isinstance(value, np.ndarray))
            if folded > FOLDED_BYTES:
                raise Unsupported("its constants grow beyond 4 GiB")
        except Unsupported as error:
            reason = str(error).replace(str(BATCH), "batch")
            problems.append((repr(stem), f"{printable(node.op_type)}: {reason}"))
            results = ()
        results += (Poison(_computed(inputs)),) * (len(outputs) - len(results))
        for name, value in zip(node.output, results, strict=False):
            values[name] = value
            if isinstance(value, Tensor):
                translation.users[value.node] = translation.users.get(value.node, 0) + uses[name]


def _results(
    translation: Translation, node: Any, stem: str, inputs: tuple[Value, ...], outputs: tuple[str, ...]
) -> tuple[Value, ...]:
    known = node.domain in ("", "ai.onnx") and (node.op_type in OPERATORS or node.op_type in FOLDS)
    if not known:
        raise Unsupported("this operator has no counterpart")
    builder = (OPERATORS if _computed(inputs) else FOLDS).get(node.op_type)
    if builder is None:
        raise Unsupported(f"this operator is known on {'constants' if _computed(inputs) else 'computed values'} only")
    if any(isinstance(value, Poison) for value in inputs):
        return ()
    try:
        with np.errstate(all="ignore"):  # what is not finite is refused by name in the end
            result = builder(Call(translation, stem, _attributes(node), inputs, outputs))
    except (Unsupported, RecursionError):
        raise
    except Exception as error:  # attributes and arrays of a hostile file can break any assumption
        reason = printable(str(error).rstrip("."))
        raise Unsupported(f"its attributes, weights and input do not fit ({reason})") from error
    return result if isinstance(result, tuple) else (result,)


def _computed(inputs: Iterable[Value]) -> bool:
    """Whether any input depends on the network's input."""
    return any(isinstance(value, Tensor) or (isinstance(value, Poison) and value.computed) for value in inputs)


def _attributes(node: Any) -> Mapping[str, Any]:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _outputs(graph: Any, values: Mapping[str, Value], problems: list[tuple[str, str]]) -> tuple[str, ...]:
    found = []
    for item in graph.output:
        value = values.get(item.name)
        if isinstance(value, Tensor):
            found.append(value.node)
        elif not isinstance(value, Poison):
            problems.append((f"the output {printable(item.name)!r}", "it does not depend on the input"))
    if not graph.output:
        problems.append(("the outputs", "there are none"))
    return tuple(found)
