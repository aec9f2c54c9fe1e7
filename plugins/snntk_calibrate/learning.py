"""Rounding, steps and biases of a block, learned together so that the block's outputs stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from snntk_calibrate.blocks import Block
from snntk_calibrate.differentiable import forward
from snntk_calibrate.rounding import SHIFT, STRETCH, WARM_UP, beta
from snntk_core import Array, FakeQuantize, Graph, Node, NumberFormat, Op, QuantizedRelu

if TYPE_CHECKING:
    from torch import Tensor

    Mixed = Callable[[Tensor, Tensor], Tensor]

SLOW = 10.0  # times slower than rounding, steps and biases move
FINISH = 0.3  # of the iterations: added at the end, for steps and biases alone
SURE = 20.0  # a slope whose share is one, and its negative zero
DROP = 0.5  # share of the values that stay unrounded while rounding is learned
START = 0.8  # share of the code that stands, against the float weight, in where learning begins


@dataclass(frozen=True)
class Training:
    """How long, how fast, on how many samples at once, and where."""

    iterations: int
    batch: int
    rate: float
    regularization: float
    steps: bool
    seed: int
    device: str


@dataclass(frozen=True, eq=False)
class Rounding:
    """The rounding of one weight: ``low + h``, up to ``high``, in steps."""

    low: Tensor
    high: Tensor
    step: Tensor
    slope: Tensor

    @property
    def share(self) -> Tensor:
        """``h`` between zero and one."""
        import torch

        return (torch.sigmoid(self.slope) * STRETCH - SHIFT).clamp(0, 1)

    def weight(self) -> Tensor:
        """Return the weight as it stands, between codes too."""
        import torch

        return torch.minimum(self.low + self.share, self.high) * self.step

    def codes(self) -> Array:
        """Return the integers that it is rounded to."""
        import torch

        found = torch.where(self.slope.detach() >= 0, self.high, self.low)
        return np.asarray(found.cpu().numpy().astype(np.int64))


class Learned:
    """What is learned in a block, as tensors, and the block as a function of its input."""

    def __init__(self, block: Block, floating: Graph, training: Training, sample: Array) -> None:
        self.block, self.device = block, training.device
        self.rounding: dict[str, Rounding] = {}
        self.units: dict[str, float] = {}
        self.steps: dict[str, Tensor] = {}
        self.biases: dict[str, Tensor] = {}
        self.fixed = {
            node.name: {name: self.tensor(array) for name, array in node.op.arrays.items()} for node in block.nodes
        }
        for node in block.nodes:
            if node.name in block.layers and not node.formats["weight"].is_sign:
                self.rounding[node.name] = self._rounding(node, floating[node.name].op.arrays["weight"])
            if node.name in block.layers and "bias" in node.op.arrays and "bias" not in node.formats:
                self.biases[node.name] = self.tensor(np.zeros(node.op.arrays["bias"].shape)).requires_grad_()
            if training.steps and _free(node):
                assert isinstance(node.op, QuantizedRelu | FakeQuantize)
                self.steps[node.name] = self.tensor(np.log(node.op.step.astype(np.float64))).requires_grad_()
        found = self.values(self.tensor(sample))
        self.units = {name: max(float(found[name].detach().std()), 1e-30) for name in self.biases}

    def tensor(self, array: Array) -> Tensor:
        """Return an array as a float32 tensor of its own."""
        import torch

        return torch.from_numpy(np.array(array, np.float32, order="C")).to(self.device)

    def _rounding(self, node: Node, weight: Array) -> Rounding:
        import torch

        found = node.formats["weight"]
        step = found.decode(np.ones(weight.shape, np.int64)).astype(np.float64)
        low = np.floor(weight / step)
        codes = found.encode(node.op.arrays["weight"])
        share = np.clip((1 - START) * (weight / step - low) + START * (codes - low), 0, 1)
        edges = (np.clip(low + up, found.lowest, found.highest) for up in (0, 1))
        slope = -torch.log(STRETCH / (self.tensor(share) + SHIFT) - 1)
        return Rounding(*map(self.tensor, edges), self.tensor(step), slope.requires_grad_())

    def parameters(self, rate: float) -> list[dict[str, Any]]:
        """Return what is learned, in groups with a learning rate each; steps and biases move slower."""
        slow = [*self.steps.values(), *self.biases.values()]
        slopes = [item.slope for item in self.rounding.values() if item.slope.requires_grad]
        groups = [{"params": slopes, "lr": rate}]
        return [group for group in (*groups, {"params": slow, "lr": rate / SLOW}) if group["params"]]

    def values(self, x: Tensor, mixed: Mixed | None = None) -> dict[str, Tensor]:
        """Return what the nodes of the block put out; ``mixed`` makes rounded outputs partly unrounded."""
        values = {self.block.source: x}
        for node in self.block.nodes:
            arrays = dict(self.fixed[node.name])
            if node.name in self.rounding:
                arrays["weight"] = self.rounding[node.name].weight()
            if node.name in self.biases:
                arrays["bias"] = self.bias(node.name)
            if node.name in self.steps:
                arrays["step"] = self.steps[node.name].exp()
            found = forward(node.op, arrays, *(values[name] for name in node.inputs))
            if mixed is not None and isinstance(node.op, QuantizedRelu | FakeQuantize):
                given = values[node.inputs[0]]
                found = mixed(found, given.clamp(min=0) if isinstance(node.op, QuantizedRelu) else given)
            values[node.name] = found
        return values

    def bias(self, name: str) -> Tensor:
        """Return the bias of a layer as it stands: what is learned counts in deviations of the layer's outputs."""
        return self.fixed[name]["bias"] + self.units.get(name, 1.0) * self.biases[name]

    def penalty(self, exponent: float) -> Tensor:
        """Return the mean of ``1 - |2h - 1|^beta`` over all weights."""
        parts = [1 - (2 * item.share - 1).abs() ** exponent for item in self.rounding.values()]
        return sum(part.sum() for part in parts) / sum(part.numel() for part in parts)  # type: ignore[return-value]

    def settle(self, codes: Mapping[str, Array]) -> None:
        """Round weights to ``codes``, the others to the nearer side; from now on they stay."""
        import torch

        for name, item in self.rounding.items():
            chosen = self.tensor(codes[name]) if name in codes else torch.where(item.slope >= 0, item.high, item.low)
            slope = torch.where(chosen > item.low, SURE, -SURE)
            self.rounding[name] = replace(item, slope=slope.detach())

    def nodes(self) -> dict[str, Node]:
        """Return the nodes that changed, their weights on the grid."""
        return {node.name: self._finished(node) for node in self.block.nodes if self._touched(node.name)}

    def _touched(self, name: str) -> bool:
        return name in self.rounding or name in self.steps or name in self.biases

    def _finished(self, node: Node) -> Node:
        arrays: dict[str, Array] = {}
        formats = dict(node.formats)
        if node.name in self.rounding:
            arrays["weight"] = formats["weight"].decode(self.rounding[node.name].codes())
        if node.name in self.biases:
            arrays["bias"] = self.bias(node.name).detach().cpu().numpy().astype(node.op.arrays["bias"].dtype)
        if node.name in self.steps:
            step = np.exp(self.steps[node.name].detach().cpu().numpy().astype(np.float64)).astype(np.float32)
            arrays["step"] = step
            formats["output"] = replace(formats["output"], scale=step.reshape(formats["output"].scale.shape))
        op: Op = replace(node.op, **arrays)
        return replace(node, op=op, formats=formats)


