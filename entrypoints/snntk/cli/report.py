"""The report of a run as blocks of text: from the numbers of a `Result` to sentences and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from snntk.cli.blocks import Block, Column, Facts, Heading, Paragraph, Table, counted, numbers
from snntk_core.result import ENERGY_ASSUMPTIONS, PARTING_CORRELATION, Accuracy, LayerReport, Result, StageRecord

SPIKE_CLASSES = {"unsigned": "unsigned: at most one binary spike per neuron and step"}
MEASURES = {"accuracy": "accuracy", "error": "root mean square error"}
CLIPPED = 0.5
"""The share of a layer's error from which clipping is its reason."""


def blocks(result: Result, data: str) -> Iterator[Block]:
    """Yield the whole report; ``data`` says where the samples came from."""
    yield Heading(f"{Path(result.source).name} as a spiking network")
    yield _facts(result, data)
    yield from _accuracy(result)
    yield from _layers(result)
    yield from ledger(result.ledger)
    yield from _operations(result)
    if result.notes:
        yield Heading("Notes")
        yield from (Paragraph(f"- {note}") for note in result.notes)


def _facts(result: Result, data: str) -> Block:
    simulator = result.plan.simulator.name
    return Facts(
        [
            ("model", result.source),
            ("data", f"{data}, {counted(result.accuracy.samples, 'sample')}"),
            ("calibration", counted(result.calibration_samples, "sample") if result.calibration_samples else "none"),
            ("recipe", result.plan.title),
            ("simulator", simulator if result.plan.simulator_named else f"{simulator}, preferred of those installed"),
            ("spikes", SPIKE_CLASSES.get(result.spike_class, result.spike_class)),
            ("total latency", _latency(result)),
            ("time", f"{result.seconds:.1f} s"),
        ]
    )


def _latency(result: Result) -> str:
    if not result.warm_up:
        return f"{result.duration} steps, all of which count"
    return f"{result.duration} steps, of which the readout leaves out the first {result.warm_up}"


def percent(share: float | None) -> str:
    """Return a share as a percentage."""
    return "-" if share is None else f"{100 * share:.2f} %"


def judged(measure: str, value: float | None) -> str:
    """Return an accuracy as a percentage, an error as a number."""
    return percent(value) if measure == "accuracy" or value is None else f"{value:.4g}"


def measured(measure: str, top_k: int) -> str:
    """Return the name of a measure."""
    return f"top-{top_k} accuracy" if measure == "accuracy" and top_k > 1 else MEASURES[measure]


def _small(value: float | None) -> str:
    return "-" if value is None else "0" if value == 0 else f"{value:.1e}" if value < 1e-3 else f"{value:.3f}"


def _accuracy(result: Result) -> Iterator[Block]:
    accuracy, labeled = result.accuracy, result.accuracy.spiking is not None
    rows: list[tuple[str, ...]] = []
    if labeled:
        rows.append(("ANN, as parsed", judged(accuracy.measure, accuracy.analog), "", ""))
        rows.append(("ANN, rewritten", judged(accuracy.measure, accuracy.rewritten), "", ""))
    clipped = _small(accuracy.limit_deviation)
    rows.append(("SNN, endless steps", judged(accuracy.measure, accuracy.limit), "", clipped))
    for steps, moved in accuracy.deviation.items():
        share = judged(accuracy.measure, (accuracy.spiking or {}).get(steps))
        rows.append((f"SNN, T = {steps}", share, percent(accuracy.agreement.get(steps)), _small(moved)))
    name = measured(accuracy.measure, accuracy.top_k)
    columns = [Column("network"), *numbers(name, "agrees with ANN", "deviation")]
    title = f"{name.capitalize() if labeled else 'Agreement'} over {counted(accuracy.samples, 'sample')}"
    if not labeled:
        columns, rows = [columns[0], *columns[2:]], [(row[0], *row[2:]) for row in rows]
    elif accuracy.measure == "error":  # a network that decides nothing agrees with nothing
        columns, rows = [*columns[:2], columns[3]], [(*row[:2], row[3]) for row in rows]
    yield Table(title, columns, rows)
    yield Paragraph(_verdict(result))


def _verdict(result: Result) -> str:
    accuracy, steps = result.accuracy, result.duration
    agreed = f"decides like the ANN on {percent(accuracy.agreement.get(steps))} of the samples"
    gap = _gap(accuracy, steps)
    if accuracy.measure == "error" and accuracy.spiking is not None:
        errors = f"{accuracy.spiking[steps]:.4g}, the ANN's {accuracy.analog:.4g}"
        return f"After {steps} steps the SNN's root mean square error is {errors}."
    if gap is None:
        return f"After {steps} steps the SNN {agreed}; without labels nothing is known about accuracy."
    side = "below" if gap > 0 else "above"
    where = f"{abs(100 * gap):.2f} percentage points {side} the ANN" if gap else "exactly as accurate as the ANN"
    return f"After {steps} steps the SNN is {where} and {agreed}."


