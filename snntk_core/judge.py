"""What is asked of a network's outputs: to decide for the label, or to come near the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from snntk_core.data import Data
from snntk_core.errors import DataError, OptionError
from snntk_core.graph import Graph
from snntk_core.ops import Array, Readout, Sigmoid
from snntk_core.shapes import size

Measure = Literal["accuracy", "error"]


def decisions(scores: Array, cut: float = 0.0) -> Array:
    """Return the decided class of each row of ``scores`` (..., outputs): the first largest.

    A single output decides for class 1 above ``cut``.
    """
    if scores.shape[-1] == 1:
        return (scores[..., 0] > cut).astype(np.int64)
    return np.asarray(scores.argmax(axis=-1))


@dataclass(frozen=True, eq=False)
class Judge:
    """Compares outputs with class numbers or with targets, (n, outputs); neither: there is nothing to compare with.

    ``cut``: where a single output decides, one half behind a sigmoid, else zero.  ``top_k``: a decision is right when
    the label is among that many largest outputs.
    """

    labels: Array | None = None
    targets: Array | None = None
    cut: float = 0.0
    top_k: int = 1

    @classmethod
    def of(cls, graph: Graph, data: Data, top_k: int = 1) -> Judge:
        """Return the judge of a network's outputs on ``data``.

        Labels of a network with one output that are not all 0 or 1 are targets.  Raises `DataError` for labels beyond
        the outputs and for targets of another shape, and `OptionError` for a ``top_k`` that makes every decision right.
        """
        name = graph.outputs[0]
        outputs, op = size(graph.shapes[name]), graph[name].op
        behind_sigmoid = isinstance(op, Sigmoid) or (isinstance(op, Readout) and op.link == "sigmoid")
        labels, targets = data.labels, data.targets
        if labels is not None and outputs == 1 and labels.max(initial=0) > 1:
            targets, labels = labels.astype(np.float64)[:, None], None
        if labels is not None and labels.max(initial=0) >= max(outputs, 2):
            raise DataError(f"There is a label {labels.max()}, but the network has {outputs} outputs.")
        if targets is not None and targets.shape[1] != outputs:
            raise DataError(f"The targets have {targets.shape[1]} values for each sample, the network {outputs}.")
        if targets is None and top_k >= max(outputs, 2):
            has = "1 output" if outputs == 1 else f"{outputs} outputs"
            most = f"Every decision would be right; take {max(outputs - 1, 1)} at most."
            raise OptionError([f"top_k is {top_k}, but the network has {has}. {most}"])
        return cls(labels, targets, 0.5 if behind_sigmoid else 0.0, top_k)

    @property
    def measure(self) -> Measure:
        """What `judged` gives: the share decided right, or the root mean square error."""
        return "error" if self.targets is not None else "accuracy"

    @property
    def judges(self) -> bool:
        """Whether there is anything to compare with."""
        return self.labels is not None or self.targets is not None

    def marks(self, scores: Array, part: slice = slice(None)) -> Array:
        """Return for ``scores`` (n, ..., outputs) of the samples ``part`` whether each is right, or squared errors."""
        if self.targets is not None:
            targets = self.targets[part].reshape(len(scores), *(1,) * (scores.ndim - 2), -1)
            return np.asarray(((scores - targets) ** 2).mean(axis=-1))
        assert self.labels is not None, "there is nothing to compare with"
        labels = self.labels[part].reshape(len(scores), *(1,) * (scores.ndim - 2))
        if self.top_k == 1 or scores.shape[-1] <= 2:
            return np.asarray(decisions(scores, self.cut) == labels)
        chosen = np.take_along_axis(scores, np.broadcast_to(labels[..., None], (*scores.shape[:-1], 1)), -1)
        return np.asarray((scores > chosen).sum(axis=-1) < self.top_k)

    def judged(self, total: float, samples: int) -> float:
        """Return the measure from the sum of the marks of ``samples``."""
        mean = total / samples
        return float(np.sqrt(mean)) if self.measure == "error" else float(mean)

    def judgment(self, outputs: Array) -> float | None:
        """Return the measure of ``outputs`` (n, *shape) for all samples; None with nothing to compare with."""
        if not self.judges:
            return None
        return self.judged(float(self.marks(outputs.reshape(len(outputs), -1)).sum()), len(outputs))
