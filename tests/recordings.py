"""What simulators are compared by: probes of everything, and two recordings side by side."""

from __future__ import annotations

import numpy as np

from snntk_core import Graph, IntegrateFire, Probes, Readout
from snntk_core.connectivity import spiking_nodes
from snntk_core.simulator import Recording


def everything(graph: Graph) -> Probes:
    """Return probes of all there is to record."""
    holding = tuple(node.name for node in graph if isinstance(node.op, IntegrateFire | Readout))
    return Probes(spikes=spiking_nodes(graph), potentials=holding, operations=True)


def assert_alike(got: Recording, expected: Recording) -> None:
    """Everything recorded is equal, spike for spike and bit for bit; scores are to rounding."""
    np.testing.assert_array_equal(got.times, expected.times)
    for key in ("spike_counts", "potentials", "operations"):
        one, other = getattr(got, key), getattr(expected, key)
        assert one.keys() == other.keys()
        for name, array in one.items():
            assert array.shape == other[name].shape, (key, name)
            np.testing.assert_array_equal(array, other[name], err_msg=f"{key} of {name}")
    assert got.spikes.keys() == expected.spikes.keys()
    for name, train in got.spikes.items():
        for part in ("sample", "time", "unit"):
            np.testing.assert_array_equal(getattr(train, part), getattr(expected.spikes[name], part), err_msg=name)
    np.testing.assert_array_equal(got.synaptic_operations, expected.synaptic_operations)
    np.testing.assert_allclose(got.scores, expected.scores, atol=1e-6)
