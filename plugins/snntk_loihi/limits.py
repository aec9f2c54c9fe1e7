"""What one core of Loihi 1 holds.  Sources: Davies 2018; the checks of nengo-loihi 1.1.0 before it writes a chip.

Thresholds and weights are counted in units of 64, the weight 1 of exponent 0; see decision 0033.
"""

from __future__ import annotations

from dataclasses import dataclass

UNIT = 64
MANTISSA = (
    127  # a synapse of either sign keeps 8 bits of weight, the lowest of them 0: 2 * MANTISSA * 2**exponent units
)
EXPONENT = 7
WEIGHT = 2 * MANTISSA << EXPONENT  # units that two synapses of different exponents reach together
SYNAPTIC = (1 << 15) - 1  # units that the synapses of a neuron add in one step: 21 bits and a sign
BIAS, BIAS_EXPONENT = 4095, 7  # a mantissa of 12 bits, and the largest exponent: of single potentials, not of units
LARGEST_BIAS = (BIAS << BIAS_EXPONENT) // UNIT  # units
STEADY = 4096  # units: a threshold that a bias can reach in one step, with exact biases below it
POTENTIAL = (1 << 17) - 1  # units: 23 bits and a sign
THRESHOLD = POTENTIAL  # units: a mantissa of 17 bits says which potential is the last without a spike
REFRACTORY = 62  # steps
THRESHOLDS = 8  # different ones on a core
MOST_SYNAPSES = 20_000_000  # that are listed one by one: some 2 GB, and three chips


@dataclass(frozen=True)
class Core:
    """How much one core holds: compartments, axons that come and go, and bits of synapses."""

    compartments: int = 1024
    axons: int = 4096
    synapse_bits: int = 16384 * 64


CORE = Core()
