"""Components that break what simulators promise, one way each; with the check that must catch it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import sound_components as sound
from sound_components import mutant

from snntk_core import (
    Capabilities,
    Dense,
    Graph,
    IntegrateFire,
    Issue,
    Relu,
)
from snntk_core.errors import Incompatible


def spoiled(spoil: Callable[..., Any]) -> Callable[[], Any]:
    """Return a simulator whose recordings are changed by ``spoil(program, batch, recording)``."""
    return lambda: mutant(sound.PlainSimulator, spoil=staticmethod(spoil))


def counts(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[], Any]:
    return spoiled(lambda _, batch, r: replace(r, spike_counts={k: change(v) for k, v in r.spike_counts.items()}))


def compiling(change: Callable[[Any, Graph], Any]) -> Callable[[], Any]:
    return lambda: mutant(sound.PlainSimulator, compile=change)


def without_dense(self: Any, graph: Graph) -> Any:
    if any(isinstance(node.op, Dense) for node in graph):
        raise NotImplementedError("Dense")
    return sound.PlainSimulator.compile(self, graph)


def refusing_namelessly(self: Any, graph: Graph) -> Any:
    if self.capabilities.check(graph):
        raise Incompatible(self.name, [Issue("network", "no")])
    return sound.PlainProgram(graph)


def taking_all(self: Any, graph: Graph) -> Any:
    return sound.PlainProgram(graph)


def resetting_to_zero(self: Any, graph: Graph) -> Any:
    program = sound.PlainSimulator.compile(self, graph)
    wrong = [replace(n, op=replace(n.op, reset="zero")) if isinstance(n.op, IntegrateFire) else n for n in graph]
    return sound.PlainProgram(replace(program.graph, nodes=tuple(wrong)))


def one_batch(program: Any, batch: np.ndarray, recording: Any) -> Any:
    return replace(recording, scores=recording.scores - recording.scores.mean(axis=0))


def remembering(program: Any, batch: np.ndarray, recording: Any) -> Any:
    return replace(recording, scores=recording.scores + program.runs)


def late(program: Any, batch: np.ndarray, recording: Any) -> Any:
    return replace(recording, scores=np.roll(recording.scores, 1, axis=1))


class Undeclared(sound.PlainProgram):
    """Writes a file that its manifest lacks."""

    def export(self, directory: Path) -> Any:
        (directory / "extra.bin").write_bytes(b"1")
        return sound.PlainProgram.export(self, directory)


FAULTS: list[tuple[str, Callable[[], Any]]] = [
    ("check_declared_ops_compile", compiling(without_dense)),
    ("check_declared_ops_compile", lambda: mutant(sound.PlainSimulator, capabilities=Capabilities(frozenset({Relu})))),
    ("check_undeclared_ops_are_refused", compiling(taking_all)),
    ("check_undeclared_ops_are_refused", compiling(refusing_namelessly)),
    ("check_batch_equals_one_by_one", spoiled(one_batch)),
    ("check_second_run_equals_first", spoiled(remembering)),
    ("check_counts_are_possible", counts(lambda count: count * 5)),
    ("check_counts_are_possible", counts(lambda count: count.astype(np.float32))),
    ("check_rates_follow_relu", compiling(resetting_to_zero)),
    ("check_agrees_spike_for_spike", counts(lambda count: np.maximum(count - 1, 0))),
    ("check_agrees_spike_for_spike", spoiled(late)),
    ("check_recording_shapes", spoiled(lambda _, batch, r: replace(r, scores=r.scores[:, 0]))),
    ("check_recording_shapes", spoiled(lambda _, batch, r: replace(r, times=r.times - 1))),
    ("check_recording_shapes", counts(lambda count: count + 1)),
    ("check_probes_are_heeded", spoiled(lambda _, batch, r: replace(r, operations={}))),
    ("check_exports_match_manifest", compiling(lambda self, graph: Undeclared(graph))),
]
