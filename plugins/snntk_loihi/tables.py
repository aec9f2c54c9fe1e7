"""What the worker is given, as flat arrays: the cores and synapses of a stage, and the samples of a run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snntk_core import Array, SpikeTrain
from snntk_loihi.limits import BIAS, BIAS_EXPONENT, UNIT
from snntk_loihi.placement import Placed
from snntk_loihi.stages import Bundle, Key, Stage

Given = tuple[str, int]
"""Spikes of an earlier stage: the population, and the depth of the groups that they drive."""


def first_compartments(stage: Stage) -> dict[Key, int]:
    """Return where each group begins among the compartments of its stage."""
    starts = np.cumsum([0, *(group.units for group in stage.groups)])
    return {group.key: int(start) for group, start in zip(stage.groups, starts, strict=False)}


def given_spikes(stage: Stage) -> list[Given]:
    """Return the spikes that a stage is given; the same ones for every depth that they drive."""
    depth = {group.key: group.depth for group in stage.groups}
    return sorted({(bundle.source[0], depth[bundle.target]) for bundle in stage.bundles if bundle.given})


def network_tables(placed: Placed) -> dict[str, Array]:
    """Return a stage as arrays.

    ``core`` (cores, 3): group, compartments, depth.  ``silent``, ``refractory``: for each compartment.  ``given``:
    units of each source that is given.  ``link`` (links, 6): whether the source is given, its number, the core, the
    exponent, how many axons and how many synapses there are.  ``axon`` (axons, 2): the unit before, its synapses.
    ``synapse`` (synapses, 2): the compartment of the core, the weight.
    """
    stage, number = placed.stage, {group.key: at for at, group in enumerate(placed.stage.groups)}
    cores = [
        (number[group.key], size, group.depth) for group in stage.groups for size in np.diff(placed.bounds[group.key])
    ]
    first_core = np.cumsum([0, *(len(placed.bounds[group.key]) - 1 for group in stage.groups)])
    given = given_spikes(stage)
    found: list[tuple[Array, Array, Array]] = []
    for bundle in stage.bundles:
        depth = stage.groups[number[bundle.target]].depth
        source = given.index((bundle.source[0], depth)) if bundle.given else number[bundle.source]
        links, axons, synapses = _links(bundle, placed.bounds[bundle.target])
        links[:, 0], links[:, 1], links[:, 3] = bundle.given, source, bundle.exponent
        links[:, 2] += first_core[number[bundle.target]]
        found.append((links, axons, synapses))
    empty = [(np.zeros((0, width), np.int64) for width in (6, 2, 2))]
    link, axon, synapse = (np.concatenate(parts) for parts in zip(*(found or empty), strict=True))
    units = {bundle.source[0]: bundle.sources for bundle in stage.bundles if bundle.given}
    return {
        "core": np.array(cores, np.int64).reshape(-1, 3),
        "silent": np.concatenate([group.silent for group in stage.groups]),
        "refractory": np.concatenate([np.full(group.units, group.refractory) for group in stage.groups]),
        "given": np.array([units[name] for name, _ in given], np.int64),
        "link": link,
        "axon": axon,
        "synapse": synapse,
    }


def _links(bundle: Bundle, bounds: Array) -> tuple[Array, Array, Array]:
    """Return the synapses of a bundle by core and axon."""
    core = np.searchsorted(bounds, bundle.after, side="right") - 1
    key = core * bundle.sources + bundle.before
    order = np.argsort(key, kind="stable")
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    axons = np.stack([bundle.before[order[first]], np.diff(first, append=len(order))], axis=1)
    synapses = np.stack([bundle.after[order] - bounds[core[order]], bundle.weight[order] * UNIT], axis=1)
    used, axon_count = np.unique(core[order[first]], return_counts=True)
    synapse_count = np.bincount(core, minlength=len(bounds))[used]
    links = np.zeros((len(used), 6), np.int64)
    links[:, 2], links[:, 4], links[:, 5] = used, axon_count, synapse_count
    return links, axons, synapses


def bias(current: Array, s: int, whole: bool) -> Array:
    """Return a constant current as a core counts: the nearest mantissa of 12 bits times a power of two.

    ``whole``: in whole units of ``2**-s``, because potentials are.  What is beyond the largest bias becomes that.
    """
    value = np.ldexp(np.asarray(current, np.float64), s)
    value = (np.rint(value) if whole else value) * UNIT
    exponent = np.ceil(np.log2(np.maximum(np.abs(value) / BIAS, 1)))
    step = np.exp2(np.minimum(exponent, BIAS_EXPONENT))
    return (np.clip(np.rint(value / step), -BIAS, BIAS) * step).astype(np.int32)


def spike_table(stage: Stage, trains: Mapping[str, SpikeTrain]) -> Array:
    """Return the spikes that a stage is given (spikes, 4): sample, step, source, unit; in order.

    A spike of step t drives a group of depth d in the emulator's step t + d, one after it arrives.
    """
    found = [np.zeros((0, 4), np.int64)]
    for number, (name, depth) in enumerate(given_spikes(stage)):
        train = trains[name]
        step = train.time + depth - 1
        found.append(np.stack([train.sample, step, np.full(len(step), number), train.unit], axis=1))
    table = np.concatenate(found)
    return table[np.lexsort(table.T[::-1])]
