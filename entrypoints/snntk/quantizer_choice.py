"""Which quantizers are meant: by name, as they are, by a user's function, or the usual ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from snntk_core.component import Component
from snntk_core.errors import OptionError, listed
from snntk_core.node import Node
from snntk_core.quantizer import ActivationQuantizer, WeightQuantizer
from snntk_core.registry import Registry

C = TypeVar("C", bound=Component)
WEIGHTS = "max-per-axis"
CALIBRATED = "minimum-mean-square-error"
UNCALIBRATED = "quantized-relu"
PRESETS = {WEIGHTS: {"largest_scale": 0.0}}
"""Options of quantizers that nobody asked for by name: no limit of the scale, which costs small weights."""
QuantizerFunction = Callable[[Node, int], WeightQuantizer | None]


def sized(kind: str, quantizer: str | C | None, bits: int, registry: Registry, usual: str = WEIGHTS) -> Any:
    """Return a quantizer of this kind with ``bits``, ``usual`` for None; one without the option is taken as it is."""
    expected = WeightQuantizer if kind == "weights" else ActivationQuantizer
    named = usual if quantizer is None else quantizer
    found = registry.quantizers[named] if isinstance(named, str) else type(named)
    if not issubclass(found, expected):
        others = listed(name for name, other in registry.quantizers.items() if issubclass(other, expected))
        what = found.name if issubclass(found, Component) else f"A {found.__name__}"
        raise OptionError([f"{what} is no quantizer for {kind}. Those for {kind} are {others}."])
    found.require()
    options = [option.name for option in found.options()]
    given = PRESETS.get(usual, {}) if quantizer is None else {}
    if not isinstance(named, str):
        given = {name: getattr(named, name) for name in options}
    return found.configure({**given, "bits": bits} if "bits" in options else given)


def own_quantizers(function: object) -> QuantizerFunction:
    """Return a user's quantizer function, whose answers are checked; raises `OptionError` for what is no function."""
    if not callable(function):
        raise OptionError([f"quantizer_function is a function of a node and bits, got a {type(function).__name__}."])

    def checked(node: Node, bits: int) -> WeightQuantizer | None:
        found = function(node, bits)
        if found is not None and not isinstance(found, WeightQuantizer):
            given = f"{node.name}: quantizer_function gave a {type(found).__name__}"
            raise OptionError([f"{given}; it gives a WeightQuantizer such as Ternary(), or None for the usual one."])
        return found

    return checked
