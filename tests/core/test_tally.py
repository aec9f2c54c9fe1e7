"""Counting while it runs gives what counting at the end would."""

from __future__ import annotations

import numpy as np
import pytest

from snntk_core import Dense, Graph, Input, IntegrateFire, Node, Readout, Recording, Relu, SpikeSource, SpikingMaxPool
from snntk_core.judge import Judge
from snntk_core.simulator import SpikeTrain, join
from snntk_core.tally import (
    DecisionTally,
    LayerTally,
    likeness,
    rates_by_layer,
    report_times,
    spike_values,
)

RNG = np.random.default_rng(0)
STEPS, SAMPLES = 8, 20


def recorded() -> Recording:
    """A recording of random numbers."""
    return Recording(
        times=np.arange(1, STEPS + 1),
        scores=RNG.normal(size=(SAMPLES, STEPS, 3)),
        spike_counts={"relu": RNG.integers(0, STEPS + 1, (SAMPLES, 4))},
        synaptic_operations=RNG.integers(0, 100, SAMPLES),
        spikes={"relu": SpikeTrain(np.array([0, 19]), np.array([1, 8]), np.array([2, 3]))},
        potentials={"relu": RNG.normal(size=(SAMPLES, STEPS, 4))},
    )


def part(recording: Recording, begin: int, end: int) -> Recording:
    """Return some samples of a recording."""
    train = recording.spikes["relu"]
    mine = (train.sample >= begin) & (train.sample < end)
    return Recording(
        recording.times,
        recording.scores[begin:end],
        {name: counts[begin:end] for name, counts in recording.spike_counts.items()},
        recording.synaptic_operations[begin:end],
        {"relu": SpikeTrain(train.sample[mine] - begin, train.time[mine], train.unit[mine])},
        {name: values[begin:end] for name, values in recording.potentials.items()},
    )


@pytest.mark.parametrize(
    ("duration", "asked", "expected"),
    [
        (1, (), (1,)),
        (32, (), (1, 2, 4, 8, 16, 32)),
        (20, (), (1, 2, 4, 8, 16, 20)),
        (20, (5, 3, 40), (3, 5, 20)),
        (20, (40,), (1, 2, 4, 8, 16, 20)),
    ],
)
def test_times_are_those_asked_for_or_powers_of_two(duration: int, asked: tuple[int, ...], expected) -> None:
    assert report_times(duration, asked) == expected


def test_parts_join_to_the_whole() -> None:
    whole = recorded()
    again = join([part(whole, 0, 7), part(whole, 7, 8), part(whole, 8, SAMPLES)])
    np.testing.assert_array_equal(again.scores, whole.scores)
    np.testing.assert_array_equal(again.spike_counts["relu"], whole.spike_counts["relu"])
    np.testing.assert_array_equal(again.synaptic_operations, whole.synaptic_operations)
    np.testing.assert_array_equal(again.potentials["relu"], whole.potentials["relu"])
    for key in ("sample", "time", "unit"):
        np.testing.assert_array_equal(getattr(again.spikes["relu"], key), getattr(whole.spikes["relu"], key))


def test_decisions_are_counted_alike_in_any_parts() -> None:
    whole, analog, labels = recorded(), RNG.normal(size=(SAMPLES, 3)), RNG.integers(0, 3, SAMPLES)
    times, judge = (1, 4, 8), Judge(labels)
    at_once, in_parts = DecisionTally(times, judge), DecisionTally(times, judge)
    at_once.add(whole, analog, slice(None))
    for begin, end in ((0, 3), (3, 4), (4, SAMPLES)):
        in_parts.add(part(whole, begin, end), analog[begin:end], slice(begin, end))
    first, second = (tally.finish(0.9, 0.8, 0.7) for tally in (at_once, in_parts))
    assert (first.analog, first.rewritten, first.limit, first.samples) == (0.9, 0.8, 0.7, SAMPLES)
    assert first.spiking == second.spiking
    assert first.agreement == second.agreement
    for time in times:
        scores = whole.scores[:, time - 1]
        assert first.spiking[time] == pytest.approx((scores.argmax(1) == labels).mean())
        assert first.agreement[time] == pytest.approx((scores.argmax(1) == analog.argmax(1)).mean())
        expected = np.sqrt(((scores - analog) ** 2).sum() / (analog**2).sum())
        assert first.deviation[time] == pytest.approx(expected)
        assert second.deviation[time] == pytest.approx(expected)


