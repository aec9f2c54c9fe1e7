"""From a model to a graph: node by node in an order that works, with every problem found before any is reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from snntk_core import Graph, ParseError
from snntk_core.errors import SnntkError
from snntk_core.layout import channels_last
from snntk_onnx.constants import FOLDS
from snntk_onnx.inputs import needed_nodes, sources
from snntk_onnx.layers import layers_in, layers_of
from snntk_onnx.number_formats import QONNX, format_of
from snntk_onnx.operators import ON_CODES, OPERATORS, Builder
from snntk_onnx.reading import OnnxModel, printable, text
from snntk_onnx.tensors import Unsupported
from snntk_onnx.translation import BATCH, Call, Codes, Poison, Tensor, Translation, Value

OLDEST = 6
FOLDED_BYTES = 4 << 30  # of all folded constants together
STANDARD = ("", "ai.onnx")
QUANTIZERS = ("Quant", "IntQuant", "BipolarQuant")
INTEGER = ("QGemm", "ConvInteger", "MatMulInteger", "DynamicQuantizeLinear")  # and all of QLinear...
REMEDY = "replace these parts of the model, or export only the network up to its scores."


def parse(model: OnnxModel) -> Graph:
    """Return the model as a verified channels-last graph.  Raises `ParseError` naming everything in the way."""
    proto = _inlined(model)
    nodes = needed_nodes(model, proto.graph)
    translation = Translation(_opset(model, proto, nodes), None)
    values, problems, joined = sources(translation, proto.graph, nodes)
    _translate(translation, nodes, values, proto.graph, problems)
    outputs = _outputs(proto.graph, values, problems)
    if problems:
        raise ParseError(model.label, "cannot convert " + _sentence(problems) + ";", remedy=REMEDY)
    try:
        meta = {"parser": "onnx", "opset": str(translation.opset)} | ({"inputs": joined} if joined else {})
        if translation.notes:
            meta["number formats"] = f"values are kept, formats are not, of {_sentence(translation.notes)}"
        graph = Graph(tuple(translation.nodes), outputs, meta, layers_in(model.proto) or translation.layers)
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
    versions = [item.version for item in proto.opset_import if item.domain in STANDARD]
    if not versions and all(node.domain not in STANDARD for node in nodes):
        return newest
    version = int(versions[0]) if versions else 1
    if not OLDEST <= version <= newest:
        problem = f"it uses version {version} of the operators, but {OLDEST} to {newest} are supported;"
        remedy = "convert it with onnx.version_converter, or install a newer onnx."
        raise ParseError(model.label, problem, remedy=remedy)
    return version


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
        translation.origin = layers_of(node, stem)
        results: tuple[Value, ...]
        try:
            results = _results(translation, node, stem, inputs, outputs)
            if any(isinstance(value, Tensor) for value in results):
                translation.layers.setdefault(stem, printable(node.op_type))
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
    builder = _builder(node, inputs)
    if any(isinstance(value, Poison) for value in inputs):
        return ()
    formats = tuple(translation.formats.get(name) for name in node.input)
    call = Call(translation, stem, _attributes(node), inputs, outputs, formats)
    try:
        with np.errstate(all="ignore"):  # what is not finite is refused by name in the end
            result = builder(call)
            if isinstance(result, np.ndarray) and (found := format_of(node.op_type, call, result)) is not None:
                translation.formats[node.output[0]] = found
    except (Unsupported, RecursionError):
        raise
    except Exception as error:  # attributes and arrays of a hostile file can break any assumption
        reason = printable(str(error).rstrip("."))
        raise Unsupported(f"its attributes, weights and input do not fit ({reason})") from error
    return result if isinstance(result, tuple) else (result,)


def _builder(node: Any, inputs: tuple[Value, ...]) -> Builder:
    """What translates or folds a node.  Raises `Unsupported` where nothing does."""
    kind, computed = text(node.op_type), _computed(inputs)
    if kind in INTEGER or kind.startswith("QLinear"):
        raise Unsupported("it computes with integers; quantize with QuantizeLinear and DequantizeLinear (QDQ) instead")
    if node.domain not in (QONNX if kind in QUANTIZERS else STANDARD) or not (kind in OPERATORS or kind in FOLDS):
        raise Unsupported("this operator has no counterpart")
    if any(isinstance(value, Codes) for value in inputs):
        if kind not in ON_CODES:
            raise Unsupported("it reads integer codes; put DequantizeLinear right behind QuantizeLinear")
        return ON_CODES[kind]
    builder = (OPERATORS if computed else FOLDS).get(kind)
    if builder is None and kind in ON_CODES and computed:
        builder = ON_CODES[kind]
    if builder is None:
        raise Unsupported(f"this operator is known on {'constants' if computed else 'computed values'} only")
    return builder


def _computed(inputs: Iterable[Value]) -> bool:
    """Whether any input depends on the network's input."""
    return any(isinstance(value, Tensor | Codes) or (isinstance(value, Poison) and value.computed) for value in inputs)


def _attributes(node: Any) -> Mapping[str, Any]:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _outputs(graph: Any, values: Mapping[str, Value], problems: list[tuple[str, str]]) -> tuple[str, ...]:
    found = []
    for item in graph.output:
        value = values.get(item.name)
        if isinstance(value, Tensor):
            found.append(value.node)
        elif isinstance(value, Codes):
            problems.append(
                (f"the output {printable(item.name)!r}", "it holds integer codes; end with DequantizeLinear")
            )
        elif not isinstance(value, Poison):
            problems.append((f"the output {printable(item.name)!r}", "it does not depend on the input"))
    if not graph.output:
        problems.append(("the outputs", "there are none"))
    return tuple(found)
