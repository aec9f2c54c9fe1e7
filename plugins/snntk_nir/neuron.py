"""Builders of NIR's neurons, discretized: one step takes ``dt``.

NIR's equations are in continuous time.  They are stepped by forward Euler, input first: IF ``v <- v + r dt I``,
LIF ``v <- (1 - dt/tau) v + (dt/tau) r I``.  Measured in units of the factor before ``I``, that is `IntegrateFire`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from snntk_core.ops import Array, IntegrateFire, Scale
from snntk_core.shapes import Shape
from snntk_nir.refusal import Refused
from snntk_nir.translation import Entry, Translation, compact

RESETS = ("subtract", "zero")
FIRES = ("at", "above")
SAY_RESET = 'say which it was trained with, by the parser\'s option reset = "subtract" or reset = "zero"'
SAY_TIME = "say how long a step is, by the parser's option dt"
NEAR = 1e-6


def _fire(translation: Translation, entry: Entry, value: str) -> str:
    shape = translation.shapes[value]
    if entry.fields.get("v_reset") is not None and np.any(entry.array("v_reset")):
        raise Refused("its v_reset is not zero, which the neurons here do not have", "shift its potentials by v_reset")
    reset = translation.reading.reset or entry.text("reset", RESETS)
    if reset is None:
        problem = "NIR does not say whether a spike subtracts the threshold or sets the potential to zero"
        raise Refused(problem, SAY_RESET)
    leak, gain = _dynamics(translation, entry, shape)
    threshold = _ratio(entry.broadcast("v_threshold", shape), gain, shape)
    if (entry.text("fires", FIRES) or "above") == "above":
        threshold = np.nextafter(threshold.astype(np.float32), np.float32(np.inf))
    initial = np.zeros((), np.float32)
    if "initial_potential" in entry.metadata:
        stored = Entry(entry.name, entry.metadata)
        initial = _ratio(stored.broadcast("initial_potential", shape), gain, shape)
    else:
        translation.assumed["the neurons begin at a potential of zero"] = None
    one = np.ones((), np.float32)
    return translation.add(entry.name, IntegrateFire(threshold, initial, one, reset, leak), value)  # type: ignore[arg-type]


def _ratio(array: Array, gain: Array, shape: Shape) -> Array:
    return array if gain.size == 1 and gain == 1 else compact(array / gain, shape)


def _dynamics(translation: Translation, entry: Entry, shape: Shape) -> tuple[float, Array]:
    """Return the leak of a step, and what one unit of current adds to the potential in a step."""
    resistance, dt = entry.broadcast("r", shape), translation.reading.dt
    if np.any(resistance <= 0):
        raise Refused("its r is not above zero")
    if entry.fields["type"] == "IF":
        if dt is None and np.any(resistance != 1):
            raise Refused(f"its r is {resistance.flat[0]:g}, and how much a step adds depends on its length", SAY_TIME)
        if dt is None:
            translation.assumed["one step lasts 1"] = None
        return 0.0, resistance if dt in (None, 1.0) else resistance * dt
    if dt is None:
        raise Refused("how much leaks in a step depends on its length, which NIR does not say", SAY_TIME)
    if np.any(entry.array("v_leak")):
        problem = "its v_leak is not zero, which the neurons here do not have"
        raise Refused(problem, "add v_leak / r to the bias before it")
    tau = entry.broadcast("tau", shape)
    if tau.size != 1:
        raise Refused("its tau differs between neurons, and a layer here has one leak", "give a layer one tau")
    if not dt < tau:
        raise Refused(f"its tau {float(tau):g} is not longer than a step of {dt:g}", SAY_TIME)
    leak, written = dt / float(tau), entry.number("leak")
    if written is not None and abs(written - leak) <= NEAR * leak:
        leak = written  # without the rounding of tau = dt / leak
    return leak, _whole(resistance * leak)


def _whole(gain: Array) -> Array:
    """Return a gain without the rounding of r = 1 / leak."""
    return np.ones_like(gain) if np.all(np.abs(gain - 1) <= NEAR) else gain


def _integrator(translation: Translation, entry: Entry, value: str) -> str:
    """An integrator before the output is what a readout does; a leaky one is its mean if the user takes that."""
    shape, reading = translation.shapes[value], translation.reading
    if entry.fields["type"] == "LI":
        if reading.readout != "mean":
            problem = "a leaky integrator weighs late currents more, a readout here takes the mean of all"
            raise Refused(problem, 'take the mean instead, by the parser\'s option readout = "mean"')
        if np.any(entry.array("v_leak")):
            raise Refused("its v_leak is not zero, which a readout here does not have", "leave v_leak out")
        gain = entry.broadcast("r", shape)
    else:
        gain = entry.broadcast("r", shape)
        if reading.dt is None and np.any(gain != 1):
            raise Refused(f"its r is {gain.flat[0]:g}, and how much a step adds depends on its length", SAY_TIME)
        gain = gain if reading.dt in (None, 1.0) else gain * reading.dt
    if gain.size == 1 and gain == 1:
        return value
    return translation.add(entry.name, Scale(gain), value)


NEURONS: Mapping[str, Any] = {"IF": _fire, "LIF": _fire, "I": _integrator, "LI": _integrator}
"""Builders of neurons."""