def learn(learned: Learned, inputs: tuple[Array, Array], targets: Array, training: Training) -> None:
    """Minimize ``mean((y' - y)^2) / mean((y'_0 - y)^2) + lambda * penalty`` with Adam on random samples.

    ``inputs``: the block's inputs in the quantized and in the float network.  ``targets``: ``y``, the block's outputs
    in the float network; ``y'_0`` is where learning begins.  While rounding is learned, every value that is read or
    rounded is the float one by chance (QDrop); steps and biases alone are learned on what the network will compute.
    The rates fall to zero along half a cosine.
    """
    import torch

    groups = learned.parameters(training.rate)
    if not groups or training.iterations < 1:
        return
    generator = torch.Generator().manual_seed(training.seed)

    def mixed(rounded: Tensor, unrounded: Tensor) -> Tensor:
        chance = torch.rand(rounded.shape, generator=generator).to(rounded.device)
        return torch.where(chance < DROP, unrounded, rounded)

    rounds = any(item.slope.requires_grad for item in learned.rounding.values())
    optimizer = torch.optim.Adam(groups)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, training.iterations)
    reference = 0.0
    for iteration in range(training.iterations):
        chosen = torch.randint(len(targets), (training.batch,), generator=generator)
        quantized, floating, target = (learned.tensor(array[chosen.numpy()]) for array in (*inputs, targets))
        read = mixed(quantized, floating) if rounds else quantized
        found = learned.values(read, mixed if rounds else None)[learned.block.end]
        error = (found - target).square().mean()
        reference = reference or max(float(error.detach()), 1e-30)
        loss = error / reference
        if rounds and iteration >= WARM_UP * training.iterations:
            loss = loss + training.regularization * learned.penalty(beta(iteration, training.iterations))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()


def chosen_device(name: str) -> str:
    """Return ``cuda`` or ``cpu``; ``auto`` takes a GPU where torch finds one."""
    import torch

    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def _free(node: Node) -> bool:
    """Whether a node's output has steps that may become any number: steps that are powers of two were meant so."""
    kept: NumberFormat | None = node.formats.get("output")
    if kept is None or not isinstance(node.op, QuantizedRelu | FakeQuantize) or kept.scale.size != node.op.step.size:
        return False
    exponents = np.log2(kept.scale.astype(np.float64))
    return not np.array_equal(exponents, np.rint(exponents))
