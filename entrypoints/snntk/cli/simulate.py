"""Simulate a spiking network on data, and show accuracy over time and operations; or write it for elsewhere."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from snntk import api
from snntk.cli import codes
from snntk.cli.blocks import Block, Column, Facts, Heading, Table, counted, numbers
from snntk.cli.evaluate import arrays_of
from snntk.cli.export import write
from snntk.cli.options import (
    add_json,
    add_plugin_files,
    add_settings,
    add_simulator,
    add_top_k,
    configured,
    count,
    inputs_of,
    refuse_reading_options,
    registry_of,
    settings,
)
from snntk.cli.output import answer, check_target, write_arrays
from snntk.cli.render import progress
from snntk.cli.report import judged, measured, percent
from snntk.conversion import as_graph
from snntk.exporting import is_exporter
from snntk.given import is_saved
from snntk_core.data import load_data
from snntk_core.errors import OptionError, UnreadableSource
from snntk_core.graph import Graph
from snntk_core.judge import decisions
from snntk_core.parser import Parser
from snntk_core.plan import DEFAULT_DURATION
from snntk_core.registry import Registry
from snntk_core.simulator import Recording, Simulator, preferred
from snntk_core.tally import rates_by_layer, report_times

EXAMPLE = "snntk simulate model.snntk --data test.npz --steps 64 -o predictions.npz"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "network", metavar="NET.snntk", help="what snntk convert, or snntk run -o, has saved; or a spiking model (.nir)"
    )
    parser.add_argument("--parser", metavar="NAME", help="the parser of a spiking model, where several can read it")
    parser.add_argument("--data", metavar="FILE", help="samples: .npz with x (and y), .npy, or a folder")
    parser.add_argument(
        "--steps", metavar="N", type=count, help="steps (default: what the network was converted for, or 32)"
    )
    add_simulator(parser, "where to run it, or what writes it (default: event or numpy)")
    add_settings(parser, "the simulator or the parser")
    parser.add_argument("--samples", metavar="N", type=count, help="use only the first N samples")
    add_top_k(parser)
    add_plugin_files(parser)
    add_json(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE.npz",
        help="write predictions (n,) and scores (n, outputs); of a simulator that writes networks, the file or folder",
    )


def execute(args: argparse.Namespace) -> int:
    """Simulate and show, or write."""
    registry = registry_of(args)
    simulator, parser = _components(args, registry)
    if is_exporter(simulator):
        return write(_graph(args, parser, registry), simulator, args, registry)
    check_target(args.json, args.output, inputs=inputs_of(args))
    if not args.data:
        raise OptionError([f"The simulator {simulator.name} needs samples: --data FILE."])
    graph = _graph(args, parser, registry)
    data = load_data(args.data).limited(args.samples)
    if args.steps is not None and simulator.takes == "quantized":
        raise OptionError(
            [f"The simulator {simulator.name} computes a quantized network in one step; leave out --steps."]
        )
    steps, why = (1, "") if simulator.takes == "quantized" else _steps(args.steps, graph)
    with progress() as bar:
        recording = api.simulate(
            graph,
            data.x,
            steps=steps,
            simulator=simulator,
            labels=data.targets if data.labels is None else data.labels,
            top_k=args.top_k or 1,
            registry=registry,
            progress=bar,
        )
    if args.output:
        last = recording.scores[:, -1]
        write_arrays(Path(args.output), arrays_of(last, "accuracy" if recording.error is None else "error"))
    facts = _facts(recording, args, simulator, steps)
    blocks = codes.blocks(facts) if simulator.takes == "quantized" else _blocks(facts, why)
    answer(facts, blocks, args.json)
    return 0


def _components(args: argparse.Namespace, registry: Registry) -> tuple[Simulator, Parser | None]:
    """Return the simulator and the parser that are meant, with their options; None: the source decides."""
    refuse_reading_options(args, args.network)
    simulator = registry.simulators[args.simulator or preferred(registry.simulators)]
    named = [path.rpartition(".")[0] for path, _ in settings(args.settings)]
    reader = args.parser or next((n for n in named if n in registry.parsers and not is_saved(args.network)), None)
    if reader is None:
        return configured([simulator], args.settings)[0], None
    parser, found = configured([registry.parsers[reader], simulator], args.settings)
    return found, parser


def _graph(args: argparse.Namespace, parser: Parser | None, registry: Registry) -> Graph:
    """Return a saved network, or a spiking model that a parser reads."""
    path = Path(args.network).expanduser()
    if parser is None:
        try:
            _ = is_saved(path) or registry.parser_for(path)
        except UnreadableSource:  # a saved network under another suffix, or nothing at all
            return api.open(path, registry=registry)
    return as_graph(path, parser, registry)


def _steps(asked: int | None, graph: Graph) -> tuple[int, str]:
    """Return how many steps to run and, where they were not asked for, why so many."""
    said = graph.meta.get("steps", "")
    if asked is not None:
        return asked, ""
    if said.isdecimal() and int(said):
        return int(said), ", which the network was converted for"
    return DEFAULT_DURATION, ", which is the default"


def _facts(recording: Recording, args: argparse.Namespace, simulator: Simulator, steps: int) -> dict[str, Any]:
    times, accuracy, error = report_times(steps, ()), recording.accuracy, recording.error
    return {
        "network": args.network,
        "data": args.data,
        "samples": len(recording.scores),
        "simulator": simulator.name,
        "steps": steps,
        "accuracy": None if accuracy is None else {time: float(accuracy[time - 1]) for time in times},
        "error": None if error is None else {time: float(error[time - 1]) for time in times},
        "top_k": args.top_k or 1,
        "decided_like_at_the_end": None if error is not None else {t: _settled(recording, t) for t in times},
        **(codes.facts(recording) if simulator.takes == "quantized" else _spikes(recording)),
        "synaptic_operations_per_sample": float(recording.synaptic_operations.mean()),
    }


def _spikes(recording: Recording) -> dict[str, Any]:
    total = sum(count.sum() for count in recording.spike_counts.values())
    return {
        "spikes_per_sample": float(total) / len(recording.scores),
        "rates": dict(rates_by_layer(recording)),
    }


def _settled(recording: Recording, time: int) -> float:
    return float(np.mean(decisions(recording.scores[:, time - 1]) == decisions(recording.scores[:, -1])))


def _blocks(facts: dict[str, Any], why: str) -> Iterator[Block]:
    yield Heading(f"{Path(facts['network']).name} on {facts['simulator']}")
    yield Facts(
        [
            ("data", f"{facts['data']}, {counted(facts['samples'], 'sample')}"),
            ("total latency", f"{counted(facts['steps'], 'step')}{why}"),
            ("spikes", f"{facts['spikes_per_sample']:,.0f} per sample"),
            ("synaptic operations", f"{facts['synaptic_operations_per_sample']:,.0f} per sample"),
        ]
    )
    yield _over_time(facts)
    yield Table(
        "Firing rates: spikes per neuron and step",
        [Column("layer"), *numbers("rate")],
        [(name, f"{rate:.4f}") for name, rate in facts["rates"].items()],
    )


def _over_time(facts: dict[str, Any]) -> Block:
    """Return how good the outputs are after each reported step, and whether decisions are those of the end."""
    measures = [measure for measure in ("accuracy", "error") if facts[measure]]
    settled = facts["decided_like_at_the_end"] or {}
    names = [measured(measure, facts["top_k"]) for measure in measures] + ["decided as at the end"] * bool(settled)
    rows = [
        (
            f"SNN, T = {time}",
            *(judged(measure, facts[measure][time]) for measure in measures),
            *([percent(settled[time])] if settled else []),
        )
        for time in settled or facts["error"]
    ]
    return Table("Decisions over time" if settled else "Error over time", [Column("network"), *numbers(*names)], rows)
