"""From a trained Keras model to one that trains with quantized weights and activations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from snntk_core.errors import OptionError, SnntkError, did_you_mean
from snntk_qat.keras_activations import DEFAULT_MAX, activation_layers, quantized_relu
from snntk_qat.keras_layers import FIXED, keras_library, weighted_layers
from snntk_qat.keras_quantizers import (
    KerasWeightQuantizer,
    MaxPerAxisQuantizer,
    MaxQuantizer,
    StdPerAxisQuantizer,
)
from snntk_qat.keras_structure import WEIGHTED, Foldings, Structure, foldings, kind_of
from snntk_qat.keras_weights import prepared_weights

QuantizerFunction = Callable[[Any, int], KerasWeightQuantizer | None]
BOUNDS = {"relu": None, "relu6": 6.0}
"""Activations that become a quantized ReLU, with what they put out at most."""


@dataclass(frozen=True, eq=False)
class Wanted:
    """What a model is to become.

    ``bits``: of each layer's weights, 0 for float.  ``ranges``: the largest output of activations, by layer.
    """

    structure: Structure
    folded: Foldings
    bits: Mapping[str, int]
    activation_bits: int
    ranges: Mapping[str, float] = field(default_factory=dict)
    largest_scale: float = 0.0
    function: QuantizerFunction = lambda layer, bits: None

    def quantizer(self, layer: Any, per_axis: bool) -> KerasWeightQuantizer:
        """Return the weight quantizer of a layer: that it has, with other bits; or the user's; or the usual one."""
        bits = self.bits[layer.name]
        old = _own(layer, per_axis)
        if old is not None:
            return replace(old, bitwidth=bits)  # type: ignore[type-var]
        usual = MaxPerAxisQuantizer if per_axis else MaxQuantizer
        found = self.function(layer, bits)
        if found is not None and not isinstance(found, KerasWeightQuantizer):
            given = f"{layer.name}: quantizer_function gave a {type(found).__name__}"
            raise OptionError([f"{given}; it gives a KerasWeightQuantizer, or None for the usual one."])
        return found or usual(bits, largest_scale=self.largest_scale)

    def largest(self, name: str, bound: float | None) -> float:
        """Return the largest output of the activation of a layer."""
        return float(self.ranges.get(name, DEFAULT_MAX if bound is None else bound))


def quantize_keras(
    model: Any,
    *,
    weight_bits: int = 0,
    activation_bits: int = 0,
    input_weight_bits: int | None = None,
    fold_batchnorm: bool = True,
    normalize_separable: bool = True,
    largest_scale: float = 0.0,
    ranges: Mapping[str, float] | None = None,
    quantizer_function: QuantizerFunction | None = None,
) -> Any:
    """Return a trainable Keras model with quantized layers in the places of those of ``model``, which stays as it is.

    0 bits leave float; ``input_weight_bits``: those of the first layers, by default ``weight_bits``.  Every ReLU ends
    at ``ranges`` of its layer, its own bound, or 6; other activations stay float.  ``quantizer_function(layer, bits)``:
    a weight quantizer for one layer, None for the usual one per output channel.  A quantized layer gets the bits.
    ``largest_scale``: 1000 rounds small weights away, as cnn2snn does.
    Raises `OptionError` naming everything that cannot be quantized, and `MissingLibrary`.
    """
    keras = keras_library()
    if not isinstance(model, keras.Model):
        raise SnntkError(f"A live model of Keras 3 is quantized for training; this is a {type(model).__name__}.")
    if not model.built or type(model).__name__ not in ("Sequential", "Functional"):
        raise SnntkError("Only a built Sequential or Model(inputs, outputs) is quantized for training; build it so.")
    structure = Structure.of(model)
    folded = foldings(structure) if fold_batchnorm else Foldings()
    bits = dict.fromkeys(structure.layers, weight_bits)
    if input_weight_bits is not None:
        bits |= dict.fromkeys(_first(structure), input_weight_bits)
    function = quantizer_function or (lambda layer, bits: None)
    wanted = Wanted(structure, folded, bits, activation_bits, ranges or {}, largest_scale, function)
    problems = [*_problems(wanted, {weight_bits, activation_bits, *bits.values()})]
    if problems:
        raise OptionError(problems)
    made = {name: _replacement(layer, wanted) for name, layer in structure.layers.items()}
    return _filled(_rebuilt(model, made, folded), wanted, normalize_separable)


def _own(layer: Any, per_axis: bool) -> KerasWeightQuantizer | None:
    """The quantizer of a layer that is quantized already."""
    if type(layer).__name__ not in FIXED:
        return None
    pointwise = per_axis or kind_of(layer) != "SeparableConv2D"
    return layer.quantizer if pointwise else layer.quantizer_dw  # type: ignore[no-any-return]


def _first(structure: Structure) -> list[str]:
    """The layers with weights that no other layer with weights comes before."""
    weighted = {name for name, layer in structure.layers.items() if kind_of(layer) in WEIGHTED}
    return [name for name in structure.layers if name in weighted and not structure.before(name) & weighted]


