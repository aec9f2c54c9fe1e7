"""A graph as a module of torch that trains on its grids, and the graph of what it has learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from snntk_core import BatchNorm, Dropout, FakeQuantize, Graph, Issue, Node, NumberFormat, PRelu, QuantizedRelu
from snntk_core.errors import Incompatible, MissingLibrary, SnntkError
from snntk_core.ops import Array, WeightedOp
from snntk_qat import torch_activations, torch_windows  # noqa: F401  they register ops
from snntk_qat.torch_ops import computed, trains

if TYPE_CHECKING:
    from torch import Tensor

TARGET = "Training in torch"
STEPPED = (QuantizedRelu, FakeQuantize)
LEARNED: tuple[tuple[type, tuple[str, ...]], ...] = (
    (WeightedOp, ("weight", "bias")),
    (BatchNorm, ("scale", "offset")),
    (PRelu, ("slope",)),
)
"""The arrays that train; all others are constants."""


def learned(node: Node) -> tuple[str, ...]:
    """Return the names of a node's arrays that train."""
    return tuple(name for kind, names in LEARNED if isinstance(node.op, kind) for name in names if name in _has(node))


def _has(node: Node) -> Mapping[str, Array]:
    return node.op.arrays


def on_grid(found: NumberFormat, values: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``values`` on the grid of a format, whose gradient passes where nothing is clipped, and their codes.

    ``code = clip(round_half_even(x / step), lowest, highest)``; a sign passes all gradients.
    """
    scaled = values / step
    codes = 2 * (scaled > 0).to(scaled.dtype) - 1 if found.is_sign else scaled.round()
    straight = scaled + (codes - scaled).detach()
    if not found.is_sign:
        straight = straight.clamp(found.lowest, found.highest)
    return step * straight, codes.clamp(found.lowest, found.highest)


def _shaped(found: NumberFormat, rank: int) -> Array:
    """The steps of a format as they broadcast onto an array."""
    if found.axis is None:
        return found.scale
    return found.scale.reshape([-1 if axis == found.axis % rank else 1 for axis in range(rank)])


@cache
def graph_module() -> Any:
    """Return the class GraphModule; raises `MissingLibrary` without torch."""
    try:
        import torch
    except ImportError as error:
        raise MissingLibrary(TARGET, ("torch",), 'pip install "snntk[torch]"') from error
    base = torch.nn.Module

    class GraphModule(base):  # type: ignore[misc, valid-type]
        """A graph whose weights train as floats and are rounded to their grids in every forward pass.

        Batches are in the model's own layout.  ``parameters()``: weights and biases, scales and offsets of batch
        normalization, slopes, and with ``learn_steps`` the logarithms of what steps are multiplied by.
        """

        def __init__(self, graph: Graph, start: Mapping[str, Mapping[str, Array]], learn_steps: bool) -> None:
            base.__init__(self)
            self.graph = graph
            self.values, self.changes = torch.nn.ParameterDict(), torch.nn.ParameterDict()
            for index, node in enumerate(graph):
                _enter(self, index, node, start[node.name], learn_steps)

        def forward(self, batch: Tensor, until: str | None = None) -> Any:
            """Return the output for a batch, a tuple of several outputs, or the value of the node ``until``."""
            values: dict[str, Any] = {}
            for index, node in enumerate(self.graph):
                given = [values[name] for name in node.inputs] or [batch]
                value = computed(node.op, arrays_of(self, index, node, given), *given)
                if isinstance(node.op, Dropout):
                    value = torch.nn.functional.dropout(value, node.op.rate, self.training)
                values[node.name] = value
                if node.name == until:
                    return value
            found = tuple(values[name] for name in self.graph.outputs)
            return found[0] if len(found) == 1 else found

    return GraphModule


def _enter(module: Any, index: int, node: Node, start: Mapping[str, Array], learn_steps: bool) -> None:
    """Give a module the arrays of a node: those that train, constants, and steps."""
    import torch

    for name, array in node.op.arrays.items():
        if name in learned(node):
            module.values[f"{index}_{name}"] = torch.nn.Parameter(_tensor(start[name]))
        else:
            module.register_buffer(f"constant_{index}_{name}", _tensor(array), persistent=False)
    for name, array in _steps(node).items():
        module.register_buffer(f"step_{index}_{name}", _tensor(array), persistent=False)
        if learn_steps:
            module.changes[f"{index}_{name}"] = torch.nn.Parameter(torch.zeros(array.shape))


def step_of(module: Any, index: int, name: str, values: int, highest: int) -> Tensor:
    """Return the step of a node's array or output; ``values``: how many values share one.

    Its gradient is divided by ``sqrt(values * highest)`` as in Esser 2020.
    """
    initial, key = getattr(module, f"step_{index}_{name}"), f"{index}_{name}"
    if key not in module.changes:
        return initial  # type: ignore[no-any-return]
    change, share = module.changes[key], float(values * highest) ** -0.5
    return initial * (change * share + (change - change * share).detach()).exp()  # type: ignore[no-any-return]


def array_step(module: Any, index: int, node: Node, name: str) -> Tensor:
    """Return the step of an array that has a format."""
    form, array = node.formats[name], node.op.arrays[name]
    return step_of(module, index, name, max(1, array.size // max(1, form.scale.size)), form.highest)


def arrays_of(module: Any, index: int, node: Node, given: Sequence[Tensor]) -> dict[str, Any]:
    """Return a node's arrays as it computes with them: on their grids.  ``given``: its inputs."""
    found = {}
    for name in node.op.arrays:
        if name not in learned(node):
            found[name] = getattr(module, f"constant_{index}_{name}")
            continue
        value, form = module.values[f"{index}_{name}"], node.formats.get(name)
        found[name] = value if form is None else on_grid(form, value, array_step(module, index, node, name))[0]
    if isinstance(node.op, STEPPED):
        highest = node.op.levels if isinstance(node.op, QuantizedRelu) else node.op.highest
        shared = max(1, given[0][0].numel() // max(1, node.op.step.size))
        found["step"] = step_of(module, index, "output", shared, max(1, highest))
    return found


def codes_of(module: Any, index: int, node: Node, name: str) -> tuple[Tensor, Tensor]:
    """Return the codes of an array that has a format, and its steps."""
    step = array_step(module, index, node, name)
    return on_grid(node.formats[name], module.values[f"{index}_{name}"], step)[1], step


def _tensor(array: Array) -> Tensor:
    import torch

    return torch.from_numpy(np.array(array, np.float32))


def _steps(node: Node) -> dict[str, Array]:
    """The steps of a node's arrays that train and have a format, and of its output where the op rounds it."""
    arrays = {name: array for name, array in node.op.arrays.items() if name in node.formats and name in learned(node)}
    found = {name: _shaped(node.formats[name], array.ndim) for name, array in arrays.items()}
    return found | ({"output": node.op.step} if isinstance(node.op, STEPPED) else {})


def torch_module(graph: Graph, *, start: Graph | None = None, learn_steps: bool = False) -> Any:
    """Return a `torch.nn.Module` that computes what the graph does, its weights rounded in every forward pass.

    ``start``: the float network before it was quantized, from whose weights the training starts; by default it starts
    on the grids.  ``learn_steps``: the steps train too, and stay above zero; else every grid stays what it is.
    Raises `Incompatible` naming every node that cannot be trained, and `MissingLibrary`.

    >>> module = torch_module(quantized, start=network)
    """
    made = graph_module()
    issues = [
        Issue(node.name, f"a {type(node.op).__name__} has no gradient here.", "Train the analog network.")
        for node in graph
        if not trains(node.op)
    ]
    initial = {node.name: dict(node.op.arrays) for node in graph}
    for node in graph if start is not None else ():
        for name in learned(node):
            given = start[node.name].op.arrays.get(name) if start is not None and node.name in start else None
            if given is None or given.shape != node.op.arrays[name].shape:
                problem = f"the network to start from has no {name} of shape {node.op.arrays[name].shape} here."
                issues.append(Issue(node.name, problem, "Give the float network that was quantized."))
            else:
                initial[node.name][name] = given
    if issues:
        raise Incompatible(TARGET, issues)
    return made(graph, initial, learn_steps)


def graph_of(module: Any) -> Graph:
    """Return the graph of a module that `torch_module` made, with the weights and steps that it has now.

    Raises `SnntkError` for another module, and for weights that are not finite.
    """
    if type(module).__name__ != "GraphModule" or not isinstance(getattr(module, "graph", None), Graph):
        raise SnntkError("A graph is made of a module from snntk.qat.torch_module; parse others with snntk.parse.")
    return replace(module.graph, nodes=tuple(_trained(module, index, node) for index, node in enumerate(module.graph)))


def _trained(module: Any, index: int, node: Node) -> Node:
    """The node with what was learned."""
    arrays, formats = {}, dict(node.formats)
    for name in learned(node):
        value = module.values[f"{index}_{name}"].detach().cpu().numpy()
        if not np.isfinite(value).all():
            raise SnntkError(f"{node.name}: its {name} is not finite; train with a smaller learning rate.")
        if name in formats:
            codes, step = (item.detach().cpu().numpy() for item in codes_of(module, index, node, name))
            formats[name] = _with_steps(formats[name], step)
            value = formats[name].decode(codes.astype(np.int64))
        arrays[name] = value
    if isinstance(node.op, STEPPED) and f"{index}_output" in module.changes:
        arrays["step"] = step_of(module, index, "output", 1, 1).detach().cpu().numpy()
        if "output" in formats:
            formats["output"] = _with_steps(formats["output"], arrays["step"])
    return replace(node, op=replace(node.op, **arrays), formats=formats) if arrays else node


def _with_steps(found: NumberFormat, steps: Array) -> NumberFormat:
    return replace(found, scale=steps.reshape(found.scale.shape))
