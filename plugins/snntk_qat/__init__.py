"""Quantization-aware training, in Keras and in torch: rounded forward, straight through backward."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from snntk_core import Transform, hookimpl
from snntk_qat.fine_tune import FineTune

CLASSES = {
    "QuantizedDense": ("keras_layers", "quantized_dense"),
    "QuantizedConv2D": ("keras_layers", "quantized_conv2d"),
    "QuantizedDepthwiseConv2D": ("keras_layers", "quantized_depthwise_conv2d"),
    "QuantizedSeparableConv2D": ("keras_layers", "quantized_separable_conv2d"),
    "QuantizedReLU": ("keras_activations", "quantized_relu"),
    "ActivationDiscreteRelu": ("keras_activations", "activation_discrete_relu"),
}
"""Layers of Keras, which are made when they are first asked for: the module, and the function that makes one."""
PLAIN = {
    "KerasWeightQuantizer": "keras_quantizers",
    "MaxPerAxisQuantizer": "keras_quantizers",
    "MaxQuantizer": "keras_quantizers",
    "StdPerAxisQuantizer": "keras_quantizers",
    "StdWeightQuantizer": "keras_quantizers",
    "graph_of": "torch_network",
    "load_quantized_model": "keras_file",
    "quantize_keras": "keras_model",
    "torch_module": "torch_network",
}
"""Everything else, and the module that it is in."""


def __getattr__(name: str) -> Any:
    """Return a layer of Keras, a quantizer or a function; raises `MissingLibrary` where Keras is needed and missing."""
    if name in CLASSES:
        module, maker = CLASSES[name]
        return getattr(import_module(f"{__name__}.{module}"), maker)()
    if name in PLAIN:
        return getattr(import_module(f"{__name__}.{PLAIN[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@hookimpl
def snntk_transforms() -> Iterable[type[Transform]]:
    """Offer training without labels as a step of a recipe."""
    return [FineTune]
