"""The parameters with which neurons of NEST are those of the core, to the last bit.

Both models compute ``V <- exp(-h / tau_m) V + spikes`` in double precision and fire where ``V >= V_th``; then
``iaf_psc_delta`` sets ``V <- 0``, and ``eprop_iaf_bsshslm_2020`` subtracts ``V_th`` in its next step.  Everything that
a neuron receives comes as spikes, because a current is multiplied by ``tau_m / C_m (1 - exp(-h / tau_m))``, which is
not one for any ``tau_m`` without a leak.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from snntk_core import IntegrateFire
from snntk_core.unrolled import Population

ENDLESS = 2.0**100  # milliseconds: exp(-h / tau_m) is exactly one
LOWEST = -(2.0**200)  # a potential below all that single precision holds, from which nothing fires
NEIGHBORS = 64  # time constants that are tried for a leak


def model_of(op: IntegrateFire) -> str:
    """Return the name of the model of NEST that neurons are made of."""
    return "iaf_psc_delta" if op.reset == "zero" else "eprop_iaf_bsshslm_2020"


def parameters(population: Population, resolution: float) -> dict[str, Any]:
    """Return the parameters of the neurons of a population; a step lasts ``resolution`` milliseconds."""
    op, threshold = population.op, population.threshold
    assert isinstance(op, IntegrateFire)
    same = bool(np.all(threshold == threshold[0]))
    found = {
        "E_L": 0.0,
        "V_m": 0.0,
        "V_min": LOWEST,
        "V_th": float(threshold[0]) if same else threshold,
        "C_m": 1.0,
        "tau_m": time_constant(op.leak, resolution),
        "t_ref": op.refractory * resolution,
    }
    return found | ({"V_reset": 0.0, "refractory_input": False} if op.reset == "zero" else {})


def kept(op: IntegrateFire, resolution: float) -> float:
    """Return what NEST multiplies a potential by in a step, see `time_constant`."""
    return math.exp(-resolution / time_constant(op.leak, resolution))


def time_constant(leak: float, resolution: float) -> float:
    """Return the ``tau_m`` for which ``exp(-h / tau_m)`` is ``1 - leak`` in single precision, as the reference has it.

    For most leaks it is exactly that, among them 1/2, 3/4 and all 1/2^k; for the others, the nearest double there is.
    """
    if not leak:
        return ENDLESS
    wanted = float(np.float32(1 - leak))
    near = -resolution / math.log(wanted)
    around = near + np.spacing(near) * np.arange(-NEIGHBORS, NEIGHBORS + 1)
    return float(min(around, key=lambda tau: abs(math.exp(-resolution / tau) - wanted)))
