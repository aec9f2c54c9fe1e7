"""What a run gives: the ledger of steps, accuracy over time, a row for each layer, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from snntk_core.graph import Graph
from snntk_core.ops import Readout
from snntk_core.plan import Plan

ACCUMULATE_PJ = 0.9
MULTIPLY_ACCUMULATE_PJ = 4.6
ENERGY_ASSUMPTIONS = (
    "45 nm CMOS, 32-bit floating point: 0.9 pJ for an accumulate, 4.6 pJ for a multiply-accumulate (Horowitz 2014)",
    "arithmetic only: memory access, which often costs more, leakage and control are left out",
    "the first layer's current is computed once per sample, as multiply-accumulates",
    "every neuron's potential is updated once per step, as an accumulate",
)
PARTING_CORRELATION = 0.95
PARTING_ERROR = 0.5  # of a layer that is too quiet to correlate with anything


@dataclass(frozen=True)
class StageRecord:
    """One line of the ledger.

    ``deviation``: how far the output moved, relative to its largest value; None where it cannot be compared.
    """

    stage: str
    component: str
    preserves: str
    seconds: float
    nodes_before: int
    nodes_after: int
    deviation: float | None = None
    note: str = ""


@dataclass(frozen=True)
class LayerReport:
    """One spiking layer.

    ``rate``: spikes per neuron and step.  ``silent``: share of neurons with no spike in a sample.  ``saturated``: share
    that fires in every step.  ``correlation`` (Pearson) and ``error`` (root mean square over root mean square)
    compare the mean output per step with the analog activation; ``clipping`` is the error that endless steps would
    leave.  None for a layer without a counterpart, or without any variation to correlate.  ``ways``: how often the
    simulator computed it in which way, if it has several.
    """

    name: str
    op: str
    neurons: int
    rate: float
    silent: float
    saturated: float
    correlation: float | None = None
    error: float | None = None
    clipping: float | None = None
    ways: Mapping[str, int] = field(default_factory=dict)

    @property
    def parts(self) -> bool:
        """Whether its output is something else than the activation."""
        if self.correlation is None:
            return self.error is not None and self.error >= PARTING_ERROR
        return self.correlation < PARTING_CORRELATION


@dataclass(frozen=True)
class Accuracy:
    """Shares of samples decided right (among the ``top_k`` largest), or root mean square errors: see ``measure``.

    ``analog``: the parsed model.  ``rewritten``: after the rewrites.  ``limit``: the spiking network with endless
    steps, so what it lacks is lost to clipping.  ``spiking``: by number of steps.  None without labels.
    ``agreement``: share of samples on which the spiking network decides like the analog one, by number of steps; empty
    beside errors, where nothing is decided.
    ``deviation``: root mean square of the scores' difference over that of the analog scores, by number of steps;
    ``limit_deviation``: with endless steps, so it is what clipping costs.
    """

    samples: int
    analog: float | None
    rewritten: float | None
    limit: float | None
    spiking: Mapping[int, float] | None
    agreement: Mapping[int, float] = field(default_factory=dict)
    deviation: Mapping[int, float] = field(default_factory=dict)
    measure: Literal["accuracy", "error"] = "accuracy"
    top_k: int = 1
    limit_deviation: float | None = None


@dataclass(frozen=True)
class Cost:
    """Operations per sample, and the energy they stand for.

    ``accumulates``: one for each synapse a spike drives, with true borders.  ``source_multiply_accumulates``: the
    first layer's current, once.  ``multiply_accumulates``: what the analog network needs.
    """

    spikes: float
    accumulates: float
    source_multiply_accumulates: int
    neuron_updates: int
    multiply_accumulates: int
    neurons: int

    @property
    def energy(self) -> Mapping[str, float]:
        """Arithmetic energy per sample in nanojoules, part by part; see ``ENERGY_ASSUMPTIONS``."""
        synapses = self.accumulates * ACCUMULATE_PJ / 1000
        source = self.source_multiply_accumulates * MULTIPLY_ACCUMULATE_PJ / 1000
        neurons = self.neuron_updates * ACCUMULATE_PJ / 1000
        return {
            "spiking_synapses": synapses,
            "spiking_source": source,
            "spiking_neurons": neurons,
            "spiking_total": synapses + source + neurons,
            "analog_total": self.multiply_accumulates * MULTIPLY_ACCUMULATE_PJ / 1000,
        }


@dataclass(frozen=True, eq=False)
class Result:
    """A finished run.

    ``graph``: the spiking network.  ``analog``: the network just before it was made spiking.  ``spike_class``:
    unsigned, one binary spike per neuron and step.  ``duration``: the total latency in steps, nothing before or after.
    """

    source: str
    plan: Plan
    graph: Graph
    analog: Graph
    ledger: tuple[StageRecord, ...]
    accuracy: Accuracy
    layers: tuple[LayerReport, ...]
    cost: Cost
    calibration_samples: int
    seconds: float
    notes: tuple[str, ...] = ()
    spike_class: str = "unsigned"

    @property
    def duration(self) -> int:
        """Total latency in steps."""
        return int(self.plan.duration)

    @property
    def warm_up(self) -> int:
        """How many of the first steps the readout leaves out of its scores; they are part of the latency."""
        op = self.graph[self.graph.outputs[0]].op
        return min(op.warm_up, self.duration // 2) if isinstance(op, Readout) else 0

    @property
    def parts_at(self) -> str | None:
        """The first layer whose output is not its activation: correlation below 0.95, or silence; or None."""
        return next((layer.name for layer in self.layers if layer.parts), None)

    def report(self) -> dict[str, object]:
        """Return everything but the weights as plain data, ready for JSON."""
        return {
            "source": self.source,
            "recipe": self.plan.title,
            "simulator": self.plan.simulator.name,
            "spike_class": self.spike_class,
            "total_latency_steps": self.duration,
            "warm_up_steps": self.warm_up,
            "calibration_samples": self.calibration_samples,
            "seconds": self.seconds,
            "accuracy": asdict(self.accuracy),
            "layers": [asdict(layer) for layer in self.layers],
            "first_layer_that_parts": self.parts_at,
            "cost_per_sample": asdict(self.cost),
            "energy_nanojoules_per_sample": dict(self.cost.energy),
            "energy_assumptions": list(ENERGY_ASSUMPTIONS),
            "ledger": [asdict(record) for record in self.ledger],
            "notes": list(self.notes),
        }
