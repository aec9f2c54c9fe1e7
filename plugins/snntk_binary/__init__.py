"""Weights of one and two bits: binary, ternary, and the predecessor's signs."""

from snntk_binary.binary import Binary
from snntk_binary.sign import Sign
from snntk_binary.ternary import Ternary
from snntk_core import WeightQuantizer, hookimpl

__all__ = ["Binary", "Sign", "Ternary"]


@hookimpl
def snntk_quantizers() -> list[type[WeightQuantizer]]:
    """Offer the quantizers."""
    return [Binary, Ternary, Sign]
