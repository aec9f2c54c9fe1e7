"""Show a model or a saved network node by node, as it is or after the steps of a recipe up to a stage."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from snntk.cli.blocks import Block, Column, Facts, Heading, Paragraph, Table, numbers
from snntk.cli.options import (
    add_json,
    add_model,
    add_plugin_files,
    add_recipe,
    inputs_of,
    parser_of,
    recipe_of,
    registry_of,
    source_of,
)
from snntk.cli.output import answer, check_target
from snntk.conversion import Conversion, as_graph
from snntk.parameters import save_parameters
from snntk_core.connectivity import multiply_accumulates
from snntk_core.data import load_samples
from snntk_core.graph import Graph
from snntk_core.ops import IntegrateFire
from snntk_core.pipeline import probe_batch
from snntk_core.provenance import nodes_by_layer
from snntk_core.registry import Registry
from snntk_core.shapes import size
from snntk_core.transform import Stage

NOTHING = "no node of its own"
EXAMPLE = "snntk inspect model.onnx --after simplify"
SAID = ("inputs", "number formats")  # what a parser may have to say about a model


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_model(parser)
    stages = [stage.name.lower() for stage in Stage]
    parser.add_argument("--after", metavar="STAGE", choices=stages, help=f"apply the steps up to: {', '.join(stages)}")
    parser.add_argument("--calibration", metavar="FILE", help="training samples for --after (default: random ones)")
    add_recipe(parser)
    add_plugin_files(parser)
    parser.add_argument("--parameters", metavar="FILE.h5", help="write the arrays of the nodes to an HDF5 file")
    add_json(parser)


def execute(args: argparse.Namespace) -> int:
    """Show the graph."""
    check_target(args.json, args.parameters, inputs=inputs_of(args))
    registry = registry_of(args)
    graph = as_graph(source_of(args), parser_of(args, registry), registry)
    if args.after:
        graph = _after(graph, args, registry)
    facts = _facts(graph)
    if args.parameters:
        save_parameters(graph, args.parameters)
    answer(facts, _blocks(facts, args), args.json)
    return 0


def _after(graph: Graph, args: argparse.Namespace, registry: Registry) -> Graph:
    samples = load_samples(args.calibration) if args.calibration else probe_batch(graph, None)
    conversion = Conversion.of(recipe_of(args, registry), samples, registry)
    return conversion.up_to(conversion.graph_of(graph), Stage[args.after.upper()])


def _facts(graph: Graph) -> dict[str, Any]:
    products = multiply_accumulates(graph)
    nodes = [
        {
            "name": node.name,
            "op": type(node.op).__name__,
            "inputs": list(node.inputs),
            "origin": list(node.origin),
            "shape": list(graph.shapes[node.name]),
            "parameters": sum(array.size for array in node.op.arrays.values()),
            "multiply_accumulates": products.get(node.name, 0),
            "bits": {key: number_format.bits for key, number_format in node.formats.items()},
        }
        for node in graph
    ]
    return {
        "spiking": graph.spiking,
        "input_shape": list(graph.input_shape),
        "outputs": list(graph.outputs),
        "parameters": sum(node["parameters"] for node in nodes),
        "multiply_accumulates": sum(products.values()),
        "neurons": sum(size(graph.shapes[node.name]) for node in graph if isinstance(node.op, IntegrateFire)),
        "meta": dict(graph.meta),
        "nodes": nodes,
        "layers": [
            {"name": layer, "kind": graph.layers.get(layer, ""), "nodes": list(found)}
            for layer, found in nodes_by_layer(graph).items()
        ],
    }


def _blocks(facts: dict[str, Any], args: argparse.Namespace) -> Iterator[Block]:
    title = " ".join(Path(path).name for path in args.model)
    yield Heading(f"{title} after {args.after}" if args.after else title)
    pairs = [
        ("kind", "spiking network" if facts["spiking"] else "analog network"),
        ("input", f"{_shape(facts['input_shape'])} per sample, in the model's own layout"),
        *((key, facts["meta"][key]) for key in SAID if key in facts["meta"]),
        ("parameters", f"{facts['parameters']:,}"),
        ("multiply-accumulates", f"{facts['multiply_accumulates']:,} per sample"),
    ]
    yield Facts(pairs + ([("neurons", f"{facts['neurons']:,}")] if facts["neurons"] else []))
    columns = [Column("node"), Column("op"), Column("reads", tone="quiet"), Column("shape")]
    rows = [_row(node, facts["outputs"]) for node in facts["nodes"]]
    yield Table("", [*columns, *numbers("parameters", "MACs")], rows)
    if facts["layers"]:
        yield Table(
            "What the layers of the source became",
            [Column("layer"), Column("kind", tone="quiet"), Column("nodes")],
            [(layer["name"], layer["kind"], ", ".join(layer["nodes"]) or NOTHING) for layer in facts["layers"]],
        )
    if args.after and not args.calibration:
        yield Paragraph("Calibrated on random samples; --calibration takes real ones.", "quiet")


def _row(node: dict[str, Any], outputs: list[str]) -> tuple[str, ...]:
    bits = "".join(f" {key}:{bits} bit" for key, bits in node["bits"].items())
    name = f"{node['name']} (output)" if node["name"] in outputs else node["name"]
    counts = (f"{node[key]:,}" if node[key] else "" for key in ("parameters", "multiply_accumulates"))
    return name, node["op"] + bits, ", ".join(node["inputs"]), _shape(node["shape"]), *counts


def _shape(shape: list[int]) -> str:
    return " x ".join(map(str, shape)) or "scalar"