def _problems(wanted: Wanted, bits: set[Any]) -> list[str]:
    """Return every reason why the model cannot be quantized so."""
    wrong = [value for value in bits if isinstance(value, bool) or not isinstance(value, int) or value < 0]
    found = [f"Bits are 0 (float) or a whole number above it, got {value!r}." for value in wrong]
    layers = wanted.structure.layers
    found += [
        f"ranges: there is no layer {name!r}.{did_you_mean(name, layers)}" for name in set(wanted.ranges) - {*layers}
    ]
    if not callable(wanted.function):
        found.append(f"quantizer_function is a function of a layer and bits, got a {type(wanted.function).__name__}.")
    if wanted.folded.problems:
        listed = "; ".join(wanted.folded.problems)
        found.append(f"Batch normalization cannot be folded ({listed}). With fold_batchnorm=False it stays a layer.")
    for name, layer in wanted.structure.layers.items():
        kind, quantized = type(layer).__name__, type(layer).__name__ in FIXED
        if kind in ("Sequential", "Functional"):
            found.append(f"{name}: a model inside a model is not quantized; connect its layers directly.")
        elif quantized and not wanted.bits[name]:
            found.append(f"{name}: a quantized layer stays quantized, so its weights need bits.")
        elif kind in activation_layers() and not wanted.activation_bits:
            found.append(f"{name}: a quantized activation stays quantized, so it needs bits.")
        elif wanted.bits[name] and kind not in WEIGHTED and not quantized and _has_kernel(layer):
            found.append(f"{name}: there is no quantized {kind}; leave the weights float, or replace the layer.")
        elif kind in WEIGHTED and wanted.bits[name]:
            given = layer.get_config()
            odd = {key: given[key] for key, usual in FIXED[f"Quantized{kind}"].items() if key != "activation"
                   and given.get(key) not in usual}  # fmt: skip
            found += [f"{name}: a quantized {kind} takes no {key}, got {value!r}." for key, value in odd.items()]
        if (
            quantized
            and name in wanted.folded.into
            and not isinstance(layer.quantizer, MaxPerAxisQuantizer | StdPerAxisQuantizer)
        ):
            found.append(f"{name}: a batch normalization folds into quantized weights with a scale per channel only.")
    return found


def _has_kernel(layer: Any) -> bool:
    return any("kernel" in weight.name or "embeddings" in weight.name for weight in layer.weights)


def _replacement(layer: Any, wanted: Wanted) -> tuple[Any, ...]:
    """The layers that take the place of one: none for what is folded, two where an activation gets a layer."""
    kind, name, config = type(layer).__name__, layer.name, layer.get_config()
    if name in wanted.folded.gone:
        return ()
    if kind_of(layer) in WEIGHTED:
        return _weighted(layer, config, wanted)
    if kind in activation_layers():
        largest = layer.step * (2**layer.bitwidth - 1)
        return (quantized_relu()(wanted.activation_bits, wanted.ranges.get(name, largest), name=name),)
    activation = _quantized_activation(layer, name, wanted)
    return (activation or type(layer).from_config(config),)


def _weighted(layer: Any, config: dict[str, Any], wanted: Wanted) -> tuple[Any, ...]:
    keras, kind, name = keras_library(), kind_of(layer), layer.name
    activation = config.pop("activation", "linear")
    if name in wanted.folded.into:
        config["use_bias"] = True
    if not wanted.bits[name]:
        made = type(layer).from_config(config | {"activation": "linear"})
    else:
        config = {key: value for key, value in config.items() if key not in FIXED[f"Quantized{kind}"]}
        config.pop("quantization_config", None)
        config["quantizer"] = wanted.quantizer(layer, True)
        if kind == "SeparableConv2D":
            config["quantizer_dw"] = wanted.quantizer(layer, False)
        made = weighted_layers()[kind].from_config(config)
    if activation in ("linear", None):
        return (made,)
    behind = keras.layers.Activation(activation, name=f"{name}_activation")
    return (made, _quantized_activation(behind, name, wanted) or behind)


def _quantized_activation(layer: Any, source: str, wanted: Wanted) -> Any:
    """A quantized ReLU for one that is a ReLU, else None."""
    function = layer.activation if type(layer).__name__ == "Activation" else layer
    name = getattr(function, "__name__", "")
    if type(function).__name__ == "ReLU" and not (function.negative_slope or function.threshold):
        bound = function.max_value
    elif name in BOUNDS:
        bound = BOUNDS[name]
    else:
        return None
    if not wanted.activation_bits:
        return None
    return quantized_relu()(wanted.activation_bits, wanted.largest(source, bound), name=layer.name)


def _rebuilt(model: Any, made: Mapping[str, tuple[Any, ...]], folded: Foldings) -> Any:
    """The model with the new layers, of the kind it was."""
    keras = keras_library()
    if type(model).__name__ == "Sequential":
        layers = [layer for name in made for layer in made[name]]
        entry = model.inputs[0]
        first = keras.Input(batch_shape=entry.shape, dtype=entry.dtype, name=entry.name)
        return keras.Sequential([first, *layers], name=model.name)

    def cloned(layer: Any) -> Any:
        return made[layer.name][0] if made.get(layer.name) else type(layer).from_config(layer.get_config())

    def called(layer: Any, *values: Any, **options: Any) -> Any:
        if layer.name in folded.gone:
            return values[0]
        found = layer(*values, **options)
        for behind in made.get(layer.name, ())[1:]:
            found = behind(found)
        return found

    return keras.models.clone_model(model, clone_function=cloned, call_function=called)


def _filled(network: Any, wanted: Wanted, normalize_separable: bool) -> Any:
    """The model with the weights of the layers that it was made of."""
    made = {layer.name: layer for layer in network.layers}
    for name, layer in wanted.structure.layers.items():
        if name in wanted.folded.gone or name not in made or not layer.weights:
            continue
        if kind_of(layer) in WEIGHTED:
            norms = [wanted.structure.layers[item] for item in wanted.folded.into.get(name, ())]
            fresh = normalize_separable and bool(wanted.bits[name]) and type(layer).__name__ not in FIXED
            made[name].set_weights(prepared_weights(layer, norms, fresh))
        else:
            made[name].set_weights(layer.get_weights())
    return network
