"""The library's own answer: onnxruntime, for any batch size whatever size the file declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from snntk_core import ParseError
from snntk_core.errors import PredictionUnavailable
from snntk_core.ops import Array
from snntk_onnx.inputs import joined_inputs, needed_nodes, read_inputs
from snntk_onnx.number_formats import QONNX
from snntk_onnx.reading import OnnxModel, printable
from snntk_onnx.tensors import Unsupported

Feeds = Mapping[str, Array]
"""The batch of each input by name."""

PART = 256  # samples of one run
OLDEST = 7  # version of the operators that onnxruntime runs
FIXED = 4096  # the largest declared batch that is filled up rather than refused


def predict(model: OnnxModel, batch: Array) -> Array:
    """Return the first output for every sample.

    A file with a fixed batch size is run as a copy without it, checked on a sample against the file as it is; where
    that fails, the file itself is run with its own batch size.  Raises `ParseError` if onnxruntime refuses the model.
    """
    if found := {node.op_type for node in model.proto.graph.node if node.domain in QONNX}:
        problem = f"onnxruntime does not know {' and '.join(map(printable, sorted(found)))}"
        raise PredictionUnavailable("onnx", f"{problem}, so {model.label} cannot be compared.")
    session = _session(model, model.proto)
    feeds = _feeds(model, session, batch)
    fixed = _fixed_batch(session)
    if fixed is None:
        return _run_in_parts(model, session, feeds, PART)
    if fixed == len(batch):
        return _run(model, session, feeds)
    if (found := _run_without_fixed_batch(model, session, feeds, fixed)) is not None:
        return found
    if fixed > FIXED:
        problem = f"its batch size is fixed to {fixed}; export it with a free batch size."
        raise ParseError(model.label, problem)
    return _run_in_parts(model, session, feeds, fixed)


def _feeds(model: OnnxModel, session: Any, batch: Array) -> Feeds:
    """The batch as each input of the file takes it; zeros for those that nothing reads."""
    entries = {entry.name: entry for entry in session.get_inputs()}
    if len(entries) == 1:
        parts = dict.fromkeys(entries, batch)
    else:
        graph = model.proto.graph
        items = read_inputs(graph, needed_nodes(model, graph))
        try:
            split = joined_inputs(items).split(np.asarray(batch))
        except Unsupported as error:
            raise ParseError(model.label, f"its inputs cannot be told apart: {error}.") from error
        parts = dict(zip((item.name for item in items), split, strict=True))
    for name, entry in entries.items():
        if name not in parts:
            parts[name] = np.zeros((len(batch), *(n if isinstance(n, int) else 1 for n in entry.shape[1:])))
    return {name: np.asarray(parts[name], _element_type(entry.type)) for name, entry in entries.items()}


def _fixed_batch(session: Any) -> int | None:
    declared = (entry.shape[0] for entry in session.get_inputs() if entry.shape)
    return next((length for length in declared if isinstance(length, int)), None)


def _session(model: OnnxModel, proto: Any) -> Any:
    import onnxruntime

    if any(item.domain in ("", "ai.onnx") and item.version < OLDEST for item in proto.opset_import):
        proto = _modern(proto)

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # warnings about a user's file are not ours to print
    options.add_session_config_entry("session.disable_quant_qdq", "1")  # which would round the activations too
    try:
        return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime and protobuf raise their own kinds
        raise ParseError(model.label, f"onnxruntime cannot run it ({_first_line(error)}); export it again.") from error


def _modern(proto: Any) -> Any:
    """The model in a version of the operators that onnxruntime runs, or the model itself if it cannot be converted."""
    from onnx import version_converter

    if any(node.op_type == "PRelu" for node in proto.graph.node):
        return proto  # the converter forgets that one slope for each channel broadcast differently before
    copy = _copy(proto)
    free = [axis for axis in _batch_axes(copy) if axis.dim_value < 1]
    for axis in free:
        axis.dim_value = 1  # the converter wants a number
    try:
        modern = version_converter.convert_version(copy, OLDEST)
    except Exception:  # the C++ library raises its own kinds; onnxruntime will say what it cannot run
        return proto
    return _free_batch(modern, 1) if free else modern


def _copy(proto: Any) -> Any:
    copy = type(proto)()
    copy.CopyFrom(proto)
    return copy


def _batch_axes(proto: Any) -> list[Any]:
    """The batch axes of the inputs, constants left out."""
    constants = {tensor.name for tensor in proto.graph.initializer}
    return [item.type.tensor_type.shape.dim[0] for item in proto.graph.input if item.name not in constants]


def _first_line(error: Exception) -> str:
    return printable((str(error).splitlines() or [type(error).__name__])[0])


def _element_type(kind: str) -> type:
    name = kind.removeprefix("tensor(").removesuffix(")")
    kinds = {"double": np.float64, "float16": np.float16, "uint8": np.uint8, "int8": np.int8}
    return (kinds | {"int32": np.int32, "int64": np.int64}).get(name, np.float32)


def _run(model: OnnxModel, session: Any, feeds: Feeds) -> Array:
    try:
        output = session.run([session.get_outputs()[0].name], dict(feeds))[0]
    except Exception as error:  # onnxruntime raises its own kinds
        problem = f"onnxruntime failed ({_first_line(error)}); check the shape of the data."
        raise ParseError(model.label, problem) from error
    return np.asarray(output)


def _run_in_parts(model: OnnxModel, session: Any, feeds: Feeds, step: int) -> Array:
    parts, total = [], max(map(len, feeds.values()))
    for start in range(0, total, step):
        count = min(step, total - start)
        missing = step - count if _fixed_batch(session) == step else 0
        part = {name: _filled(array[start : start + step], missing) for name, array in feeds.items()}
        parts.append(_run(model, session, part)[:count])
    return np.concatenate(parts)


def _filled(part: Array, missing: int) -> Array:
    return np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]) if missing else part


def _run_without_fixed_batch(model: OnnxModel, session: Any, feeds: Feeds, fixed: int) -> Array | None:
    """Run a copy with a free batch size; None where that fails or differs from the model on its last sample."""
    count = max(map(len, feeds.values()))
    try:
        found = _run_in_parts(model, _session(model, _free_batch(model.proto, fixed)), feeds, PART)
        if fixed > FIXED:
            return found if len(found) == count else None
        own = _run_in_parts(model, session, {name: array[-1:] for name, array in feeds.items()}, fixed)
        same = len(found) == count and np.allclose(found[-1:], own, rtol=1e-3, atol=1e-5)
    except (ParseError, ValueError):
        return None
    return found if same else None


def _free_batch(proto: Any, fixed: int) -> Any:
    """A copy of the model with a free batch size, also where a Reshape repeats the fixed one."""
    from onnx import numpy_helper

    copy = _copy(proto)
    del copy.graph.value_info[:]
    for axis in _batch_axes(copy):
        axis.dim_param = "batch"
    for item in copy.graph.output:
        item.type.tensor_type.ClearField("shape")
    targets = {node.input[1] for node in copy.graph.node if node.op_type == "Reshape" and len(node.input) > 1}
    tensors = [tensor for tensor in copy.graph.initializer if tensor.name in targets]
    for node in copy.graph.node:
        if node.op_type == "Constant" and node.output[0] in targets:
            tensors += [attribute.t for attribute in node.attribute if attribute.name == "value"]
    constants = {tensor.name for tensor in copy.graph.initializer}
    kept = {node.input[1] for node in copy.graph.node if node.op_type == "Reshape" and node.input[0] in constants}
    for tensor in tensors:
        shape = numpy_helper.to_array(tensor).copy()
        if shape.size and shape[0] == fixed and tensor.name not in kept:
            shape[0] = 0 if -1 in shape[1:] else -1
            tensor.CopyFrom(numpy_helper.from_array(shape, tensor.name))
    return copy
