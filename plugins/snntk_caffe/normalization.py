"""From what files say to the form that caffe2onnx converts correctly; every problem is found before any is told."""

from __future__ import annotations

from collections.abc import Iterable

from snntk_caffe.input_size import opened
from snntk_caffe.kinds import KEEPS_SHAPE, KINDS
from snntk_caffe.network import Description, Entry, Layer, Normalized, Weights
from snntk_caffe.pairing import paired
from snntk_caffe.refusal import Unsupported, printable
from snntk_caffe.translation import Call, Translation
from snntk_caffe.wiring import Problems, Wiring, wire
from snntk_core import ParseError
from snntk_core.shapes import Shape

UNKNOWN = "this kind of layer is not supported"
REMEDY = "replace these layers and train again, or cut the prototxt behind the last layer before them."


def normalize(description: Description, weights: Weights, input_shape: Shape = ()) -> Normalized:
    """Return the network in the form that caffe2onnx converts correctly.

    Raises `ParseError` naming every layer that cannot be converted and why.
    """
    wiring, problems = wire(description)
    translation = Translation()
    values: dict[str, str] = {}  # ids in the translation
    entries: dict[str, Shape] = {}
    for value, index in wiring.entries.items():
        try:
            shape = _entry_shape(description.entries[index], value, wiring, weights, input_shape)
        except Unsupported as error:
            problems.append((printable(description.entries[index].blob), f"the input: {error}"))
            continue
        values[value] = translation.new_id()
        entries[values[value]] = translation.shapes[values[value]] = shape
    for layer in wiring.layers:
        _convert(layer, translation, values, wiring, weights, problems)
    if not problems and not translation.layers:
        problems.append(("the network", "no layer that computes is left of it"))
    if problems:
        raise ParseError(description.label, f"cannot convert {_sentence(problems)};", remedy=REMEDY)
    made = [value for value in wiring.outputs if value in values]  # not the mask of a pooling
    outputs = dict.fromkeys(values[value] for value in made)
    outputs = {name: None for name in outputs if name not in entries} or {translation.layers[-1].id: None}
    blobs = {values[value]: blob for value, blob in wiring.blobs.items() if value in values}
    blobs |= {values[value]: wiring.blobs[value] for value in wiring.entries}
    kinds = {printable(layer.name): printable(layer.kind) for layer in wiring.layers}
    layers = paired(translation.layers, outputs)
    return Normalized(entries, layers, tuple(outputs), blobs, translation.shapes, kinds)


def require_known_kinds(description: Description) -> None:
    """Raise `ParseError` naming every layer of a kind that cannot be converted, whatever its weights."""
    wiring, _ = wire(description)
    problems = [(layer.name, f"{layer.kind}: {UNKNOWN}") for layer in wiring.layers if layer.kind not in KINDS]
    if problems:
        raise ParseError(description.label, f"cannot convert {_sentence(problems)};", remedy=REMEDY)


def _entry_shape(entry: Entry, value: str, wiring: Wiring, weights: Weights, given: Shape) -> Shape:
    if given and len(wiring.entries) == 1:
        return given
    if entry.shape and min(entry.shape) > 0:
        return entry.shape
    return opened(entry.shape, value, wiring.layers, weights)


def _convert(
    layer: Layer,
    translation: Translation,
    values: dict[str, str],
    wiring: Wiring,
    weights: Weights,
    problems: Problems,
) -> None:
    """Convert one layer; add to ``values`` and ``problems``.  What hangs on a problem is not one of its own."""
    builder = KINDS.get(layer.kind)
    inputs = tuple(values[value] for value in layer.bottoms if value in values)
    made = len(translation.layers)
    try:
        if builder is None:
            raise Unsupported(UNKNOWN)
        if len(inputs) != len(layer.bottoms):
            return
        if not inputs or not layer.tops:
            raise Unsupported("it reads or makes nothing")
        if len({wiring.blobs[top] for top in layer.tops}) < len(layer.tops):
            raise Unsupported("it makes one blob twice")
        read_later = [wiring.blobs[top] for top in layer.tops[1:] if wiring.uses[top]]
        if read_later and layer.kind != "Split":
            raise Unsupported(f"its second output {printable(read_later[0])!r} is read; only the first is supported")
        call = Call(translation, layer, inputs, weights.arrays.get(layer.message.name))
        result = builder(call)
    except Unsupported as error:
        problems.append((layer.name, f"{layer.kind}: {error}"))
        if layer.kind not in KEEPS_SHAPE or len(inputs) != 1:
            return
        result = inputs[0]  # so that what is wrong behind it is told too
    except (ValueError, TypeError, IndexError, OverflowError, MemoryError) as error:
        del translation.layers[made:]  # numbers of a hostile file can break any assumption
        reason = printable(str(error).rstrip("."))
        problems.append((layer.name, f"{layer.kind}: its parameters and weights do not fit ({reason})"))
        return
    for top in layer.tops if layer.kind == "Split" else layer.tops[:1]:
        values[top] = result


def _sentence(problems: Iterable[tuple[str, str]]) -> str:
    """Name every layer, those with the same reason together."""
    reasons: dict[str, list[str]] = {}
    for place, reason in problems:
        reasons.setdefault(reason, []).append(repr(place))
    return ", ".join(f"{', '.join(places)} ({reason})" for reason, places in reasons.items())
