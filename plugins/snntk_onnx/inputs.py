"""Where data enters: the inputs of a file, joined to one where it has several, and its constants."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

from snntk_core import ParseError
from snntk_core.joining import JoinedInputs
from snntk_core.shapes import Shape
from snntk_onnx.reading import OnnxModel, printable
from snntk_onnx.tensors import FLOATS, INTEGERS, Unsupported, to_array, type_name
from snntk_onnx.translation import ELEMENTS, Poison, Tensor, Translation, Value

CHANNELS = 0  # the axis of a sample along which inputs are joined: ONNX is channels first

Problems = list[tuple[str, str]]


def needed_nodes(model: OnnxModel, graph: Any) -> list[Any]:
    """Return the nodes that outputs depend on, each behind those it reads.

    Raises `ParseError` for a value that is computed twice or depends on itself.
    """
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


def read_inputs(graph: Any, nodes: Iterable[Any]) -> list[Any]:
    """Return the inputs of a file that ``nodes`` read, without those that have a constant for a default."""
    read = {name for node in nodes for name in node.input}
    constants = {tensor.name for tensor in graph.initializer}
    return [item for item in graph.input if item.name in read and item.name not in constants]


def joined_inputs(inputs: Iterable[Any]) -> JoinedInputs:
    """Return the inputs of a file as one.  Raises `Unsupported` where one has no fixed shape or holds no numbers."""
    described = [(printable(item.name) or "input", sample_shape(item)) for item in inputs]
    return JoinedInputs(tuple(name for name, _ in described), tuple(shape for _, shape in described), CHANNELS)


def sources(translation: Translation, graph: Any, nodes: Iterable[Any]) -> tuple[dict[str, Value], Problems, str]:
    """Return the constants and the inputs that ``nodes`` read by name, what is wrong with them, and how they join."""
    nodes = list(nodes)
    values: dict[str, Value] = {}
    problems: Problems = []
    read = {name for node in nodes for name in node.input}
    for tensor in (tensor for tensor in graph.initializer if tensor.name in read):
        try:
            values[tensor.name] = to_array(tensor)
        except (Unsupported, ValueError, TypeError) as error:
            problems.append((f"tensor {printable(tensor.name)!r}", printable(str(error))))
            values[tensor.name] = Poison(computed=False)
    for sparse in graph.sparse_initializer:
        problems.append((f"tensor {printable(sparse.values.name)!r}", "it is sparse"))
    inputs = read_inputs(graph, nodes)
    if not inputs:
        problems.append(("the inputs", "a network has one, this one has none"))
    found = _input_problems(inputs)
    if found or not inputs:
        values.update({item.name: Poison(computed=True) for item in inputs})
        return values, problems + found, ""
    joined = joined_inputs(inputs)
    added, names = joined.nodes()
    for node in added:
        translation.origin = node.origin
        translation.append(node)
    translation.layers.update(dict.fromkeys(joined.names, "input"))
    values.update({item.name: Tensor(name, translation.shapes[name]) for item, name in zip(inputs, names, strict=True)})
    translation.batch = _batch(inputs)
    return values, problems, joined.sentence


def _input_problems(inputs: Iterable[Any]) -> Problems:
    problems, elements = [], 0
    for item in inputs:
        try:
            elements += prod(sample_shape(item))
            if elements > ELEMENTS:
                raise Unsupported("the samples are too large")
        except Unsupported as error:
            problems.append((f"the input {printable(item.name)!r}", str(error)))
    return problems


def _batch(inputs: Iterable[Any]) -> int | None:
    """The fixed batch size that the file declares."""
    declared = (item.type.tensor_type.shape.dim[0].dim_value for item in inputs)
    return next((int(number) for number in declared if number > 0), None)


def sample_shape(item: Any) -> Shape:
    """Return the shape of a sample of an input.  Raises `Unsupported` where there is none, or no numbers."""
    kind = item.type.tensor_type
    if not item.type.HasField("tensor_type") or not kind.HasField("shape") or not kind.shape.dim:
        raise Unsupported("it has no shape; export the model with one")
    if type_name(kind.elem_type) not in FLOATS | INTEGERS:
        raise Unsupported(f"it holds {type_name(kind.elem_type)} values; numbers are needed")
    rest = list(kind.shape.dim)[1:]
    if any(axis.dim_value < 1 for axis in rest):
        spelled = [axis.dim_value or printable(axis.dim_param) or "?" for axis in rest]
        raise Unsupported(f"samples have the shape {spelled}; export the model with fixed lengths")
    return tuple(int(axis.dim_value) for axis in rest)
