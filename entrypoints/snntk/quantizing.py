"""Quantization for programs: a whole network, or one layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from snntk.calibrating import Method, calibrated
from snntk.conversion import as_graph
from snntk.given import as_samples, checked_graph, installed
from snntk.layers import first_weighted, layers_called, leading_to
from snntk.quantizer_choice import CALIBRATED, UNCALIBRATED, QuantizerFunction, own_quantizers, sized
from snntk.recipe_quantizing import by_recipe
from snntk_core.errors import OptionError, SnntkError
from snntk_core.graph import Graph
from snntk_core.node import Node
from snntk_core.ops import Array, QuantizedRelu, WeightedOp
from snntk_core.parser import Parser
from snntk_core.pipeline import Line
from snntk_core.quantization import quantize_activations, quantized, with_weight_bits
from snntk_core.quantized_output import rectified, with_output_bits
from snntk_core.quantizer import ActivationQuantizer, WeightQuantizer
from snntk_core.recipe import Recipe
from snntk_core.reference import as_batch
from snntk_core.registry import Registry
from snntk_core.transform import Context

REWRITES = ("fold-batchnorm", "normalize-separable")
"""What may come first, by name."""
PREPARED = "prepared"
"""The entry of a graph's meta that names the rewrites that came first."""


def quantize(
    source_or_graph: object,
    *,
    weight_bits: int = 0,
    activation_bits: int = 0,
    input_weight_bits: int | None = None,
    calibration: Any = None,
    weights: str | WeightQuantizer | None = None,
    activations: str | ActivationQuantizer | None = None,
    quantizer_function: QuantizerFunction | None = None,
    quantize_until: str | None = None,
    fold_batchnorm: bool = True,
    normalize_separable: bool = True,
    calibrate: Method | Sequence[Method] = (),
    recipe: str | Path | Recipe | None = None,
    parser: str | Parser | None = None,
    registry: Registry | None = None,
) -> Graph:
    """Return the network with its weights and rectified activations on integer grids; biases stay float.

    ``weight_bits``, ``activation_bits``: 0 leaves them float.  ``input_weight_bits``: those of the first layer with
    weights, by default ``weight_bits``.  ``calibration``: training samples ``(n, *input shape)``, or a path of them,
    from which the ranges of activations follow; without them an activation keeps its own bound, or ends at 6.
    ``weights``, ``activations``: the quantizers, by name or as they are; by default one step for each output channel
    that reaches its largest weight, and the least squared error on the calibration samples.  One without an option
    ``bits``, such as ``ternary``, has its own.
    ``quantizer_function(node, bits)``: a quantizer for one layer, None for the usual one.  ``quantize_until``: only
    what leads to this layer, and itself.
    ``fold_batchnorm`` and ``normalize_separable``: rewrites that come first.  ``calibrate``: methods that then fit the
    quantized network to the float one on the calibration samples, such as ``"adapt-rounding"``.  ``recipe``: the steps
    of a recipe up to its quantizers and methods, in place of all that.  What is quantized already keeps its range and
    gets the bits.  Raises `OptionError` for bits that cannot be, for 0 bits of what is quantized already, and for a
    recipe beside what it says itself.

    >>> quantized = snntk.quantize("model.onnx", weight_bits=8, activation_bits=8, calibration=x_train[:500])
    """
    registry, samples = registry or installed(), as_samples(calibration)
    if recipe is not None:
        _refuse_beside_a_recipe(
            weight_bits=weight_bits,
            activation_bits=activation_bits,
            input_weight_bits=input_weight_bits,
            weights=weights,
            activations=activations,
            quantizer_function=quantizer_function,
            quantize_until=quantize_until,
            fold_batchnorm=None if fold_batchnorm else False,
            normalize_separable=None if normalize_separable else False,
            calibrate=calibrate or None,
        )
        return by_recipe(source_or_graph, recipe, samples, parser, registry).after
    bits = _checked_bits(weight_bits, activation_bits, input_weight_bits)
    rewrites = tuple(name for name, asked in zip(REWRITES, (fold_batchnorm, normalize_separable), strict=True) if asked)
    graph = before = prepared(as_graph(source_or_graph, parser, registry), rewrites, registry)
    samples = samples if samples is None else as_batch(graph, samples)
    meant = {node.name for node in graph}
    if quantize_until is not None:
        meant = leading_to(graph, layers_called(graph, quantize_until))
    first = first_weighted(graph)
    wanted = {name: bits[2] if name in first else bits[0] for name in meant}
    _refuse_float(graph, wanted, bits[1])
    usual_weights = partial(sized, "weights", weights, registry=registry)
    own = None if quantizer_function is None else own_quantizers(quantizer_function)
    graph = _with_weights(graph, wanted, lambda node, bits: (own and own(node, bits)) or usual_weights(bits))
    if bits[1]:
        usual = UNCALIBRATED if samples is None else CALIBRATED
        chosen = sized("activations", activations, bits[1], registry, usual)
        graph = _with_activations(graph, meant, bits[1], chosen, samples)
    return calibrated(graph, before, calibrate, samples, registry)[0]


