"""The parameters of NEST's neurons make them those of the core, to the last bit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_nest.neurons import ENDLESS, LOWEST, time_constant

nest = pytest.importorskip("nest", reason="nest-simulator is not installed")


@pytest.mark.parametrize("resolution", [1.0, 0.1, 0.125])
@pytest.mark.parametrize("leak", [0.5, 0.75, *(2.0**-k for k in range(2, 13))])
def test_a_leak_of_a_binary_fraction_is_met_to_the_last_bit(leak, resolution):
    assert math.exp(-resolution / time_constant(leak, resolution)) == 1 - leak


@given(st.floats(0.001, 0.999), st.sampled_from([1.0, 0.1, 0.125]))
def test_any_leak_is_met_but_for_the_last_bits_of_a_double(leak, resolution):
    wanted = float(np.float32(1 - leak))
    assert abs(math.exp(-resolution / time_constant(leak, resolution)) / wanted - 1) < 2**-49


def test_without_a_leak_nothing_is_lost():
    assert math.exp(-1000.0 / ENDLESS) == 1.0


@settings(max_examples=20, deadline=None)
@given(st.floats(-1e6, 1e6), st.sampled_from([0.0, 0.5, 0.25, 0.75]), st.sampled_from([1.0, 0.1]))
def test_a_neuron_of_nest_loses_just_that(potential, leak, resolution):
    tau = time_constant(leak, resolution)
    found = stepped("iaf_psc_delta", {"V_m": potential, "tau_m": tau, "V_th": 1e9, "V_reset": 0.0}, resolution)
    assert found[0] == (1 - leak) * potential


@pytest.mark.parametrize("model", ["iaf_psc_delta", "eprop_iaf_bsshslm_2020"])
def test_a_neuron_taken_out_of_reach_comes_back_to_zero(model):
    weights = {"spike_times": [1.0, 2.0, 3.0], "spike_weights": [-(LOWEST**2), 1e30, -LOWEST]}
    given = {"V_m": 0.3, "tau_m": ENDLESS, "V_th": 1.0, "V_min": LOWEST, "t_ref": 0.0}
    assert stepped(model, given, 1.0, weights)[1:4] == [LOWEST, LOWEST, 0.0]


def stepped(model, parameters, resolution, spikes=None):
    """The potential of a neuron after each of five steps."""
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=resolution, eprop_reset_neurons_on_update=False)
    reset = {"V_reset": 0.0} if model == "iaf_psc_delta" else {}
    neuron = nest.Create(model, params={"E_L": 0.0, "C_m": 1.0} | reset | parameters)
    meter = nest.Create("multimeter", params={"interval": resolution, "record_from": ["V_m"]})
    nest.Connect(meter, neuron, syn_spec={"delay": resolution})
    if spikes:
        nest.Connect(nest.Create("spike_generator", params=spikes), neuron, syn_spec={"delay": resolution})
    nest.Simulate(6 * resolution)
    found = meter.get("events")["V_m"].tolist()
    nest.ResetKernel()
    return found
