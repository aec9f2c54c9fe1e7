"""fine-tune: a quantized network is trained to put out what its float network does; no labels are needed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from snntk_core import (
    Array,
    Context,
    FakeQuantize,
    Graph,
    Issue,
    LogSoftmax,
    Preserves,
    QuantizedRelu,
    Readout,
    Softmax,
    Stage,
    Transform,
    evaluate,
    option,
)
from snntk_core.errors import Incompatible
from snntk_core.reference import as_batch
from snntk_qat.torch_network import graph_of, torch_module

if TYPE_CHECKING:
    from torch import Tensor

TUNED = "fine_tuned"
"""The entry of a graph's meta that says it was trained here: a second time changes nothing."""


@dataclass(frozen=True)
class FineTune(Transform):
    """``min mean((y'(x) - y(x))^2)`` over all weights and biases: ``y`` the float network, ``y'`` the quantized one.

    ``x``: the calibration samples.  Every pass rounds the weights to their grids; rounding has the gradient 1 where
    nothing is clipped (the straight-through estimator of Bengio 2013).  ``y`` is taken before a final softmax.  The
    network stays as it was where training does not lower the error.  Adam, its rate falling to zero along a cosine.
    """

    name: ClassVar[str] = "fine-tune"
    stage: ClassVar[Stage] = Stage.QUANTIZE
    preserves: ClassVar[Preserves] = Preserves.NOTHING
    needs_calibration: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("torch",)
    install: ClassVar[str] = 'pip install "snntk[torch]"'

    epochs: int = option(30, "how often every calibration sample is seen")
    rate: float = option(1e-3, "learning rate at the beginning")
    batch: int = option(32, "samples in one step")
    learn_steps: bool = option(False, "whether the steps of the grids train too, which moves the grids")
    seed: int = option(0, "seed of the order of the samples")

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 1 or not self.rate > 0 or self.seed < 0:
            raise ValueError("epochs, batch and rate lie above 0, and the seed is not negative")

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph with other weights on its grids.

        Raises `MissingLibrary` without torch, and `Incompatible` for a quantized network whose float network is not
        known, and for ops without gradients.
        """
        if TUNED in graph.meta or not any(
            node.formats or isinstance(node.op, (QuantizedRelu, FakeQuantize)) for node in graph
        ):
            return graph
        self.require()
        if context.unquantized is None or context.calibration is None:
            raise Incompatible(self.name, [_unknown(graph)])
        samples = as_batch(graph, context.calibration).astype(np.float32)
        name = _scores(graph)
        targets = evaluate(context.unquantized, samples, _scores(context.unquantized))
        module = torch_module(graph, learn_steps=self.learn_steps).eval()
        before = _error(evaluate(graph, samples, name), targets)
        self._train(module, samples, targets, name, context)
        after = graph_of(module)
        reached = _error(evaluate(after, samples, name), targets)
        if not reached < before:
            context.note(f"Training did not lower the error of the outputs ({before:.2e}), so the weights stay.")
            after = graph
        else:
            context.note(f"The error of the outputs fell from {before:.2e} to {reached:.2e} of their mean square.")
        return replace(after, meta={**after.meta, TUNED: self.name})

    def _train(self, module: Any, samples: Array, targets: Array, name: str, context: Context) -> None:
        import torch

        inputs, wanted = torch.from_numpy(samples), torch.from_numpy(targets.astype(np.float32))
        optimizer = torch.optim.Adam(module.parameters(), lr=self.rate)
        steps = self.epochs * -(-len(samples) // self.batch)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        order = torch.Generator().manual_seed(self.seed)
        for epoch in range(self.epochs):
            context.progress(self.name, epoch, self.epochs)
            for chosen in torch.randperm(len(samples), generator=order).split(self.batch):
                optimizer.zero_grad()
                _loss(module(inputs[chosen], name), wanted[chosen]).backward()
                optimizer.step()
                schedule.step()


def _loss(found: Tensor, wanted: Tensor) -> Tensor:
    return (found - wanted).square().mean()


def _error(found: Array, wanted: Array) -> float:
    """The mean square of the difference, as a share of that of what is wanted."""
    return float(np.square(found - wanted).mean() / max(float(np.square(wanted).mean()), 1e-30))


def _scores(graph: Graph) -> str:
    """The node whose values are compared: the output, or what its softmax reads."""
    node = graph[graph.outputs[0]]
    return node.inputs[0] if isinstance(node.op, Softmax | LogSoftmax | Readout) else node.name


def _unknown(graph: Graph) -> Issue:
    problem = "there are no calibration samples, or the float network of this quantized one is not known"
    return Issue(graph.outputs[0], problem, "Quantize it in the same recipe, with calibration samples.")