def _refuse_beside_a_recipe(**given: object) -> None:
    """Raise `OptionError` naming what is said beside a recipe, None and no bits apart."""
    names = [name for name, value in given.items() if value is not None and (value is False or value != 0)]
    if names:
        raise OptionError([f"The recipe says how to quantize, so it goes without {', '.join(names)}."])


def quantize_layer(
    graph: Graph,
    layer: str | int,
    bits: int,
    *,
    calibration: Any = None,
    weights: str | WeightQuantizer | None = None,
    activations: str | ActivationQuantizer | None = None,
    registry: Registry | None = None,
) -> Graph:
    """Return the graph with one layer's weights, or one activation, on an integer grid; nothing is folded.

    ``layer``: the name of a layer of the source or of a node, or its place among the layers of the source.  A layer
    that is quantized already keeps its range and gets the bits.  Raises `OptionError` for bits below 1, a layer that
    there is not, and one that has nothing to quantize.

    >>> quantized = snntk.quantize_layer(graph, "conv1", 4)
    """
    registry, samples = registry or installed(), as_samples(calibration)
    graph = _analog(checked_graph(graph))
    if isinstance(bits, bool) or not isinstance(bits, int) or bits < 1:
        raise OptionError([f"A layer is quantized with 1 or more bits, got {bits!r}."])
    names = layers_called(graph, layer)
    if not any(isinstance(graph[name].op, WeightedOp) or rectified(graph[name].op) for name in names):
        kinds = ", ".join(type(graph[name].op).__name__ for name in names)
        raise OptionError([f"The layer {layer!r} is a {kinds}, which has nothing to quantize."])
    if any(isinstance(graph[name].op, WeightedOp) for name in names):
        chosen = sized("weights", weights, bits, registry)
        graph = _with_weights(graph, dict.fromkeys(names, bits), lambda node, bits: chosen)
    if any(rectified(graph[name].op) for name in names):
        usual = UNCALIBRATED if samples is None else CALIBRATED
        rectifier = sized("activations", activations, bits, registry, usual)
        graph = _with_activations(graph, names, bits, rectifier, samples)
    return graph


def prepared(graph: Graph, rewrites: Iterable[str], registry: Registry) -> Graph:
    """Return a network after ``rewrites``, each of which keeps what it computes.

    Its meta remembers them, and none is made twice: what was quantized since would leave its grids.
    """
    graph, line, done = _analog(graph), Line(registry, Context()), rewrites_of(graph)
    for name in rewrites:
        if name not in done:
            graph, done = line.step(graph, registry.transforms[name]()), (*done, name)
    return replace(graph, meta={**graph.meta, PREPARED: " ".join(done)}) if done else graph


def rewrites_of(graph: Graph) -> tuple[str, ...]:
    """Return the rewrites that came before a network was quantized."""
    return tuple(graph.meta.get(PREPARED, "").split())


def _analog(graph: Graph) -> Graph:
    if graph.spiking:
        raise SnntkError("The network is a spiking one; quantize the analog network, then convert it.")
    return graph


def _checked_bits(weight: int, activation: int, first: int | None) -> tuple[int, int, int]:
    """Return the bits of weights, activations and the first layer's weights; raises `OptionError`."""
    given = {"weight_bits": weight, "activation_bits": activation}
    given |= {} if first is None else {"input_weight_bits": first}
    problems = [
        f"{name} is 0 (float) or a number of bits, got {bits!r}."
        for name, bits in given.items()
        if isinstance(bits, bool) or not isinstance(bits, int) or bits < 0
    ]
    if problems:
        raise OptionError(problems)
    return weight, activation, weight if first is None else first


def _refuse_float(graph: Graph, wanted: dict[str, int], activation_bits: int) -> None:
    """Raise `OptionError` naming everything that is quantized already and was to be float."""
    names = [n.name for n in graph if "weight" in n.formats and wanted.get(n.name) == 0]
    if not activation_bits:
        names += [n.name for n in graph if isinstance(n.op, QuantizedRelu) and n.name in wanted]
    if names:
        raise OptionError([
            f"{', '.join(names)}: quantized already, so 0 bits would not make it float again. "
            "Quantize the float network, or say how many bits it is to have."
        ])  # fmt: skip


def _with_weights(graph: Graph, wanted: dict[str, int], chosen: Callable[[Node, int], WeightQuantizer]) -> Graph:
    kept = {node.name for node in graph if "weight" in node.formats}
    for name in kept & set(wanted):
        graph = with_weight_bits(graph, name, wanted[name])
    fresh = {name: bits for name, bits in wanted.items() if bits and name not in kept}
    return quantized(graph, lambda node, _: chosen(node, fresh[node.name]) if node.name in fresh else None)


def _with_activations(
    graph: Graph, names: Iterable[str], bits: int, quantizer: ActivationQuantizer, samples: Array | None
) -> Graph:
    meant = set(names)
    kept = {node.name for node in graph if isinstance(node.op, QuantizedRelu)}
    for name in [node.name for node in graph if node.name in kept & meant]:
        graph = with_output_bits(graph, name, bits)
    others = tuple(node.name for node in graph if node.name not in meant - kept)
    if len(others) == len(graph):
        return graph.verify()
    return quantize_activations(graph, quantizer, samples, but=others)
