"""What the machines behind a script differ in: how PyNN is set up, which neurons, and in which ranges."""

from __future__ import annotations

from dataclasses import dataclass
from math import log


@dataclass(frozen=True)
class Target:
    """A simulator or machine that PyNN reaches.

    ``module``: PyNN's for it.  ``setup``: what its ``setup`` is given.  ``cell``: which neuron stands for ours.
    ``keeps``: a neuron loses the share ``2**-keeps`` of its potential in a step, which no PyNN neuron can do without.
    ``early``: a neuron fires at ``1 - 2**-early`` of its threshold, which makes up for what it lost.
    ``longest_delay``: in steps; None for any.  ``weight_bits``: of one synapse, sign apart; None for a float.
    """

    module: str
    setup: str
    cell: str = "IF_curr_delta"
    keeps: int = 20
    early: int = 10
    longest_delay: int | None = None
    weight_bits: int | None = None

    @property
    def tau(self) -> float:
        """The time constant of the membrane in ms: ``exp(-1 / tau) = 1 - 2**-keeps``."""
        return -1 / log(1 - 2.0**-self.keeps)

    @property
    def parameters(self) -> dict[str, float]:
        """What every neuron is given, in PyNN's units.

        ``cm = tau 2**-keeps``, so that a current of one nanoampere adds ``tau / cm (1 - exp(-1 / tau))``, one
        millivolt, in a step.
        """
        common = {"v_rest": 0.0, "v_reset": 0.0, "tau_m": self.tau, "cm": self.tau * 2.0**-self.keeps}
        synapses = {"tau_syn_E": SYNAPSE, "tau_syn_I": SYNAPSE}
        return {**common, "tau_refrac": 0.0, **(synapses if self.cell == "IF_curr_exp" else {})}

    @property
    def gain(self) -> float:
        """By what a weight is multiplied so that a spike adds it to the potential, see `SYNAPSE`."""
        return 1 / SYNAPSE if self.cell == "IF_curr_exp" else 1.0


SYNAPSE = 1 / 16
"""The time constant of exponential synapses in ms.

A spike of weight w brings the charge ``w tau_syn``, so it adds ``w tau_syn / dt`` as much as a current of w does in a
step.  Weights are multiplied by ``dt / tau_syn``, which is 16: on a grid of powers of two they stay on one.  All but
``exp(-16)``, a ten-millionth, arrives within one step, and the rest after it.
"""

TARGETS = {
    "nest": Target(
        "pyNN.nest",
        'sim.setup(timestep=1.0, min_delay=1.0, max_delay={delay}, spike_precision="on_grid", t_flush={flush})',
    ),
    "neuron": Target(
        "pyNN.neuron", "sim.setup(timestep=0.015625, min_delay=1.0, max_delay={delay})", "IF_curr_exp", 20, 10
    ),
    "brian2": Target("pyNN.brian2", "sim.setup(timestep=1.0, min_delay=1.0, max_delay={delay})", "IF_curr_exp"),
    "spinnaker": Target("pyNN.spiNNaker", "sim.setup(timestep=1.0, min_delay=1.0)", "IF_curr_exp", 10, 5, 144, 16),
}
