"""Layers of Keras 3 that compute with quantized weights: those kept are float and are rounded in every pass."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from snntk_core.errors import MissingLibrary, OptionError
from snntk_qat.keras_quantizers import QUANTIZERS, MaxPerAxisQuantizer, quantizer_of

PACKAGE = "snntk"
USUAL = MaxPerAxisQuantizer()
FIXED: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "QuantizedDense": {"activation": ("linear", None)},
    "QuantizedConv2D": {
        "activation": ("linear", None),
        "data_format": ("channels_last", None),
        "groups": (1,),
        "dilation_rate": (1, (1, 1), [1, 1]),
    },
    "QuantizedDepthwiseConv2D": {
        "activation": ("linear", None),
        "data_format": ("channels_last", None),
        "depth_multiplier": (1,),
        "dilation_rate": (1, (1, 1), [1, 1]),
    },
    "QuantizedSeparableConv2D": {
        "activation": ("linear", None),
        "data_format": ("channels_last", None),
        "depth_multiplier": (1,),
        "dilation_rate": (1, (1, 1), [1, 1]),
    },
}
"""Arguments of the Keras layers that a quantized one does not take, with the values that mean nothing."""


def keras_library() -> Any:
    """Return Keras; raises `MissingLibrary` where it, or what computes for it, is not installed."""
    try:
        import keras
    except ImportError as error:
        install = 'pip install "snntk[keras-predict]"'
        raise MissingLibrary("Training in Keras", ("keras", "tensorflow"), install) from error
    return keras


def accepted(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments without those that a quantized layer does not take; raises `OptionError` naming them all."""
    left, problems = dict(given), []
    for name, harmless in FIXED[kind].items():
        value = left.pop(name, harmless[0])
        if isinstance(value, bool) or not any(type(value) is type(item) and value == item for item in harmless):
            problems.append(f"{kind} takes no {name}, got {value!r}; {_remedy(name)}.")
    if problems:
        raise OptionError(problems)
    return left


def _remedy(name: str) -> str:
    if name == "activation":
        return "put a layer with the activation behind it"
    return "leave the layer float, or build it with the usual value"


def saved(layer: Any, base: Any, **quantizers: Any) -> dict[str, Any]:
    """Return a layer's configuration: that of ``base`` without what is fixed, and its ``quantizers``."""
    keras = keras_library()
    config = base.get_config(layer)
    for name in (*FIXED[type(layer).__name__], "quantization_config"):
        config.pop(name, None)
    return config | {name: keras.saving.serialize_keras_object(item) for name, item in quantizers.items()}


def registered(kind: Any) -> Any:
    """Register a class with Keras, under its own name, and return it."""
    return keras_library().saving.register_keras_serializable(PACKAGE, kind.__name__)(kind)


@cache
def quantized_dense() -> Any:
    """Return the class QuantizedDense."""
    keras = keras_library()
    base = keras.layers.Dense

    class QuantizedDense(base):  # type: ignore[misc, valid-type]
        """``y = x @ q(kernel) + bias``, ``q`` the ``quantizer``: an object or its configuration."""

        def __init__(self, units: int, quantizer: Any = USUAL, **options: Any) -> None:
            base.__init__(self, units, **accepted("QuantizedDense", options))
            self.quantizer = quantizer_of(quantizer)

        def call(self, inputs: Any, training: bool | None = None) -> Any:
            """Return the sums."""
            outputs = keras.ops.matmul(inputs, self.quantizer.quantize(self.kernel))
            return outputs + self.bias if self.use_bias else outputs

        def get_config(self) -> dict[str, Any]:
            """Return the configuration."""
            return saved(self, base, quantizer=self.quantizer)

    return registered(QuantizedDense)


