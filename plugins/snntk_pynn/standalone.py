"""Run a spiking network on a simulator or a machine that PyNN reaches.

    python run.py INPUTS.npy [--backend MODULE] [--steps T] [--output FOLDER]

INPUTS.npy holds samples in the layout of the trained model.  Each runs alone, from the initial state, as constant
currents into the first neurons.  FOLDER then holds spikes.npz, three arrays for each population, ``0_sample``,
``0_step`` (from 1) and ``0_unit`` for the first of network.json and so on, and scores.npy (samples, outputs).

This file, network.json and synapses.npz belong together.  They need numpy and PyNN with one of its backends.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

import numpy as np

BACKEND = "pyNN.spiNNaker"
HOP = 2  # steps from a spike to what it does in the next population, on every backend
LEAD = 1  # steps that pass before a sample begins

# Of a delay of n steps, how many more it takes, and when PyNN says that the step was which begins at time 0.  NEST
# names a step by its end, and PyNN begins with a step more there than it is told.
LATENCY = {("pyNN.brian2", "IF_curr_exp"): 1, ("pyNN.nest", "IF_curr_exp"): 1}
NAMED = {"pyNN.nest": 2}


def main() -> None:
    """Read the network and the samples, run them, and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inputs", type=Path, help="samples, an array of numpy")
    parser.add_argument("--backend", default=BACKEND, help=f"a module of PyNN, by default {BACKEND}")
    parser.add_argument("--steps", type=int, help="how long each sample runs")
    parser.add_argument("--output", type=Path, default=Path("results"), help="the folder to write")
    arguments = parser.parse_args()
    here = Path(__file__).resolve().parent
    network = json.loads((here / "network.json").read_text())
    with np.load(here / "synapses.npz", allow_pickle=False) as file:
        arrays = dict(file)
    steps = network["steps"] if arguments.steps is None else arguments.steps
    if not steps:
        parser.error("the network does not say how long it is meant to run; give --steps")
    if steps < 1:
        parser.error(f"steps are counted from 1, got {steps}")
    samples = samples_of(arguments.inputs, network["input"]["shape"], parser)
    currents = constant_currents(network, arrays, samples)
    trains = simulated(arguments.backend, network, arrays, currents, len(samples), steps)
    arguments.output.mkdir(parents=True, exist_ok=True)
    columns = ("sample", "step", "unit")
    found = {f"{place}_{key}": train[key] for place, train in enumerate(trains) for key in columns}
    np.savez_compressed(arguments.output / "spikes.npz", **found)
    np.save(arguments.output / "scores.npy", scores(network, arrays, currents[-1], trains, steps))


def samples_of(path, shape, parser):
    """Return the samples of a file, (n, *shape); what is no such thing ends the script with a sentence."""
    try:
        samples = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        parser.error(f"{path} holds no array of numpy: {error}")
    if not isinstance(samples, np.ndarray):
        parser.error(f"{path} holds several arrays, not samples alone; write these with numpy.save")
    if not samples.ndim or list(samples.shape[1:]) != shape:
        parser.error(f"the samples have the shape {list(samples.shape[1:])}, not {shape}")
    if not len(samples):
        parser.error(f"{path} holds no samples")
    if samples.dtype.kind not in "biuf" or not np.isfinite(samples).all():
        parser.error(f"{path} holds values that are no finite numbers")
    return samples


def constant_currents(network, arrays, samples):
    """Return what each population, and last the readout, receives in every step: (samples, units)."""
    order = network["input"]["order"]
    samples = samples.transpose(0, *(axis + 1 for axis in order)) if order else samples
    flat = samples.reshape(len(samples), -1).astype(np.float64)
    found = []
    for place in range(len(network["populations"]) + 1):
        bias = arrays[f"{place}_bias"]
        current = np.broadcast_to(bias, (len(flat), len(bias))).copy()
        for entry in network["projections"]:
            if entry["source"] is None and entry["target"] == place:
                before, after, weight = (arrays[f"{entry['key']}_{part}"] for part in ("before", "after", "weight"))
                for row, sample in zip(current, flat, strict=True):
                    row += np.bincount(after, weight * sample[before], len(bias))
        found.append(current)
    return found


def simulated(backend, network, arrays, currents, samples, steps):
    """Return the spikes of each population."""
    try:
        sim = importlib.import_module(backend)
    except ModuleNotFoundError as error:
        sys.exit(f"{backend} needs {error.name}, which is not installed. Install it, or name another --backend.")
    set_up(sim, backend, network)
    populations = [made(sim, backend, network, arrays, place) for place in range(len(network["populations"]))]
    for entry in network["projections"]:
        if entry["source"] is not None and entry["target"] < len(populations):
            connect(sim, backend, network, arrays, populations, entry)
    depths = [entry["depth"] for entry in network["populations"]]
    for sample in range(samples):
        if sample:
            sim.reset()
        sim.run(float(LEAD))
        for depth in range(max(depths, default=0) + 1):
            for place, population in enumerate(populations):
                if depths[place] == depth:
                    population.set(i_offset=currents[place][sample])
            sim.run(float(HOP))
        sim.run(float(steps + 1))
        for population in populations:
            population.set(i_offset=0.0)
    trains = [recorded(population, samples) for population in populations]
    sim.end()
    return [within(train, depth, backend, steps) for train, depth in zip(trains, depths, strict=True)]


