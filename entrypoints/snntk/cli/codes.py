"""What a simulator of quantized networks found: no spikes, but the integer codes that activations put out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from snntk.cli.blocks import Block, Column, Facts, Heading, Table, counted, numbers
from snntk.cli.report import judged, measured
from snntk_core.simulator import Recording
from snntk_core.tally import rates_by_layer


def facts(recording: Recording) -> dict[str, Any]:
    """Return what there is to say of codes: their sum over a sample, and the mean size of a layer's, by layer."""
    total = sum(sizes.sum() for sizes in recording.spike_counts.values())
    return {
        "sum_of_codes_per_sample": float(total) / len(recording.scores),
        "mean_codes": dict(rates_by_layer(recording)),
    }


def blocks(facts: dict[str, Any]) -> Iterator[Block]:
    """Yield the facts of a simulation as text: there is one step, and nothing settles."""
    yield Heading(f"{Path(facts['network']).name} on {facts['simulator']}")
    yield Facts(
        [
            ("data", f"{facts['data']}, {counted(facts['samples'], 'sample')}"),
            ("sum of codes", f"{facts['sum_of_codes_per_sample']:,.0f} per sample"),
            ("synaptic operations", f"{facts['synaptic_operations_per_sample']:,.0f} per sample"),
        ]
    )
    values = {measure: facts[measure][1] for measure in ("accuracy", "error") if facts[measure]}
    if values:
        names = [measured(measure, facts["top_k"]) for measure in values]
        row = ("quantized, in integers", *(judged(measure, value) for measure, value in values.items()))
        yield Table("", [Column("network"), *numbers(*names)], [row])
    rows = [(name, f"{mean:.4f}") for name, mean in facts["mean_codes"].items()]
    yield Table(
        "Codes: mean size over the outputs of a layer and the samples", [Column("layer"), *numbers("code")], rows
    )
