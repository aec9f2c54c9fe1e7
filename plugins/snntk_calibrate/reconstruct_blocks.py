"""reconstruct-blocks: the outputs of whole blocks stay, with rounding, steps and biases learned together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, Literal

import numpy as np

from snntk_calibrate.blocks import Block, blocks
from snntk_calibrate.differentiable import supported
from snntk_calibrate.learning import FINISH, Learned, Training, chosen_device, learn
from snntk_calibrate.values import Values
from snntk_calibrate.walking import float_network, quantized_layers, required
from snntk_core import Array, Context, Graph, Node, Preserves, Stage, Transform, apply, option
from snntk_core.quantization import spelled


@dataclass(frozen=True)
class ReconstructBlocks(Transform):
    """``min mean((y' - y)^2)`` over the outputs of a block: the rounding of its weights, its steps and its biases.

    ``y`` is what the block puts out in the float network on calibration samples, ``y'`` in the quantized one.  A block
    ends where only one value goes on, such as behind a residual sum, and has ``least`` layers or more.  Steps that are
    powers of two, biases with a number format and weights of one bit stay.  Blocks are fitted in order, each to what
    those before it put out, and half of the values that it reads while learning are float ones.  Then steps and biases
    are learned alone; codes that made a block worse go back.  A block that does not get better stays as it was, which
    is noted; one that these options have reconstructed stays too.  For two to four bits, behind adapt-rounding.
    Source: Li 2021 (BRECQ), Wei 2022 (QDrop), Esser 2020 (steps).
    """

    name: ClassVar[str] = "reconstruct-blocks"
    stage: ClassVar[Stage] = Stage.QUANTIZE
    preserves: ClassVar[Preserves] = Preserves.NOTHING
    needs_calibration: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, object]] = MappingProxyType({"iterations": 4, "batch": 8})
    requires: ClassVar[tuple[str, ...]] = ("torch",)
    install: ClassVar[str] = 'pip install "snntk[torch]"'

    layers: str = option("*", "pattern of the layers' names")
    least: int = option(2, "quantized layers of a block, or more where a block cannot end")
    iterations: int = option(200, "steps of the optimizer for each block")
    batch: int = option(32, "samples in each step")
    rate: float = option(0.05, "learning rate of Adam for rounding; steps and biases learn a tenth as fast")
    regularization: float = option(10.0, "weight of the penalty for values between two codes")
    steps: bool = option(True, "learn the steps of activations too")
    seed: int = option(0, "seed of the samples that are drawn")
    device: Literal["auto", "cpu", "cuda"] = option("auto", "where to compute; auto takes a GPU where torch finds one")

    def __post_init__(self) -> None:
        if min(self.least, self.iterations, self.batch) < 1 or not self.rate > 0:
            raise ValueError("least, iterations, batch and rate lie above 0")
        if self.regularization < 0 or self.seed < 0:
            raise ValueError("regularization and seed are not negative")

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph with other codes, steps and biases.

        Raises `MissingLibrary` without torch, and `Incompatible` for a quantized network whose float network is not
        known.
        """
        self.require()
        names = quantized_layers(graph, self.layers)
        if not names:
            return graph
        floating, samples = float_network(graph, context, self.name, names), required(context, self.name)
        training = Training(
            self.iterations, self.batch, self.rate, self.regularization, self.steps, self.seed,
            chosen_device(self.device),
        )  # fmt: skip
        found = blocks(graph, names, self.least)
        values, reference, kept = Values(graph, samples), Values(floating, samples), []
        for index, block in enumerate(found):
            context.progress(f"{self.name}: {block.end}", index, len(found))
            if all(_signed(graph[name], spelled(self)) for name in block.layers):
                continue
            reason, new = _refusal(block, floating), {}
            if not reason:
                new = _reconstructed(block, values, reference, floating, training)
                reason = "" if new else "it got no better"
            if reason:
                kept.append(f"{', '.join(block.layers)} ({reason})")
            new |= {name: _sign(new.get(name, graph[name]), spelled(self)) for name in block.layers if new}
            for name, node in new.items():
                values.replace(name, node.op)
            graph = replace(graph, nodes=tuple(new.get(node.name, node) for node in graph))
        if kept:
            context.note(f"Blocks that stay as they were: {'; '.join(kept)}.")
        return graph


def _sign(node: Node, who: str) -> Node:
    """Return the node with a weight format that says who has chosen its codes too."""
    found = node.formats["weight"]
    return replace(node, formats={**node.formats, "weight": replace(found, quantizer=f"{found.quantizer} + {who}")})


def _signed(node: Node, who: str) -> bool:
    return node.formats["weight"].quantizer.endswith(f" + {who}")


def _refusal(block: Block, floating: Graph) -> str:
    """Return why a block cannot be reconstructed, or an empty string."""
    strange = {type(node.op).__name__ for node in block.nodes if not supported(node.op)}
    if strange:
        return f"no gradients for {', '.join(sorted(strange))}"
    unknown = not all(_float_name(block.graph[name], floating) for name in (block.source, block.end))
    return "the float network has no such block" if unknown else ""


def _float_name(node: Node, floating: Graph) -> str:
    """Return the node of the float network that puts out what a node does: a rounding stands behind its own."""
    return next((name for name in (node.name, *node.inputs[:1]) if name in floating), "")


def _reconstructed(
    block: Block, values: Values, reference: Values, floating: Graph, training: Training
) -> dict[str, Node]:
    """Return the nodes of the block that changed; none where its error over all samples did not fall."""
    reads = values.outputs(block.source)
    should, targets = (
        reference.outputs(_float_name(block.graph[name], floating)) for name in (block.source, block.end)
    )
    whole = [np.concatenate(parts) for parts in (reads, should, targets)]
    learned = Learned(block, floating, training, whole[0][: training.batch])
    learn(learned, (whole[0], whole[1]), whole[2], training)
    before, rounded = (_error(block, changed, reads, targets) for changed in ({}, learned.nodes()))
    learned.settle({} if rounded < before else _codes(block))
    learn(learned, (whole[0], whole[1]), whole[2], replace(training, iterations=int(FINISH * training.iterations)))
    new = learned.nodes()
    return new if _error(block, new, reads, targets) < before else {}


def _codes(block: Block) -> dict[str, Array]:
    """Return the codes of the block's weights as they are."""
    nodes = (block.graph[name] for name in block.layers)
    return {node.name: node.formats["weight"].encode(node.op.arrays["weight"]) for node in nodes}


def _error(block: Block, changed: dict[str, Node], inputs: list[Array], targets: list[Array]) -> float:
    """Return the squared error of the block over all samples."""
    total = 0.0
    for x, target in zip(inputs, targets, strict=True):
        values = {block.source: x}
        for node in block.nodes:
            op = changed.get(node.name, node).op
            values[node.name] = apply(op, *(values[name] for name in node.inputs))
        total += float(np.square(values[block.end] - target, dtype=np.float64).sum())
    return total
