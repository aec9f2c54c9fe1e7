"""The formats of a network as plain data: what every layer got, to be kept as TOML or JSON and applied again.

Formats are all that is kept.  Applied again, they round weights to the nearest code: codes that were adapted or trained
are not in the table, nor are biases that were corrected.  Checksums tell where that makes a difference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np

from snntk_core.errors import FormatError, SnntkError, did_you_mean
from snntk_core.graph import Graph
from snntk_core.node import Node
from snntk_core.number_format import NumberFormat
from snntk_core.ops import FakeQuantize, QuantizedRelu, Rounding, WeightedOp
from snntk_core.ops.fields import checked
from snntk_core.quantized_output import with_output_format

VERSION = 1
NOTE = (
    "Formats only. Loading rounds each weight to the nearest code. Rounding that was adapted or trained and corrected "
    "biases are not part of this file: keep such a network by saving it (-o FILE.snntk, or snntk.save)."
)
TABLE = {
    "version": int, "note": str, "transforms": tuple[str, ...], "checksums": Mapping[str, str],
    "layers": Mapping[str, Mapping[str, Mapping[str, Any]]],
}  # fmt: skip
ENTRY = {
    "bits": int, "scale": float | tuple[float, ...], "axis": int, "signed": bool, "full_range": bool,
    "quantizer": str, "rounding": Rounding,
}  # fmt: skip
OPTIONAL = ("axis", "full_range", "quantizer", "rounding")
ROLES = ("weight", "bias", "output")


def format_table(graph: Graph, transforms: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the formats of a network: ``layers`` by name, each with ``weight``, ``bias`` and ``output``.

    ``transforms``: the rewrites that came before, by name; they are made again before the formats are applied.
    ``checksums``: of the weight and bias of each of these layers.
    """
    layers: dict[str, dict[str, Any]] = {}
    for node in graph:
        for role, found in node.formats.items():
            name = node.inputs[0] if isinstance(node.op, FakeQuantize) else node.name
            entry = _entry(found)
            if role == "output" and isinstance(node.op, QuantizedRelu):
                entry["rounding"] = node.op.rounding
            layers.setdefault(name, {})[role] = entry
    checksums = {name: _checksum(graph[name]) for name in layers if isinstance(graph[name].op, WeightedOp)}
    kept = {"transforms": list(transforms), "checksums": checksums, "layers": layers}
    return {"version": VERSION, "note": NOTE, **kept}


def _checksum(node: Node) -> str:
    """Return a checksum of the arrays of a node."""
    found = sha256()
    for name, array in sorted(node.op.arrays.items()):
        found.update(name.encode() + np.ascontiguousarray(array, "<f4").tobytes())
    return found.hexdigest()[:16]


def others(graph: Graph, table: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the layers whose weight or bias is another than when the table was written, the formats applied."""
    checksums = checked_table(table).get("checksums", {})
    return tuple(name for name, found in checksums.items() if name in graph and _checksum(graph[name]) != found)


def _entry(found: NumberFormat) -> dict[str, Any]:
    axis = {} if found.axis is None else {"axis": found.axis}
    kind = {"signed": found.signed, "full_range": found.full_range, "quantizer": found.quantizer}
    return {"bits": found.bits, "scale": found.scale.astype(np.float64).tolist(), **axis, **kind}


def checked_table(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table of formats; raises `FormatError` for what is none, and for one of a later version."""
    try:
        values = checked(table, TABLE, ("note", "transforms", "checksums"))
        for name, roles in values["layers"].items():
            strange = [role for role in roles if role not in ROLES]
            if strange:
                raise ValueError(f"{name} has formats for {', '.join(strange)}; known are {', '.join(ROLES)}.")
    except ValueError as error:
        raise FormatError(f"This is no table of formats: {error}") from error
    if values["version"] != VERSION:
        raise FormatError(f"The table of formats has version {values['version']}, this snntk reads {VERSION}.")
    return values


def with_formats(graph: Graph, table: Mapping[str, Any]) -> Graph:
    """Return the graph with its weights, biases and outputs rounded to the formats of a table.

    Raises `FormatError` with every layer and format that does not fit the network.
    """
    problems: list[str] = []
    for name, roles in checked_table(table)["layers"].items():
        if name not in graph:
            problems.append(f"there is no layer {name!r}.{did_you_mean(name, [node.name for node in graph])}")
            continue
        for role, entry in roles.items():
            try:
                graph = _applied(graph, graph[name], role, entry)
            except (SnntkError, ValueError) as error:
                problems.append(f"{name}, {role}: {error}")
    if problems:
        raise FormatError("The formats do not fit the network: " + " ".join(problems))
    return graph.verify()


def _applied(graph: Graph, node: Node, role: str, entry: Mapping[str, Any]) -> Graph:
    values = checked(entry, ENTRY, OPTIONAL)
    rounding = values.pop("rounding", "half-even")
    found = NumberFormat(**{**values, "scale": np.asarray(values["scale"], np.float32)})
    if role == "output":
        return with_output_format(graph, node.name, found, rounding)
    array = node.op.arrays.get(role)
    if array is None:
        raise FormatError(f"it is a {type(node.op).__name__} without a {role}.")
    if not found.fits(array.shape):
        raise FormatError(f"{found.scale.size} steps along axis {found.axis} do not fit the shape {array.shape}.")
    op = replace(node.op, **{role: found.round(array)})
    return graph.replace(node.name, op, formats={**node.formats, role: found})


def as_toml(table: Mapping[str, Any]) -> str:
    """Return a table of formats as TOML."""
    return "\n".join(_lines(table)) + "\n"


def _lines(table: Mapping[str, Any]) -> Iterator[str]:
    yield f"version = {table['version']}"
    yield f"note = {_value(table['note'])}"
    yield f"transforms = {_value(table['transforms'])}"
    yield ""
    yield "[checksums]"
    yield from (f"{_value(name)} = {_value(found)}" for name, found in table["checksums"].items())
    for name, roles in table["layers"].items():
        for role, entry in roles.items():
            yield ""
            yield f"[layers.{_value(name)}.{role}]"
            yield from (f"{key} = {_value(value)}" for key, value in entry.items())


def _value(value: Any) -> str:
    """Return a text, number, truth or list as TOML, which for these is JSON but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
