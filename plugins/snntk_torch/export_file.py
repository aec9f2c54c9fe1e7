"""Programs saved by `torch.export.save`, read as JSON and raw bytes.

The library's own loader evaluates text of the file as Python expressions (its symbolic shapes), so it is not used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from snntk_core import ParseError
from snntk_core.ops import Array
from snntk_core.shapes import Shape
from snntk_torch.archive import Archive
from snntk_torch.live import HELPER, NO_INPUT
from snntk_torch.program import Operation, Program, Reference
from snntk_torch.refusal import Unsupported, printable
from snntk_torch.storage import BFLOAT16, viewed

MODEL = "models/model.json"
CONFIGS = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")
OLD = "serialized_exported_program.json"
MAJOR = 8

TYPES = {1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64"}
TYPES |= {12: "bool", 13: BFLOAT16}
PLAIN = ("as_int", "as_ints", "as_float", "as_floats", "as_bool", "as_bools", "as_string", "as_strings")
SYMBOLIC = ("as_sym_int", "as_sym_float", "as_sym_bool")
OTHERS = ("as_memory_format", "as_layout", "as_device")


def is_program(archive: Archive) -> bool:
    """Whether an archive is one of `torch.export.save`, of this format or the one before."""
    return MODEL in archive or OLD in archive or "archive_format" in archive


def read_program(archive: Archive) -> Program:
    """Return the program in an archive.  Raises `ParseError` where anything is missing, damaged or of another kind."""
    if MODEL not in archive:
        problem = "it is an exported program of another format than torch 2.8 and later write;"
        raise ParseError(archive.label, problem, remedy="load and save it again with a newer torch.")
    try:
        model = json.loads(archive.read(MODEL))
        if model["schema_version"]["major"] != MAJOR:
            found = printable(model["schema_version"]["major"])
            problem = f"its format has the version {found}, but {MAJOR} is supported; save it with torch 2.8 to 2.13."
            raise ParseError(archive.label, problem)
        return _program(archive, model["graph_module"])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
        problem = f"its description is damaged ({printable(repr(error))}); save it again."
        raise ParseError(archive.label, problem) from error


def _program(archive: Archive, module: Any) -> Program:
    graph, signature = module["graph"], module["signature"]
    stored = _stored(archive)
    entries, constants = [], {}
    for spec in signature["input_specs"]:
        ((kind, content),) = spec.items()
        if kind == "user_input":
            entries.append(content["arg"]["as_tensor"]["name"])
        elif kind in ("parameter", "buffer", "tensor_constant"):
            key = {"parameter": "parameter_name", "buffer": "buffer_name"}.get(kind, "tensor_constant_name")
            if content[key] in stored:
                constants[content["arg"]["name"]] = _array(archive, content[key], *stored[content[key]])
    if not entries:
        raise ParseError(archive.label, NO_INPUT)
    lengths = {str(name): _lengths(archive, graph["tensor_values"][name]) for name in entries}
    batch, shapes = lengths[str(entries[0])][0], {name: shape for name, (_, shape) in lengths.items()}
    outputs = [spec["user_output"]["arg"] for spec in signature["output_specs"] if "user_output" in spec]
    operations = tuple(_operation(archive, node) for node in graph["nodes"])
    named = tuple(str(output["as_tensor"]["name"]) for output in outputs)
    return Program(archive.label, shapes, batch, constants, operations, named)


def _stored(archive: Archive) -> Mapping[str, tuple[str, Any]]:
    """Where each tensor lies: its member and its description."""
    found = {}
    for config in CONFIGS:
        folder = config.rpartition("/")[0]
        for name, entry in json.loads(archive.read(config))["config"].items() if config in archive else ():
            found[name] = (f"{folder}/{entry['path_name']}", entry)
    return found


def _array(archive: Archive, name: str, member: str, entry: Any) -> Array:
    meta, where = entry["tensor_meta"], f"tensor {printable(name)!r}"
    kind = TYPES.get(meta["dtype"])
    if entry.get("use_pickle") or kind is None or meta.get("layout", 7) != 7:
        problem = "it is stored in a form that is not supported; save the program with plain tensors."
        raise ParseError(archive.label, problem, where=where)
    sizes, strides = ([item["as_int"] for item in meta[key]] for key in ("sizes", "strides"))
    try:
        return viewed(archive.storage(member), kind, meta["storage_offset"]["as_int"], sizes, strides)
    except Unsupported as error:
        raise ParseError(archive.label, f"{error}; save the program again.", where=where) from error


def _lengths(archive: Archive, meta: Any) -> tuple[int | None, Shape]:
    first, *rest = meta["sizes"]
    lengths = [item.get("as_int") for item in rest]
    if not rest or not all(type(length) is int and length > 0 for length in lengths):
        problem = "its samples have no fixed shape; export it with fixed lengths but for the batch."
        raise ParseError(archive.label, problem)
    batch = first.get("as_int")
    if batch is not None and (type(batch) is not int or batch < 1):
        raise ParseError(archive.label, f"its batch size is {printable(batch)}; export it again.")
    return batch, tuple(lengths)


def _operation(archive: Archive, node: Any) -> Operation:
    arguments, keywords = [], {}
    for item in node["inputs"]:
        value = _argument(archive, item["arg"])
        if item.get("kind", 1) == 1:
            arguments.append(value)
        else:
            keywords[str(item["name"])] = value
    target = str(node["target"]).removeprefix("torch.ops.")
    return Operation(target, tuple(arguments), keywords, tuple(_results(node)), _module(node))


def _argument(archive: Archive, argument: Any) -> Any:
    ((kind, value),) = argument.items()
    if kind in PLAIN:
        return value
    if kind in ("as_tensor", *SYMBOLIC):
        return _symbolic(value)
    if kind in ("as_tensors", "as_optional_tensors", "as_sym_ints", "as_sym_floats", "as_sym_bools"):
        return [_symbolic(item) for item in value]
    if kind == "as_none" or kind in OTHERS:
        return None
    if kind == "as_scalar_type":
        return f"torch.{TYPES.get(value, 'other')}"
    raise ParseError(archive.label, f"it has an argument of the kind {printable(kind)!r}; export plain layers only.")


def _symbolic(item: Any) -> Any:
    if "name" in item:
        return Reference(str(item["name"]))
    ((kind, value),) = item.items()
    if kind == "as_name":
        return Reference(str(value))
    return _symbolic(value) if kind == "as_tensor" else None if kind == "as_none" else value


def _results(node: Any) -> Iterator[Any]:
    for output in node["outputs"]:
        ((kind, value),) = output.items()
        if kind == "as_tensors":
            yield tuple(str(item["name"]) for item in value)
        elif kind == "as_tensor":
            yield str(value["name"])
        elif kind in SYMBOLIC:
            yield str(value["as_name"])


def _module(node: Any) -> tuple[str, str]:
    """The path and class of the innermost module that is recorded."""
    entries = [entry.split(",") for entry in str(node.get("metadata", {}).get("nn_module_stack", "")).split(";")]
    found = [(parts[1], parts[2]) for parts in entries if len(parts) == 3 and parts[0] != HELPER]
    return found[-1] if found else ("", "")
