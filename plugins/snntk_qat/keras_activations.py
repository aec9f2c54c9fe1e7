"""Quantized activations of Keras 3: a ReLU with levels, whose gradient passes where it neither clips nor is silent."""

from __future__ import annotations

from functools import cache
from typing import Any

from snntk_core.errors import OptionError
from snntk_qat.keras_layers import keras_library, registered
from snntk_qat.keras_quantizers import rounded

DEFAULT_MAX = 6.0


def stepped(x: Any, bitwidth: int, step: float) -> Any:
    """Return ``step * clip(ceil((x - step/2) / step), 0, N)``, ``N = 2^bitwidth - 1``; ceil has the gradient 1."""
    from keras import ops

    # constants become float32 once, as in the graph: every operation then rounds alike
    width = ops.convert_to_tensor(step, x.dtype)
    return width * ops.clip(rounded((x - width / 2) / width, ops.ceil), 0.0, 2.0**bitwidth - 1)


def checked_bits(kind: str, bitwidth: int) -> int:
    """Return the number of bits; raises `OptionError` for one that cannot be."""
    if isinstance(bitwidth, bool) or not isinstance(bitwidth, int) or not 1 <= bitwidth <= 24:
        raise OptionError([f"{kind} takes a bitwidth of 1 to 24, got {bitwidth!r}."])
    return bitwidth


@cache
def quantized_relu() -> Any:
    """Return the class QuantizedReLU."""
    base = keras_library().layers.Layer

    class QuantizedReLU(base):  # type: ignore[misc, valid-type]
        """``y = step * clip(ceil((x - step/2) / step), 0, N)``, ``step = max_value / N``, ``N = 2^bitwidth - 1``."""

        def __init__(self, bitwidth: int = 4, max_value: float = DEFAULT_MAX, **options: Any) -> None:
            base.__init__(self, **options)
            self.bitwidth = checked_bits("QuantizedReLU", bitwidth)
            if isinstance(max_value, bool) or not isinstance(max_value, int | float) or not 0 < max_value < 1e30:
                raise OptionError([f"QuantizedReLU takes a max_value above 0, got {max_value!r}."])
            self.max_value = float(max_value)

        @property
        def step(self) -> float:
            """The distance of two outputs."""
            return self.max_value / (2**self.bitwidth - 1)

        def call(self, inputs: Any) -> Any:
            """Return the levels."""
            return stepped(inputs, self.bitwidth, self.step)

        def compute_output_shape(self, input_shape: Any) -> Any:
            """Return the shape of the input."""
            return input_shape

        def get_config(self) -> dict[str, Any]:
            """Return the configuration."""
            return base.get_config(self) | {"bitwidth": self.bitwidth, "max_value": self.max_value}

    return registered(QuantizedReLU)


@cache
def activation_discrete_relu() -> Any:
    """Return the class ActivationDiscreteRelu."""
    base = keras_library().layers.Layer

    class ActivationDiscreteRelu(base):  # type: ignore[misc, valid-type]
        """``y = step * clip(ceil((x - step/2) / step), 0, N)``, ``step = min(N, 6) / N``, ``N = 2^bitwidth - 1``."""

        def __init__(self, bitwidth: int = 4, **options: Any) -> None:
            base.__init__(self, **options)
            self.bitwidth = checked_bits("ActivationDiscreteRelu", bitwidth)

        @property
        def step(self) -> float:
            """The distance of two outputs."""
            levels = 2**self.bitwidth - 1
            return min(levels, DEFAULT_MAX) / levels

        def call(self, inputs: Any) -> Any:
            """Return the levels."""
            return stepped(inputs, self.bitwidth, self.step)

        def compute_output_shape(self, input_shape: Any) -> Any:
            """Return the shape of the input."""
            return input_shape

        def get_config(self) -> dict[str, Any]:
            """Return the configuration."""
            return base.get_config(self) | {"bitwidth": self.bitwidth}

    return registered(ActivationDiscreteRelu)


@cache
def activation_layers() -> dict[str, Any]:
    """Return the quantized activations by their names."""
    return {"QuantizedReLU": quantized_relu(), "ActivationDiscreteRelu": activation_discrete_relu()}
