"""Checks of quantizers: formats that hold what they are given, on weights and on what layers put out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from snntk_core.errors import SnntkError
from snntk_core.graph import Graph
from snntk_core.node import Node
from snntk_core.number_format import NumberFormat
from snntk_core.ops import Array, Conv2D, Dense, Input, Relu
from snntk_core.quantization import quantize_activations, quantize_weights
from snntk_core.quantizer import ActivationQuantizer, WeightQuantizer
from snntk_core.reference import activations
from snntk_core.statistics import collect
from snntk_core.testing.comparison import CLOSE, difference
from snntk_core.testing.outcome import Fault, Skipped, configured, expect

Quantizer = WeightQuantizer | ActivationQuantizer
BITS = (2, 3, 4, 6, 8)
SLACK = 1.05


def check_formats_are_honored(quantizer: type[Quantizer]) -> None:
    """Every format is a `NumberFormat` that fits its array, and the quantized network is valid and on its grids."""
    instance, chosen_any = configured(quantizer), False
    for title, array, chosen in _formats(instance):
        expect(
            isinstance(chosen, NumberFormat), f"format_for() returns {chosen!r} for {title}.", "Return a NumberFormat."
        )
        fits = chosen.axis is None or chosen.scale.size == array.shape[chosen.axis]
        expect(fits, f"The format of {title} has {chosen.scale.size} steps for shape {array.shape}.")
        expect(chosen.honored_by(chosen.round(array)), f"{title} rounded is not on its grid.")
        chosen_any = True
    expect(chosen_any, "format_for() chooses no format at all.", "Return None only for what is to stay as it is.")
    try:
        graph = _quantized(instance).verify()
    except SnntkError as error:
        raise Fault(f"The quantized network is not valid: {error}") from error
    kept = {node.name: node.formats["output"] for node in graph if "output" in node.formats}
    for name, values in activations(graph, _samples(), kept).items():
        expect(kept[name].honored_by(values), f"The output of {name} leaves its grid.")


def check_codes_are_lossless(quantizer: type[Quantizer]) -> None:
    """Codes decoded and encoded again are the same codes, within the format's range."""
    for title, array, chosen in _formats(configured(quantizer)):
        codes = chosen.encode(array)
        inside = chosen.lowest <= codes.min() and codes.max() <= chosen.highest
        expect(bool(inside), f"Codes of {title} leave [{chosen.lowest}, {chosen.highest}].")
        same = np.array_equal(chosen.encode(chosen.decode(codes)), codes)
        expect(
            same, f"Codes of {title} do not survive decoding.", "Steps so small that float32 cannot tell them apart?"
        )


def check_quantizing_twice_equals_once(quantizer: type[Quantizer]) -> None:
    """A quantized network stays as it is."""
    if issubclass(quantizer, ActivationQuantizer):
        raise Skipped("formats of outputs follow from statistics, which quantizing leaves alone")
    if not quantizer.idempotent:
        raise Skipped("rounding changes what its format is derived from, it says")
    instance = configured(quantizer)
    once = _without_formats(_quantized(instance))
    other = difference(once, _without_formats(quantize_weights(once, instance)), CLOSE)
    hint = "A value on the grid stays where it is: derive the step from the largest value."
    expect(not other, f"Quantizing again changes {other}.", hint)


def check_more_bits_do_not_hurt(quantizer: type[Quantizer]) -> None:
    """The rounding error does not grow with the option ``bits``."""
    if "bits" not in {option.name for option in quantizer.options()}:
        raise Skipped("it has no option bits")
    errors: dict[int, float] = {}
    for bits in BITS:
        try:
            instance = quantizer.configure({"bits": bits})
        except SnntkError:
            continue
        errors[bits] = sum(float(np.square(fmt.round(a) - a).sum()) for _, a, fmt in _formats(instance))
    worse = [b for a, b in zip(errors, list(errors)[1:], strict=False) if errors[b] > SLACK * errors[a]]
    expect(bool(errors), f"None of {BITS} bits is taken.", "Take bits as an int.")
    expect(not worse, f"With {worse} bits the error is larger than with fewer.", f"Squared errors: {errors}.")


def check_zero_stays_zero(quantizer: type[Quantizer]) -> None:
    """Zero maps to zero, also in an array of nothing else."""
    instance = configured(quantizer)
    for title, array, chosen in _formats(instance):
        if chosen.is_sign:
            raise Skipped("one signed bit has no zero")
        expect(not chosen.round(np.zeros_like(array)).any(), f"Zero in {title} becomes something else.")
    if isinstance(instance, WeightQuantizer):
        blank = np.zeros((3, 2), np.float32)
        try:
            found = instance.format_for(blank, "weight", Node("blank", Dense(blank), ("input",)))
        except Exception as error:
            raise Fault(
                f"A weight of zeros makes format_for() raise {error!r}. Any step above zero will do."
            ) from error
        expect(found is None or not found.round(blank).any(), "A weight of zeros becomes something else.")


def _network() -> Graph:
    rng = np.random.default_rng(0)

    def drawn(*shape: int) -> Array:
        return rng.normal(size=shape).astype(np.float32)

    return Graph(
        (
            Node("input", Input((6, 6, 2))),
            Node("conv", Conv2D(drawn(3, 3, 2, 4), drawn(4)), ("input",)),
            Node("relu", Relu(), ("conv",)),
            Node("dense", Dense(drawn(4, 3), drawn(3)), ("relu",)),
            Node("relu2", Relu(), ("dense",)),
        )
    )


def _samples() -> Array:
    return np.random.default_rng(1).normal(size=(32, 6, 6, 2)).astype(np.float32)


def _quantized(quantizer: Quantizer) -> Graph:
    if isinstance(quantizer, WeightQuantizer):
        return quantize_weights(_network(), quantizer)
    return quantize_activations(_network(), quantizer, _samples())


def _without_formats(graph: Graph) -> Graph:
    return replace(graph, nodes=tuple(replace(node, formats={}) for node in graph))


def _formats(quantizer: Quantizer) -> Iterator[tuple[str, Array, NumberFormat]]:
    """Yield arrays of a small network, each with its title and the format chosen for it, where there is one."""
    for title, array, chosen in _choices(quantizer):
        if chosen is not None:
            yield title, array, chosen


def _choices(quantizer: Quantizer) -> Iterator[tuple[str, Array, NumberFormat | None]]:
    graph = _network()
    if isinstance(quantizer, WeightQuantizer):
        roles: tuple[Literal["weight", "bias"], ...] = ("weight", "bias")
        for node in (graph["conv"], graph["dense"]):
            for role in roles:
                array = node.op.arrays[role]
                yield f"the {role} of {node.name}", array, quantizer.format_for(array, role, node)
        return
    names = ("relu", "relu2")
    statistics, values = collect(graph, _samples(), names, histograms=True), activations(graph, _samples(), names)
    for name in names:
        yield f"the output of {name}", values[name], quantizer.format_for(statistics[name], graph[name])


CHECKS: tuple[Callable[[type[Any]], None], ...] = (
    check_formats_are_honored,
    check_codes_are_lossless,
    check_quantizing_twice_equals_once,
    check_more_bits_do_not_hurt,
    check_zero_stays_zero,
)
