"""What every op means, in numpy: the reference that parsers, rewrites and simulators are compared with."""

from snntk_core.reference import analog, linear, neuron, poisson  # registers the semantics
from snntk_core.reference.dispatch import apply
from snntk_core.reference.evaluation import activations, as_batch, evaluate, part_size, trace

__all__ = [
    "activations", "analog", "apply", "as_batch", "evaluate", "linear", "neuron", "part_size", "poisson", "trace",
]  # fmt: skip
