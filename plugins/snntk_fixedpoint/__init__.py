"""Fixed point: the format Qm.f for weights, biases and outputs."""

from snntk_core import ActivationQuantizer, WeightQuantizer, hookimpl
from snntk_fixedpoint.activations import FixedPointActivations
from snntk_fixedpoint.weights import FixedPoint

__all__ = ["FixedPoint", "FixedPointActivations"]


@hookimpl
def snntk_quantizers() -> list[type[WeightQuantizer | ActivationQuantizer]]:
    """Offer the quantizers."""
    return [FixedPoint, FixedPointActivations]