def test_without_labels_there_is_agreement_only() -> None:
    tally = DecisionTally((8,), Judge())
    tally.add(recorded(), np.zeros((SAMPLES, 3)), slice(None))
    accuracy = tally.finish(None, None, None)
    assert accuracy.spiking is None
    assert set(accuracy.agreement) == {8}
    assert np.isfinite(accuracy.deviation[8])


def networks() -> tuple[Graph, Graph]:
    """An analog network of one layer and the spiking one."""
    dense = Node("dense", Dense(np.eye(4)), ("input",))
    analog = Graph((Node("input", Input((4,))), dense, Node("relu", Relu(), ("dense",))))
    neuron = Node("relu", IntegrateFire(0.5), ("dense",))
    spiking = Graph((Node("input", SpikeSource((4,))), dense, neuron, Node("readout", Readout(), ("relu",))))
    return analog, spiking


def test_layers_are_counted_over_all_samples_and_compared_on_the_first() -> None:
    analog, spiking = networks()
    counts = RNG.integers(0, STEPS + 1, (SAMPLES, 4))
    whole = Recording(np.arange(1, STEPS + 1), np.zeros((SAMPLES, STEPS, 4)), {"relu": counts}, np.full(SAMPLES, 3))
    tally = LayerTally(spiking, STEPS, keep=7)
    for begin, end in ((0, 4), (4, 5), (5, SAMPLES)):
        tally.add(Recording(whole.times, whole.scores[begin:end], {"relu": counts[begin:end]}, np.full(end - begin, 3)))
    exact = counts * 0.5 / STEPS  # a spike carries the threshold
    (row,) = tally.finish(analog, exact)
    assert (row.name, row.op, row.neurons) == ("relu", "IntegrateFire", 4)
    assert row.rate == pytest.approx(counts.mean() / STEPS)
    assert row.silent == pytest.approx((counts == 0).mean())
    assert row.saturated == pytest.approx((counts == STEPS).mean())
    assert row.correlation == pytest.approx(1)
    assert row.error == pytest.approx(0, abs=1e-6)
    assert tally.operations == 3 * SAMPLES
    assert rates_by_layer(whole)["relu"] == pytest.approx(row.rate)


def test_a_layer_without_counterpart_has_no_correlation() -> None:
    analog, spiking = networks()
    tally = LayerTally(spiking.rename("relu", "other"), STEPS, keep=5)
    tally.add(Recording(np.arange(1, STEPS + 1), np.zeros((5, STEPS, 4)), {"other": np.ones((5, 4))}, np.zeros(5)))
    (row,) = tally.finish(analog, np.ones((5, 4)))
    assert (row.correlation, row.error) == (None, None)


def test_likeness_is_undefined_for_constants() -> None:
    values = RNG.normal(size=50)
    assert likeness(values * 2, values) == (pytest.approx(1), pytest.approx(1))
    assert likeness(-values, values)[0] == pytest.approx(-1)
    assert likeness(np.ones(5), np.arange(5.0))[0] is None
    assert likeness(np.arange(5.0), np.zeros(5)) == (None, None)


def test_a_pool_passes_on_what_its_neurons_emit() -> None:
    nodes = (
        Node("input", SpikeSource((4, 4, 2))),
        Node("neurons", IntegrateFire(np.array([2.0, 0.5])), "input"),
        Node("pool", SpikingMaxPool((2, 2)), "neurons"),
        Node("readout", Readout(), "pool"),
    )
    values = spike_values(Graph(nodes).verify(), "pool")
    assert values.shape == (2, 2, 2)
    np.testing.assert_array_equal(values[0, 0], [2.0, 0.5])
