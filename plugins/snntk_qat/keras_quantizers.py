"""Weight quantizers as Keras objects: what a layer computes with in every forward pass, and how gradients pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from snntk_core.errors import OptionError

LARGEST_SCALE = 1000.0
LEAST_RANGE = 1e-10  # below it a kernel counts as zero: its scale has no gradient


def rounded(x: Any, to: Any) -> Any:
    """Return ``to(x)`` with the gradient of ``x``; ``to`` rounds: `keras.ops.round` or `keras.ops.ceil`."""
    import keras

    return x + keras.ops.stop_gradient(to(x) - x)


class KerasWeightQuantizer(ABC):
    """``q(w) = clip(round_half_even(w * s), -highest, highest) / s``, ``highest = 2^(bitwidth-1) - 1``.

    ``s = clip(highest / range, 0, largest_scale)``.  Gradients: rounding has 1, clipping its own, and what the range
    depends on gets its part, because the scale is computed from the weights in every pass.  A subclass, a dataclass,
    says `range_of`.  ``largest_scale``: 0 for no limit; cnn2snn has 1000.  Raises `OptionError` for fewer than 2 bits.
    """

    bitwidth: int
    largest_scale: float

    def __post_init__(self) -> None:
        if isinstance(self.bitwidth, bool) or not isinstance(self.bitwidth, int) or not 2 <= self.bitwidth <= 24:
            name = type(self).__name__
            raise OptionError([f"{name} takes a bitwidth of 2 to 24, got {self.bitwidth!r}."])
        limit = self.largest_scale
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit < float("inf"):
            raise OptionError([f"{type(self).__name__} takes a largest_scale of 0 or more, got {limit!r}."])

    @property
    def highest(self) -> int:
        """The largest code."""
        return int(2 ** (self.bitwidth - 1)) - 1

    @abstractmethod
    def range_of(self, kernel: Any) -> Any:
        """Return the largest value that gets a code of its own, a scalar or one for each index of the last axis."""

    def scale_factor(self, kernel: Any) -> Any:
        """Return how many codes one unit has: a scalar, or one for each index of the last axis."""
        from keras import ops

        reach = ops.maximum(self.range_of(kernel), LEAST_RANGE)
        return ops.clip(self.highest / reach, 0.0, self.largest_scale) if self.largest_scale else self.highest / reach

    def quantize(self, kernel: Any) -> Any:
        """Return the kernel on its grid."""
        from keras import ops

        scale = self.scale_factor(kernel)
        return ops.clip(rounded(kernel * scale, ops.round), -self.highest, self.highest) / scale

    def get_config(self) -> dict[str, Any]:
        """Return the options, without the limit of cnn2snn, which it does not know as an option."""
        given = dict(vars(self))
        if self.largest_scale == LARGEST_SCALE:
            del given["largest_scale"]
        return given

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> KerasWeightQuantizer:
        """Return the quantizer with the options that `get_config` gave."""
        return cls(**config)


@dataclass(frozen=True)
class MaxQuantizer(KerasWeightQuantizer):
    """``range = max|w|``: one scale for the whole kernel."""

    bitwidth: int = 4
    largest_scale: float = LARGEST_SCALE

    def range_of(self, kernel: Any) -> Any:
        """Return the largest absolute value."""
        from keras import ops

        return ops.max(ops.abs(kernel))


@dataclass(frozen=True)
class MaxPerAxisQuantizer(KerasWeightQuantizer):
    """``range_c = max|w_c|`` for each index ``c`` of the last axis."""

    bitwidth: int = 4
    largest_scale: float = LARGEST_SCALE

    def range_of(self, kernel: Any) -> Any:
        """Return the largest absolute values."""
        from keras import ops

        return ops.max(ops.abs(kernel), axis=list(range(len(kernel.shape) - 1)))


@dataclass(frozen=True)
class StdWeightQuantizer(KerasWeightQuantizer):
    """``range = threshold * std(w)``, of the population: one scale for the whole kernel."""

    threshold: float = 3.0
    bitwidth: int = 4
    largest_scale: float = LARGEST_SCALE

    def __post_init__(self) -> None:
        _check_threshold(self.threshold)
        KerasWeightQuantizer.__post_init__(self)

    def range_of(self, kernel: Any) -> Any:
        """Return some standard deviations."""
        return self.threshold * _deviation(kernel, None)


@dataclass(frozen=True)
class StdPerAxisQuantizer(KerasWeightQuantizer):
    """``range_c = threshold * std(w_c)``, of the population, for each index ``c`` of the last axis."""

    threshold: float = 3.0
    bitwidth: int = 4
    largest_scale: float = LARGEST_SCALE

    def __post_init__(self) -> None:
        _check_threshold(self.threshold)
        KerasWeightQuantizer.__post_init__(self)

    def range_of(self, kernel: Any) -> Any:
        """Return some standard deviations of each."""
        return self.threshold * _deviation(kernel, list(range(len(kernel.shape) - 1)))


def _deviation(kernel: Any, axis: list[int] | None) -> Any:
    """The standard deviation; that of equal weights has no gradient."""
    from keras import ops

    squares = ops.mean(ops.square(kernel - ops.mean(kernel, axis=axis, keepdims=True)), axis=axis)
    return ops.sqrt(ops.maximum(squares, LEAST_RANGE**2))


def _check_threshold(threshold: float) -> None:
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 < threshold < float("inf"):
        raise OptionError([f"The threshold is a number of standard deviations above 0, got {threshold!r}."])


QUANTIZERS = (MaxQuantizer, MaxPerAxisQuantizer, StdWeightQuantizer, StdPerAxisQuantizer)
"""The quantizers that Keras can save and load, under the names of cnn2snn."""


def quantizer_of(identifier: Any) -> KerasWeightQuantizer:
    """Return a quantizer given as itself or as its configuration; raises `OptionError` for anything else."""
    if isinstance(identifier, KerasWeightQuantizer):
        return identifier
    if isinstance(identifier, Mapping):
        name = str(identifier.get("registered_name") or identifier.get("class_name"))
        known = {kind.__name__: kind for kind in QUANTIZERS}
        found = known.get(name.rpartition(">")[2])
        config = identifier.get("config")
        if found is not None and isinstance(config, Mapping):
            unknown = sorted(set(config) - {item.name for item in fields(found)})
            if unknown:
                raise OptionError([f"{found.__name__} takes no {', '.join(map(str, unknown))}."])
            return found.from_config(config)
        if found is None and identifier.get("registered_name"):
            import keras

            other = keras.saving.deserialize_keras_object(identifier)
            if isinstance(other, KerasWeightQuantizer):
                return other
    names = ", ".join(kind.__name__ for kind in QUANTIZERS)
    raise OptionError([f"{identifier!r} is no weight quantizer; give one of {names}, or a KerasWeightQuantizer."])