def _gap(accuracy: Accuracy, steps: int) -> float | None:
    if accuracy.analog is None or accuracy.spiking is None:
        return None
    return round(accuracy.analog - accuracy.spiking[steps], 9)  # equal shares may differ in the last bit


def _layers(result: Result) -> Iterator[Block]:
    columns = [
        Column("layer"),
        *numbers("neurons", "rate", "silent", "saturated", "correlation", "error", "clipping"),
    ]
    rows = [_layer_row(layer) for layer in result.layers]
    parting = [index for index, layer in enumerate(result.layers) if layer.name == result.parts_at]
    yield Table("Layers: spikes per neuron and step, beside the ANN's activations", columns, rows, frozenset(parting))
    yield Paragraph(diagnosis(result.layers, result.parts_at))


def _layer_row(layer: LayerReport) -> tuple[str, ...]:
    correlation = "-" if layer.correlation is None else f"{layer.correlation:.4f}"
    shares = (percent(layer.silent), percent(layer.saturated))
    errors = (_small(layer.error), _small(layer.clipping))
    return layer.name, f"{layer.neurons:,}", f"{layer.rate:.4f}", *shares, correlation, *errors


def diagnosis(layers: Sequence[LayerReport], parts_at: str | None) -> str:
    """Return in plain words where spikes and activations part first, and the likely reason."""
    if parts_at is None:
        compared = [layer for layer in layers if layer.error is not None]
        worst = max(compared, key=lambda layer: layer.error or 0.0, default=None)
        follow = f"Every layer follows its activations (correlation of at least {PARTING_CORRELATION})"
        return f"{follow}; the largest error is {_small(worst.error)}, in {worst.name}." if worst else f"{follow}."
    layer = next(layer for layer in layers if layer.name == parts_at)
    likeness = "" if layer.correlation is None else f" (correlation {layer.correlation:.4f})"
    where = f"{parts_at} is the first layer that parts from its activations{likeness}"
    if not layer.rate:
        return f"{where}: no neuron of it fires. Are the samples on the same scale as the calibration samples?"
    if (layer.clipping or 0.0) >= CLIPPED * (layer.error or 0.0):
        share = f"{percent(layer.saturated)} of its neurons fire in every step"
        return f"{where}: clipping would remain with endless steps, and {share}. Raise the percentile."
    return f"{where}: with endless steps its error would be {_small(layer.clipping)}. Give it more steps."


def ledger(records: Sequence[StageRecord]) -> Iterator[Block]:
    """Yield what each step did, as a table, and the steps that found nothing to do, as a line."""
    idle = [
        record.component for record in records if record.nodes_before == record.nodes_after and record.deviation == 0
    ]
    columns = [Column("stage"), Column("step"), Column("preserves"), *numbers("nodes", "deviation", "seconds")]
    rows = [
        (
            record.stage,
            record.component,
            record.preserves,
            f"{record.nodes_before} to {record.nodes_after}" if record.nodes_before else str(record.nodes_after),
            _small(record.deviation),
            f"{record.seconds:.2f}",
        )
        for record in records
        if record.component not in idle
    ]
    yield Table("Steps", columns, rows)
    if idle:
        yield Paragraph(f"Nothing to do for {', '.join(idle)}.", "quiet")


def _operations(result: Result) -> Iterator[Block]:
    cost, energy = result.cost, result.cost.energy
    products = cost.multiply_accumulates
    ratio = f"{cost.accumulates / products:.2f} for each of the ANN's" if products else ""
    rows = [
        ("spikes", f"{cost.spikes:,.0f}", f"{cost.spikes / max(cost.neurons, 1):.2f} per neuron", ""),
        (
            "synaptic operations (accumulates)",
            f"{cost.accumulates:,.0f}",
            ratio,
            _nanojoules(energy["spiking_synapses"]),
        ),
        (
            "input current (multiply-accumulates)",
            f"{cost.source_multiply_accumulates:,}",
            "once per sample",
            _nanojoules(energy["spiking_source"]),
        ),
        (
            "neuron updates (accumulates)",
            f"{cost.neuron_updates:,}",
            f"{cost.neurons:,} neurons in {result.duration} steps",
            _nanojoules(energy["spiking_neurons"]),
        ),
        ("SNN, all parts", "", "", _nanojoules(energy["spiking_total"])),
        ("ANN (multiply-accumulates)", f"{products:,}", "", _nanojoules(energy["analog_total"])),
    ]
    title = "Operations per sample, and the arithmetic energy they stand for"
    yield Table(title, [Column("operation"), *numbers("count"), Column(""), *numbers("energy")], rows)
    yield Paragraph("The energy is an estimate and holds only under these assumptions:", "quiet")
    yield from (Paragraph(f"- {assumption}", "quiet") for assumption in ENERGY_ASSUMPTIONS)


def _nanojoules(value: float) -> str:
    return f"{value / 1000:,.2f} µJ" if value >= 1000 else f"{value:,.2f} nJ"
