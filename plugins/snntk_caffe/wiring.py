"""From names to values: every blob is assigned once, training's layers go, and what is left is what computes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from snntk_caffe.network import Description, Layer
from snntk_caffe.refusal import printable

LOSSES = {"SoftmaxWithLoss": "Softmax", "SigmoidCrossEntropyLoss": "Sigmoid"}
SILENT = {"Accuracy", "Silence", "HDF5Output"}
Problems = list[tuple[str, str]]


@dataclass(frozen=True, eq=False)
class Wiring:
    """Layers whose bottoms and tops are values: each made once.

    ``entries``: value to index of the description's entry, for those that are read.  ``blobs``: the name in the file
    of every value.  ``outputs``: values that nothing reads.
    """

    entries: Mapping[str, int]
    layers: tuple[Layer, ...]
    outputs: tuple[str, ...]
    blobs: Mapping[str, str]
    uses: Counter[str]


def wire(description: Description) -> tuple[Wiring, Problems]:
    """Return the wiring of a network, and what is wrong with it."""
    blobs: dict[str, str] = {}
    current: dict[str, str] = {}

    def assign(blob: str) -> str:
        value = f"value {len(blobs)}"
        blobs[value], current[blob] = blob, value
        return value

    entries = {assign(entry.blob): index for index, entry in enumerate(description.entries)}
    problems: Problems = []
    layers: list[Layer] = []
    for layer in description.layers:
        missing = [name for name in layer.bottoms if name not in current]
        if missing:
            problems.append((layer.name, f"{layer.kind} reads {printable(missing[0])!r}, which nothing defines"))
        bottoms = tuple(current.get(name, "") for name in layer.bottoms)
        layers.append(replace(layer, bottoms=bottoms, tops=tuple(map(assign, layer.tops))))
    kept = _deployed(layers)
    uses = Counter(value for layer in kept for value in layer.bottoms)
    made = [value for layer in kept for value in layer.tops]
    read = {value: index for value, index in entries.items() if uses[value]}
    outputs = tuple(value for value in made if not uses[value])
    return Wiring(read, tuple(kept), outputs, blobs, uses), problems


def _deployed(layers: Iterable[Layer]) -> list[Layer]:
    """The layers without those that only train or report; a loss that includes a Softmax leaves its Softmax."""
    layers = list(layers)
    normalized = {layer.bottoms[:1] for layer in layers if layer.kind in LOSSES.values()}
    kept = []
    for layer in layers:
        if layer.kind in LOSSES and layer.bottoms[:1] not in normalized:
            kept.append(replace(layer, kind=LOSSES[layer.kind], bottoms=layer.bottoms[:1], tops=layer.tops[:1]))
        elif layer.kind not in SILENT and not layer.kind.endswith("Loss"):
            kept.append(layer)
    return kept
