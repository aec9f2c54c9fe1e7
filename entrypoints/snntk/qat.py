"""Quantization-aware training for programs: Keras layers with few bits, and graphs that train in torch.

>>> from snntk import qat
>>> model = qat.quantize_keras(trained, weight_bits=4, activation_bits=2, calibration=x_train[:500])
>>> module = qat.torch_module(quantized_graph)

The layers (`QuantizedDense`, `QuantizedConv2D`, `QuantizedDepthwiseConv2D`, `QuantizedSeparableConv2D`,
`QuantizedReLU`, `ActivationDiscreteRelu`) and weight quantizers (`MaxQuantizer`, `MaxPerAxisQuantizer`,
`StdWeightQuantizer`, `StdPerAxisQuantizer`) are here too; Keras and torch are imported when they are first needed.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from snntk.api import parse
from snntk.given import checked_graph
from snntk.quantizing import quantize
from snntk_core.errors import PluginError
from snntk_core.graph import Graph
from snntk_core.ops import QuantizedRelu
from snntk_core.registry import GROUP, Registry

PLUGIN = "qat"


def _plugin() -> Any:
    """The plugin that trains, found like any other; raises `PluginError` without it."""
    for point in entry_points(group=GROUP, name=PLUGIN):
        return point.load()
    raise PluginError("Training with few bits needs the plugin qat, which is not installed. Install snntk again.")


def __getattr__(name: str) -> Any:
    """Return a layer or weight quantizer of the plugin."""
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_plugin(), name)


def quantize_keras(
    model: Any,
    *,
    weight_bits: int = 0,
    activation_bits: int = 0,
    input_weight_bits: int | None = None,
    calibration: Any = None,
    registry: Registry | None = None,
    **options: Any,
) -> Any:
    """Return a trainable Keras model with quantized layers in the places of those of ``model``, which stays as it is.

    Weights train as floats and are rounded in every forward pass, with straight-through gradients.  0 bits leave
    float; ``input_weight_bits``: those of the first layers with weights.  ``calibration``: training samples from which
    the ranges of the ReLUs follow by least squared error; without them a ReLU keeps its own bound, or ends at 6.
    ``options``: ``fold_batchnorm``, ``normalize_separable`` (both True), ``largest_scale``, ``ranges`` by layer, and
    ``quantizer_function(layer, bits)``.  Raises `OptionError` naming everything that cannot be quantized, `ParseError`
    for a model whose ranges cannot be found, and `MissingLibrary`.

    >>> model = snntk.quantize_keras(trained, weight_bits=4, activation_bits=2, calibration=x_train[:500])
    """
    if calibration is not None and activation_bits:
        graph = parse(model, parser="keras", registry=registry)
        found = quantize(graph, activation_bits=activation_bits, calibration=calibration, registry=registry)
        options["ranges"] = {**_ranges(found), **(options.get("ranges") or {})}
    bits = {"weight_bits": weight_bits, "activation_bits": activation_bits, "input_weight_bits": input_weight_bits}
    return _plugin().quantize_keras(model, **bits, **options)


def _ranges(graph: Graph) -> dict[str, float]:
    """What each layer's quantized ReLU puts out at most."""
    return {
        layer: float((node.op.step * node.op.levels).max())
        for node in graph
        if isinstance(node.op, QuantizedRelu)
        for layer in node.origin
    }


def load_quantized_model(path: Any, custom_objects: Any = None, compile_model: bool = True) -> Any:
    """Return the Keras model of a .keras or .h5 file with quantized layers, ours or those of cnn2snn.

    ``custom_objects``: classes of your own by name.  Raises `ParseError` for a file that Keras cannot open, and
    `MissingLibrary`.  `snntk.parse` reads such a file without Keras.
    """
    return _plugin().load_quantized_model(path, custom_objects, compile_model)


def torch_module(graph: Graph, *, start: Graph | None = None, learn_steps: bool = False) -> Any:
    """Return a `torch.nn.Module` that computes what the graph does, its weights rounded in every forward pass.

    Batches are in the model's own layout.  ``start``: the float network before it was quantized, from whose weights
    the training starts; by default it starts on the grids.  ``learn_steps``: the steps of the grids train too.
    Raises `Incompatible` naming every node that cannot be trained, and `MissingLibrary`.

    >>> module = snntk.qat.torch_module(quantized)
    """
    return _plugin().torch_module(checked_graph(graph), start=start, learn_steps=learn_steps)


def graph_of(module: Any) -> Graph:
    """Return the graph of a module that `torch_module` made, its weights on their grids.

    Raises `SnntkError` for another module, and for weights that are not finite.

    >>> quantized = snntk.qat.graph_of(module)
    """
    found: Graph = _plugin().graph_of(module)
    return found
