"""Cores: no limit is exceeded, and the memory of synapses is what nengo-loihi says."""

from __future__ import annotations

import json
import subprocess
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_core import Add, Dense, Graph, IntegrateFire, Node, Readout, SpikeSource
from snntk_loihi.grid import grid_of
from snntk_loihi.limits import Core
from snntk_loihi.placement import memory, place, placed
from snntk_loihi.stages import staged

BITS = """
import json
from nengo_loihi.block import SynapseConfig
made = [SynapseConfig(weight_bits=7, idx_bits=index, fanout_type=1, n_synapses=63) for index in (1, 4, 5)]
print(json.dumps([[config.bits_per_axon(count) for count in range(300)] for config in made]))
"""


def dense(*units: int, seed: int = 0) -> Graph:
    """Layers of neurons, each joined to some of the next."""
    rng = np.random.default_rng(seed)
    nodes = [Node("input", SpikeSource(units[:1])), Node("twice", Add(), ("input", "input"))]
    nodes.append(Node("fire0", IntegrateFire(reset="zero"), ("twice",)))
    for number, (before, after) in enumerate(pairwise(units), 1):
        weight = (rng.integers(-8, 9, (before, after)) * (rng.random((before, after)) < 0.7) / 64).astype(np.float32)
        nodes.append(Node(f"dense{number}", Dense(weight), (nodes[-1].name,)))
        nodes.append(Node(f"fire{number}", IntegrateFire(reset="zero"), (nodes[-1].name,)))
    return Graph((*nodes, Node("readout", Readout(), (nodes[-1].name,))))


def usage(stage, bounds, core):
    """Count, synapse by synapse, what every core of a stage holds."""
    where = {key: np.repeat(np.arange(len(cut) - 1), np.diff(cut)) for key, cut in bounds.items()}
    arriving = {(key, number): set() for key, cut in bounds.items() for number in range(len(cut) - 1)}
    leaving = {place: set() for place in arriving}
    for index, bundle in enumerate(stage.bundles):
        for before, after in zip(bundle.before, bundle.after, strict=True):
            target = bundle.target, where[bundle.target][after]
            arriving[target].add((index, before))
            if not bundle.given:
                leaving[bundle.source, where[bundle.source][before]].add((index, before, target))
    return arriving, leaving


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=2, max_size=4), st.integers(2, 20), st.integers(40, 80), st.integers(1, 9))
def test_no_core_holds_more_than_it_can(units, compartments, axons, words):
    core = Core(compartments, axons, synapse_bits=64 * (40 + 16 * words))
    (stage,) = staged(grid_of(dense(*units)))
    made = place(stage, core)
    arriving, leaving = usage(stage, made.bounds, core)
    assert all(cut[0] == 0 and (np.diff(cut) > 0).all() for cut in made.bounds.values())
    assert all(np.diff(cut).max() <= compartments for cut in made.bounds.values())
    assert max(len(axons_in) for axons_in in arriving.values()) <= axons
    assert max(len(axons_out) for axons_out in leaving.values()) <= axons or made.crowded


def test_few_cores_are_taken():
    (made,) = placed(grid_of(dense(2000, 10)))
    assert made.cores == 3
    assert {key[0]: len(cut) - 1 for key, cut in made.bounds.items()} == {"fire0": 2, "fire1": 1}


def test_the_memory_of_a_core_says_how_many_neurons_share_it():
    """4000 axons, each with 14 synapses of 14 bits on a core of 20 neurons, are 2^20 bits; with 30 neurons too many."""
    (made,) = placed(grid_of(dense(4000, 60)))
    assert made.bounds["fire1", 0].tolist() == [0, 20, 40, 60]


def test_the_memory_of_an_axon_is_that_of_nengo_loihi(emulator):
    done = subprocess.run([emulator, "-c", BITS], capture_output=True, text=True, check=True)
    for index_bits, expected in zip((6, 9, 10), json.loads(done.stdout), strict=True):
        assert memory(np.arange(300), index_bits).tolist() == expected


@pytest.mark.parametrize(("hops", "relays"), [(1, 0), (2, 1), (4, 3)])
def test_a_shortcut_waits_in_one_relay_for_each_layer_it_skips(hops, relays):
    fire, one = IntegrateFire(reset="zero"), np.eye(3, dtype=np.float32)
    nodes = [Node("input", SpikeSource((3,))), Node("first", Dense(one), ("input",)), Node("fire0", fire, ("first",))]
    for number in range(1, hops):
        nodes.append(Node(f"dense{number}", Dense(one), (nodes[-1].name,)))
        nodes.append(Node(f"fire{number}", fire, (nodes[-1].name,)))
    nodes += [Node("sum", Add(), (nodes[-1].name, "fire0")), Node("last", fire, ("sum",))]
    (stage,) = staged(grid_of(Graph((*nodes, Node("readout", Readout(), ("last",))))))
    assert stage.depth == hops
    assert sum(group.key[1] > 0 for group in stage.groups) == relays
