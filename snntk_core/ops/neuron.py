"""Ops of a spiking network: where current enters, neurons, pooling of spikes, and the readout.

Time is counted in steps.  A spike crosses the whole network within one step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from snntk_core.errors import ShapeError
from snntk_core.ops.base import Array, NeuronOp, array_field
from snntk_core.ops.structure import pooled
from snntk_core.shapes import Padding, Shape, broadcast_fits, permuted


@dataclass(frozen=True, eq=False)
class SpikeSource(NeuronOp):
    """The input as an analog current: ``I(t) = x`` in every step.

    ``shape`` is the model's own, without batch; ``order`` permutes it to channels last (empty: as it is).  Samples
    below ``lowest`` or above ``largest`` are refused: spikes behind the source could not carry them (None: any).
    """

    arity: ClassVar[int | None] = 0
    shape: Shape
    order: Shape = ()
    lowest: float | None = None
    largest: float | None = None

    def infer(self, *shapes: Shape) -> Shape:
        """Return the permuted shape."""
        return permuted(self.shape, self.order, "SpikeSource")


@dataclass(frozen=True, eq=False)
class PoissonSpikes(NeuronOp):
    """A spike in step ``t`` where ``u(t) < x / amplitude``; a spike carries ``amplitude``, so the mean output is ``x``.

    ``x``: what it reads, the same in every step.  ``u(t)``: one number in [0, 1) for each unit and step, drawn from
    ``seed`` and the sample alone, so a sample gives the same spikes in any batch and on any simulator, and a longer run
    begins with those of a shorter one.  Nodes with one seed draw the same numbers.  ``amplitude`` is a scalar or
    broadcasts onto the shape; above it a unit fires in every step, below zero never.  The draws are Bernoulli: at most
    one spike in a step.  Source: the Poisson input of Diehl 2015.
    """

    amplitude: Array = array_field(1.0)
    seed: int = 0

    @property
    def spike(self) -> Array:
        """What one spike carries."""
        return self.amplitude

    def infer(self, *shapes: Shape) -> Shape:
        """Return the input shape."""
        if not broadcast_fits(self.amplitude.shape, shapes[0]):
            raise ShapeError(f"PoissonSpikes has an amplitude of shape {self.amplitude.shape} for shape {shapes[0]}.")
        if not np.all(self.amplitude > 0) or self.seed < 0:
            raise ShapeError(f"PoissonSpikes takes an amplitude above zero and a seed from 0, got seed {self.seed}.")
        return shapes[0]


@dataclass(frozen=True, eq=False)
class IntegrateFire(NeuronOp):
    """``V <- (1 - leak) V + I``; a spike where ``V >= threshold``; then ``V <- V - threshold`` or ``V <- 0``.

    ``V(0) = initial_potential``.  A spike carries ``amplitude`` (None: the threshold) to the next layer.  For
    ``refractory`` steps after a spike the neuron neither integrates nor leaks.  Arrays are scalars or broadcast onto
    the shape (one value for each channel).  Source: integrate-and-fire with reset by subtraction, Rueckauer 2017.
    """

    threshold: Array = array_field(1.0)
    initial_potential: Array = array_field(0.0)
    amplitude: Array | None = array_field(None)
    reset: Literal["subtract", "zero"] = "subtract"
    leak: float = 0.0
    refractory: int = 0

    @property
    def spike(self) -> Array:
        """What one spike carries."""
        return self.threshold if self.amplitude is None else self.amplitude

    def infer(self, *shapes: Shape) -> Shape:
        """Return the input shape."""
        for name, array in self.arrays.items():
            if not broadcast_fits(array.shape, shapes[0]):
                raise ShapeError(f"IntegrateFire has a {name} of shape {array.shape} for shape {shapes[0]}.")
        if not np.all(self.threshold > 0):
            raise ShapeError("IntegrateFire needs thresholds above zero.")
        if self.reset not in ("subtract", "zero") or not 0 <= self.leak < 1 or self.refractory < 0:
            raise ShapeError(
                f"IntegrateFire takes reset 'subtract' or 'zero', leak in [0, 1) and refractory >= 0, "
                f"got {self.reset!r}, {self.leak} and {self.refractory}."
            )
        return shapes[0]


@dataclass(frozen=True, eq=False)
class SpikingMaxPool(NeuronOp):
    """Max pooling of spike trains, with ``C_i(t)`` the sum of input ``i`` so far.

    ``rule="count"``: ``y(t) = max_i C_i(t) - max_i C_i(t - 1)``, so the output has emitted exactly the largest count
    at every time, one spike at most in a step.  ``rule="gate"``: ``y(t) = x_k(t)`` with ``k`` the first largest
    ``C_i(t)`` of the window, the predecessor's rule, without its fault of passing a spike once for every window won.
    """

    kernel: Shape
    strides: Shape = ()
    padding: Padding = "valid"
    ceil_mode: bool = False
    dilation: Shape = ()
    rule: Literal["count", "gate"] = "count"

    def infer(self, *shapes: Shape) -> Shape:
        """One output for each window."""
        if self.rule not in ("count", "gate"):
            raise ShapeError(f"SpikingMaxPool takes rule 'count' or 'gate', got {self.rule!r}.")
        return pooled(
            shapes[0], self.kernel, self.strides, self.padding, self.ceil_mode, "SpikingMaxPool", self.dilation
        )


Link = Literal["identity", "softmax", "log-softmax", "sigmoid", "tanh"]
"""A function the readout applies to its potential, off the network: a classifier's last nonlinearity."""


@dataclass(frozen=True, eq=False)
class Readout(NeuronOp):
    """``score(t) = link((V(t) - V(w)) / (t - w))``, ``V`` the sum of all current so far: a neuron that never fires.

    ``w = min(warm_up, t // 2)``: what reaches the readout in the first steps, while deep layers still charge, is left
    out, but never more than the first half, so a score does not depend on how long the run goes on.  In an analog graph
    it is ``link(x)``.  Source of the delayed readout: Bu 2025.
    """

    link: Link = "identity"
    warm_up: int = 0

    def infer(self, *shapes: Shape) -> Shape:
        """Return the input shape."""
        if self.link not in ("identity", "softmax", "log-softmax", "sigmoid", "tanh"):
            raise ShapeError(f"Readout does not know the link {self.link!r}.")
        if self.warm_up < 0:
            raise ShapeError(f"Readout takes a warm-up of 0 or more steps, got {self.warm_up}.")
        return shapes[0]
