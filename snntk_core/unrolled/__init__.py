"""A spiking network without layers: populations, single synapses, and recordings made from their spikes."""

from snntk_core.unrolled.network import Population, Projection, Unrolled, given, plain_pools, unroll
from snntk_core.unrolled.recording import (
    driven,
    given_potentials,
    given_train,
    ordered,
    pooled_train,
    readout_potentials,
    recorded,
)

__all__ = [
    "Population", "Projection", "Unrolled", "driven", "given", "given_potentials", "given_train", "ordered",
    "plain_pools", "pooled_train", "readout_potentials", "recorded", "unroll",
]  # fmt: skip