def set_up(sim, backend, network):
    """Set PyNN up, by the line that was chosen for the backend of this script or as another one needs it."""
    if (backend, network["cell"]) == ("pyNN.brian2", "IF_curr_delta"):
        sys.exit("PyNN on Brian2 loses what reaches an IF_curr_delta while it fires. Write the script for brian2.")
    if backend == BACKEND:
        sim.setup(timestep=1.0, min_delay=1.0)
    else:
        extra = {"spike_precision": "on_grid", "t_flush": network["flush"]} if backend == "pyNN.nest" else {}
        sim.setup(timestep=1.0, min_delay=1.0, max_delay=network["longest_delay"], **extra)
    if backend == "pyNN.spiNNaker":
        sim.set_number_of_neurons_per_core(getattr(sim, network["cell"]), network["neurons_per_core"])
    if backend == "pyNN.brian2":
        importlib.import_module("brian2").prefs.codegen.target = "numpy"  # no compiler is needed


def made(sim, backend, network, arrays, place):
    """Return a population, its spikes recorded."""
    entry = network["populations"][place]
    threshold = arrays[f"{place}_threshold"] * network["fires_at"]
    cell = getattr(sim, network["cell"])(**network["parameters"], v_thresh=threshold, i_offset=0.0)
    if backend == "pyNN.nest" and network["cell"] == "IF_curr_delta":
        cell.variable_map = {"v": "V_m"}  # which PyNN has forgotten
    initial = arrays[f"{place}_initial"]
    population = sim.Population(entry["units"], cell, initial_values={"v": initial}, label=entry["name"])
    population.record("spikes")
    return population


def connect(sim, backend, network, arrays, populations, entry):
    """Make the synapses of a projection, excitatory and inhibitory ones apart."""
    before, after, weight = (arrays[f"{entry['key']}_{part}"] for part in ("before", "after", "weight"))
    depths = [network["populations"][end]["depth"] for end in (entry["source"], entry["target"])]
    delay = HOP * (depths[1] - depths[0]) - LATENCY.get((backend, network["cell"]), 0)
    rows = np.column_stack([before, after, weight * network["gain"], np.full(len(weight), float(delay))])
    for receptor, mine in (("excitatory", weight > 0), ("inhibitory", weight < 0)):
        if mine.any():
            ends = (populations[end] for end in (entry["source"], entry["target"]))
            connector = sim.FromListConnector(rows[mine], column_names=("weight", "delay"))
            sim.Projection(*ends, connector, sim.StaticSynapse(), receptor_type=receptor)


def recorded(population, samples):
    """Return sample, time in ms and unit of every spike of a population."""
    segments = population.get_data("spikes").segments[:samples]
    found = [
        (sample, float(time), unit)
        for sample, segment in enumerate(segments)
        for unit, train in enumerate(segment.spiketrains)
        for time in np.asarray(train)
    ]
    return np.array(found, np.float64).reshape(-1, 3)


def within(train, depth, backend, steps):
    """Return the spikes of the steps of a population, counted from the first in which its current flows."""
    sample, time, unit = train.T
    step = np.floor(time + 1e-6).astype(int) - LEAD - NAMED.get(backend, 0) - HOP * depth + 1
    kept = (step >= 1) & (step <= steps)
    order = np.lexsort((unit[kept], step[kept], sample[kept]))
    named = {"sample": sample, "step": step, "unit": unit}
    return {key: values[kept][order].astype(np.int32) for key, values in named.items()}


def scores(network, arrays, current, trains, steps):
    """Return what the readout says at the end: the mean of the current that reaches it after the warm-up."""
    drive = np.repeat(current[:, None], steps, axis=1)
    for entry in network["projections"]:
        if entry["source"] is None or entry["target"] < len(trains):
            continue
        before, after, weight = (arrays[f"{entry['key']}_{part}"] for part in ("before", "after", "weight"))
        train = trains[entry["source"]]
        fired = np.zeros((len(drive), steps, network["populations"][entry["source"]]["units"]))
        fired[train["sample"], train["step"] - 1, train["unit"]] = 1
        for sample, rows in enumerate(fired):
            for step in np.flatnonzero(rows.any(axis=1)):
                drive[sample, step] += np.bincount(after, weight * rows[step, before], drive.shape[2])
    waits = min(network["readout"]["warm_up"], steps // 2)
    mean = drive[:, waits:].mean(axis=1)
    return LINKS[network["readout"]["link"]](mean.reshape(len(mean), *network["readout"]["shape"])).reshape(
        len(mean), -1
    )


def softmax(x):
    """Return shares that add up to one on the last axis."""
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


LINKS = {
    "identity": lambda x: x,
    "softmax": softmax,
    "log-softmax": lambda x: np.log(softmax(x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
}

if __name__ == "__main__":
    main()
