"""The worker: drives nengo-loihi's emulator in an environment that has it, told by lines of JSON what to do.

It is run as a script and imports nothing of snntk.  ``{"forget": true}`` drops what there is.  ``{"stage": file}``
builds a stage.  ``{"run": number, "samples": file, "result": file}`` runs samples on it.  Each line is answered by one:
``{}``, or ``{"error": sentence}``.  When nobody asks any more it removes the folder that it was given, and ends.
"""

from __future__ import annotations

import json
import shutil
import sys
import warnings

import numpy as np

NO_DECAY_OF_POTENTIAL, WHOLE_DECAY_OF_CURRENT = 0, 4095
LOWEST, HIGHEST = -(2**23) + 1, 2**23 - 1


class Stage:
    """A stage in the emulator: one block for each core."""

    def __init__(self, tables):
        from nengo_loihi.builder.builder import Model
        from nengo_loihi.builder.validate import validate_model
        from nengo_loihi.emulator import EmulatorInterface
        from nengo_loihi.inputs import SpikeInput

        self.tables = tables
        self.core, self.sizes = tables["core"], tables["core"][:, 1]
        self.starts = np.cumsum([0, *self.sizes])
        self.depth = np.repeat(self.core[:, 2], self.sizes)
        model = Model()
        self.blocks = [self._block(number) for number in range(len(self.core))]
        self.inputs = [SpikeInput(int(units)) for units in tables["given"]]
        self._connect()
        for block in self.blocks:
            model.add_block(block)
        for spikes in self.inputs:
            model.add_input(spikes)
        validate_model(model)
        self.emulator = EmulatorInterface(model, seed=0)
        self.emulator.compartment.strict = True  # an overflow is an error, not a warning

    def _block(self, number):
        from nengo_loihi.block import LoihiBlock

        block, here = LoihiBlock(int(self.sizes[number])), slice(*self.starts[number : number + 2])
        compartment = block.compartment
        compartment.decay_u = np.full(block.n_neurons, WHOLE_DECAY_OF_CURRENT, np.int32)
        compartment.decay_v = np.full(block.n_neurons, NO_DECAY_OF_POTENTIAL, np.int32)
        compartment.scale_u = compartment.scale_v = False
        compartment.vth = self.tables["silent"][here].astype(np.int32)
        compartment.bias = np.zeros(block.n_neurons, np.int32)
        compartment.refract_delay = self.tables["refractory"][here].astype(np.int32) + 1
        compartment.vmin, compartment.vmax = LOWEST, HIGHEST
        return block

    def _connect(self):
        axons, synapses = self.tables["axon"], self.tables["synapse"]
        groups = [np.flatnonzero(self.core[:, 0] == group) for group in range(self.core[:, 0].max() + 1)]
        axon_end = synapse_end = 0
        for given, source, core, exponent, axon_count, synapse_count in self.tables["link"]:
            axon = axons[axon_end : axon_end + axon_count]
            synapse = _synapse(axon, synapses[synapse_end : synapse_end + synapse_count], int(exponent))
            axon_end, synapse_end = axon_end + axon_count, synapse_end + synapse_count
            self.blocks[core].add_synapse(synapse)
            if given:
                _lead(self.inputs[source], axon[:, 0], 0, self.inputs[source].n_neurons, synapse)
                continue
            first = 0
            for member in groups[source]:
                _lead(self.blocks[member], axon[:, 0], first, int(self.sizes[member]), synapse)
                first += int(self.sizes[member])

    def run(self, samples):
        """Return the spikes (n, 3) as sample, step and compartment, watched potentials, and the first cut-off one."""
        steps, count = int(samples["steps"]), len(samples["bias"])
        spikes, potentials, cut = [], [], []
        spiking = samples["spikes"]
        for sample in range(count):
            begin, end = np.searchsorted(spiking[:, 0], [sample, sample + 1])
            self._reset(spiking[begin:end])
            for step in range(1, steps + int(self.depth.max()) + 1):
                self._start(self.depth == step - 1, samples["bias"][sample], samples["initial"])
                self.emulator.step()
                state = self.emulator.compartment
                unit = np.flatnonzero(state.spiked)
                spikes.append(np.stack([np.full(len(unit), sample), np.full(len(unit), step), unit], axis=1))
                potentials.append(state.voltage[samples["watched"]])
                low = np.flatnonzero((state.voltage <= LOWEST) & samples["driven"] & (step - self.depth <= steps))
                cut += [(step, int(unit)) for unit in low[:1]]
        shape = (count, steps + int(self.depth.max()), int(samples["watched"].sum()))
        table = np.concatenate(spikes) if spikes else np.zeros((0, 3))
        return {
            "spikes": table.astype(np.int32),
            "potentials": np.array(potentials, np.int32).reshape(shape),
            "cut": np.array(cut[:1], np.int64).reshape(-1, 2),
        }

    def _reset(self, spikes):
        state = self.emulator.compartment
        for array in (state.input, state.current, state.voltage, state.spiked, state.ref_count, state.bias):
            array[...] = 0
        self.emulator.t = 0
        for number, given in enumerate(self.inputs):
            given.spikes.clear()
            mine = spikes[spikes[:, 2] == number]
            steps, first = np.unique(mine[:, 1], return_index=True)
            for step, units in zip(steps, np.split(mine[:, 3], first[1:]), strict=False):
                given.add_spikes(int(step), units)

    def _start(self, beginning, bias, initial):
        """Give groups their constant current and initial potential as their first step comes."""
        self.emulator.compartment.bias[beginning] = bias[beginning]
        self.emulator.compartment.voltage[beginning] = initial[beginning]


def _synapse(axon, table, exponent):
    from nengo_loihi.block import Synapse

    synapse = Synapse(len(axon))
    ends = np.cumsum(axon[:, 1])[:-1]
    synapse.indices = [part[None] for part in np.split(table[:, 0].astype(np.int32), ends)]
    synapse.weights = [part[None] for part in np.split(table[:, 1].astype(np.int32), ends)]
    idx_bits = synapse.idx_bits()
    synapse.format(compression=0, idx_bits=idx_bits, fanout_type=1, n_synapses=63, weight_bits=7, weight_exp=exponent)
    return synapse


def _lead(source, units, first, count, synapse):
    """Lead the compartments of a source from ``first`` on to the axons of a synapse."""
    from nengo_loihi.block import Axon

    mine = np.flatnonzero((units >= first) & (units < first + count))
    if len(mine):
        axon = Axon(len(mine))
        axon.target, to = synapse, np.full(count, -1)
        to[units[mine] - first] = mine
        axon.set_compartment_axon_map(to)
        source.add_axon(axon)


def main():
    """Answer lines until there are no more."""
    warnings.simplefilter("ignore")
    stages, answers, sys.stdout = [], sys.stdout, sys.stderr  # what a library prints is no answer
    for line in sys.stdin:
        asked, answer = json.loads(line), {}
        try:
            if "forget" in asked:
                stages.clear()
            elif "stage" in asked:
                with np.load(asked["stage"]) as file:
                    stages.append(Stage(dict(file)))
            else:
                with np.load(asked["samples"]) as file:
                    found = stages[asked["run"]].run(dict(file))
                np.savez(asked["result"], **found)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)
    shutil.rmtree(sys.argv[1], ignore_errors=True)  # who asked may have ended without a word


if __name__ == "__main__":
    main()