@cache
def quantized_conv2d() -> Any:
    """Return the class QuantizedConv2D."""
    base = keras_library().layers.Conv2D

    class QuantizedConv2D(base):  # type: ignore[misc, valid-type]
        """``y = conv(x, q(kernel)) + bias``, ``q`` the ``quantizer``: an object or its configuration."""

        def __init__(self, filters: int, kernel_size: Any, quantizer: Any = USUAL, **options: Any) -> None:
            base.__init__(self, filters, kernel_size, **accepted("QuantizedConv2D", options))
            self.quantizer = quantizer_of(quantizer)

        def call(self, inputs: Any) -> Any:
            """Return the sums."""
            outputs = self.convolution_op(inputs, self.quantizer.quantize(self.kernel))
            return outputs + self.bias if self.use_bias else outputs

        def get_config(self) -> dict[str, Any]:
            """Return the configuration."""
            return saved(self, base, quantizer=self.quantizer)

    return registered(QuantizedConv2D)


@cache
def quantized_depthwise_conv2d() -> Any:
    """Return the class QuantizedDepthwiseConv2D."""
    keras = keras_library()
    base = keras.layers.DepthwiseConv2D

    class QuantizedDepthwiseConv2D(base):  # type: ignore[misc, valid-type]
        """Every channel convolved with its quantized kernel, and the bias; one scale for all, as the last axis is 1."""

        def __init__(self, kernel_size: Any, quantizer: Any = USUAL, **options: Any) -> None:
            base.__init__(self, kernel_size, **accepted("QuantizedDepthwiseConv2D", options))
            self.quantizer = quantizer_of(quantizer)

        def call(self, inputs: Any) -> Any:
            """Return the sums."""
            kernel = self.quantizer.quantize(self.kernel)
            outputs = keras.ops.depthwise_conv(inputs, kernel, strides=self.strides, padding=self.padding)
            return outputs + self.bias if self.use_bias else outputs

        def get_config(self) -> dict[str, Any]:
            """Return the configuration."""
            return saved(self, base, quantizer=self.quantizer)

    return registered(QuantizedDepthwiseConv2D)


@cache
def quantized_separable_conv2d() -> Any:
    """Return the class QuantizedSeparableConv2D."""
    keras = keras_library()
    base = keras.layers.SeparableConv2D

    class QuantizedSeparableConv2D(base):  # type: ignore[misc, valid-type]
        """``y = conv(depthwise_conv(x, q_dw(depthwise)), q(pointwise)) + bias``.

        ``quantizer_dw``: by default one like ``quantizer``.
        """

        def __init__(
            self,
            filters: int,
            kernel_size: Any,
            quantizer: Any = USUAL,
            quantizer_dw: Any = None,
            **options: Any,
        ) -> None:
            base.__init__(self, filters, kernel_size, **accepted("QuantizedSeparableConv2D", options))
            self.quantizer = quantizer_of(quantizer)
            self.quantizer_dw = self.quantizer if quantizer_dw is None else quantizer_of(quantizer_dw)

        def call(self, inputs: Any) -> Any:
            """Return the sums."""
            depthwise = self.quantizer_dw.quantize(self.depthwise_kernel)
            between = keras.ops.depthwise_conv(inputs, depthwise, strides=self.strides, padding=self.padding)
            outputs = keras.ops.conv(between, self.quantizer.quantize(self.pointwise_kernel))
            return outputs + self.bias if self.use_bias else outputs

        def get_config(self) -> dict[str, Any]:
            """Return the configuration."""
            return saved(self, base, quantizer_dw=self.quantizer_dw, quantizer=self.quantizer)

    return registered(QuantizedSeparableConv2D)


@cache
def weighted_layers() -> dict[str, Any]:
    """Return the layers by the name of the Keras layer that each stands for."""
    for kind in QUANTIZERS:
        registered(kind)
    return {
        "Dense": quantized_dense(),
        "Conv2D": quantized_conv2d(),
        "DepthwiseConv2D": quantized_depthwise_conv2d(),
        "SeparableConv2D": quantized_separable_conv2d(),
    }
