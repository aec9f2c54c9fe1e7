"""A model of Akida's own library, built in-process from the integers of version 1 with numpy and that library alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snntk_akida.layer_rules import paddings
from snntk_akida.lowering import SMALLEST_STEP, Block
from snntk_core import (
    Array,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Graph,
    Identity,
    Issue,
    MaxPool,
    Op,
    QuantizedRelu,
    Reshape,
)
from snntk_core.errors import Incompatible, MissingLibrary, SnntkError, said
from snntk_core.shapes import Shape

MOST_STEP, MOST_THRESHOLD = 2**16 - 1, 2**19 - 1
MOST_FIRST_STEP, MOST_FIRST_THRESHOLD = 2**20 - 1, 2**23 - 1
EVENT_BITS = 4
SAME_ELEMENTS = (Flatten, Reshape, Dropout, Identity, QuantizedRelu)


@dataclass(frozen=True, eq=False)
class AkidaModel:
    """A model of Akida's library, ``model``, with what is asked of it most."""

    model: Any

    def save(self, path: str | Path, name: str = "model") -> Path:
        """Write the model and return the file: ``path``, by default ending in .fbz, or ``name`` in a folder."""
        path = Path(path)
        path = path / f"{name}.fbz" if path.is_dir() else path
        path = path if path.suffix else path.with_suffix(".fbz")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.model.save(str(path))
        return path

    def map(self, device: Any, *, hw_only: bool = False) -> None:
        """Map the model to a device of Akida's library, virtual or real.

        ``hw_only``: all of it on the device, in one sequence.  Raises `SnntkError` with the library's words for a model
        that does not fit.
        """
        try:
            self.model.map(device, hw_only=hw_only)
        except Exception as error:  # the library raises several kinds
            raise SnntkError(f"The model cannot be mapped to the device ({said(error)}).") from error

    def potentials(self, codes: Array) -> Array:
        """Return what ``forward`` gives for integers ``(n, *shape)``: potentials, or codes after an activation."""
        return np.asarray(self.model.forward(_images(codes)))

    def predict(self, codes: Array) -> Array:
        """Return ``(P - threshold) / act_step`` of the last layer, (n, 1, 1, units) or maps, for integers."""
        return np.asarray(self.model.predict(_images(codes)))


def build(graph: Graph, blocks: Sequence[Block], until: str | None = None) -> AkidaModel:
    """Return the blocks of ``graph`` as a model.

    ``until``: only the blocks up to this one, which then puts out its potentials.  Raises `MissingLibrary` without
    Akida's library, and `Incompatible` with every layer whose thresholds or steps a device does not hold.
    """
    try:
        import akida
    except ImportError:
        raise MissingLibrary("The builder of Akida models", ["akida"], "pip install akida") from None
    names = [block.name for block in blocks]
    chosen = blocks if until is None else blocks[: names.index(until) + 1]
    issues = [issue for block in chosen for issue in _too_large(block, block is blocks[0])]
    if issues:
        raise Incompatible("akida", issues)
    model, shape = akida.Model(), graph.shapes[graph.source.name]
    if len(shape) == 1:
        model.add(akida.InputData((1, 1, *shape), input_bits=EVENT_BITS))
    for block in chosen:
        values = _variables(graph, block, first=block is blocks[0])
        layer = _layer(akida, graph, block, block is blocks[0], activation=bool(block.bits) and block.name != until)
        model.add(layer)
        for name, value in values.items():
            layer.set_variable(name, np.ascontiguousarray(value))
    return AkidaModel(model)


def _too_large(block: Block, first: bool) -> list[Issue]:
    if not block.bits:
        return []
    most = (MOST_FIRST_STEP, MOST_FIRST_THRESHOLD) if first else (MOST_STEP, MOST_THRESHOLD)
    found = (float(block.act_step.max()), float(np.abs(block.threshold).max()))
    return [
        Issue(block.name, f"its {what} reach {value:.3g}; a device holds {limit}.", "Use fewer bits for its weights.")
        for what, value, limit in zip(("steps", "thresholds"), found, most, strict=True)
        if value > limit
    ]


def _layer(akida: Any, graph: Graph, block: Block, first: bool, *, activation: bool) -> Any:
    """Return the layer, whose variables are still to be set."""
    bits = {"weights_bits": graph[block.name].formats["weight"].bits, "act_bits": block.bits or 1}
    given: dict[str, Any] = {"name": block.name, "activation": activation, **bits}
    ops = list(block.ops.values())
    op = ops[0]
    if isinstance(op, Dense):
        return akida.FullyConnected(units=op.units, **given)
    assert isinstance(op, Conv2D | DepthwiseConv2D)
    last = ops[1] if isinstance(op, DepthwiseConv2D) else op
    assert isinstance(last, Conv2D)
    (name, *_) = block.ops
    same = "same" in paddings(graph, graph[name])
    given |= {
        "kernel_size": op.weight.shape[:2],
        "filters": last.units,
        "padding": akida.Padding.Same if same else akida.Padding.Valid,
        "kernel_stride": op.strides or (1, 1),
        **_pooling(akida, ops),
    }
    if not first:
        kind = akida.SeparableConvolutional if isinstance(op, DepthwiseConv2D) else akida.Convolutional
        return kind(**given)
    return akida.InputConvolutional(input_shape=graph.shapes[graph.source.name], padding_value=block.padding, **given)


def _pooling(akida: Any, ops: Sequence[Op]) -> Mapping[str, Any]:
    for op in ops:
        if isinstance(op, MaxPool):
            strides = op.strides or op.kernel
            return {"pool_type": akida.PoolType.Max, "pool_size": op.kernel, "pool_stride": strides}
        if isinstance(op, GlobalAveragePool):
            return {"pool_type": akida.PoolType.Average}
    return {}


def _variables(graph: Graph, block: Block, *, first: bool) -> dict[str, Array]:
    """Return what the layer holds; kernels are turned around, but for the first, which does not convolve."""
    found = {"threshold": block.threshold, "act_step": np.maximum(block.act_step, np.float32(SMALLEST_STEP))}
    for name, codes in block.codes.items():
        op = block.ops[name]
        if isinstance(op, Dense):
            found["weights"] = _flattened(codes, _map_before(graph, block))
        elif isinstance(op, Conv2D) and len(block.codes) == 2:
            found["weights_pw"] = codes
        else:
            found["weights"] = codes if first else codes[::-1, ::-1]
    return found


def _flattened(codes: Array, shape: Shape) -> Array:
    """Return (1, 1, inputs, units), the inputs in Akida's order of a map: channels first, then from the last axis."""
    if len(shape) == 3:
        codes = codes.reshape(*shape, -1).transpose(2, 1, 0, 3).reshape(codes.shape)
    return codes[None, None]


def _map_before(graph: Graph, block: Block) -> Shape:
    """Return the shape that a Dense layer reads, before it is flattened."""
    node = graph[graph[block.name].inputs[0]]
    while len(graph.shapes[node.name]) == 1 and isinstance(node.op, SAME_ELEMENTS):
        node = graph[node.inputs[0]]
    return graph.shapes[node.name]


def _images(codes: Array) -> Array:
    """Return integers as Akida reads them: uint8, (n, x, y, channels)."""
    codes = np.asarray(codes)
    return (codes[:, None, None] if codes.ndim == 2 else codes).astype(np.uint8)
