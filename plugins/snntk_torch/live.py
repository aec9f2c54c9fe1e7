"""Live modules and exported programs: `torch.export` with shapes only, so nothing is computed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from snntk_core import ParseError
from snntk_core.ops import Array
from snntk_core.shapes import Shape
from snntk_torch.program import Operation, Program, Reference
from snntk_torch.refusal import first_line, printable
from snntk_torch.translation import BATCH

NO_INPUT = "the network has no input that is a tensor; export one that takes its data as tensors."
HELPER = "_empty_nn_module_stack_from_metadata_hook"


@contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """Put a module and all below it into eval mode, and back afterwards."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def exported(module: Any, shape: Shape, label: str) -> Any:
    """Return a module's exported program for samples of ``shape``.

    The batch size is a large prime, so that the program shows where it is used; where a module cannot take that,
    it is two.  Raises `ParseError` with the library's reason.
    """
    import torch
    from torch._subclasses import FakeTensorMode

    dtype = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)
    with warnings.catch_warnings(), evaluating(module), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            with FakeTensorMode(allow_non_fake_inputs=True):
                example = torch.empty((BATCH, *shape), dtype=dtype)
            return torch.export.export(module, (example,))
        except Exception:  # torch raises its own kinds and whatever the module raises
            try:
                return torch.export.export(module, (torch.zeros((2, *shape), dtype=dtype),))
            except Exception as error:
                problem = f"torch.export cannot follow it on samples of shape {tuple(shape)} ({first_line(error)});"
                remedy = "check the shape, and make forward free of branches on computed values."
                raise ParseError(label, problem, remedy=remedy) from error


def program_of(exported: Any, label: str) -> Program:
    """Return a live ExportedProgram as plain data."""
    signature = exported.graph_signature
    entries = [spec.arg.name for spec in signature.input_specs if spec.kind.name == "USER_INPUT"]
    placeholders = {node.name: node for node in exported.graph.nodes if node.op == "placeholder"}
    if not entries or not placeholders.keys() >= set(entries):
        raise ParseError(label, NO_INPUT)
    lengths = {name: _lengths(placeholders[name], label) for name in entries}
    return Program(
        label,
        {name: shape for name, (_, shape) in lengths.items()},
        lengths[entries[0]][0],
        _constants(exported, signature),
        tuple(_operation(node) for node in exported.graph.nodes if node.op == "call_function"),
        tuple(spec.arg.name for spec in signature.output_specs if spec.kind.name == "USER_OUTPUT"),
    )


def _lengths(placeholder: Any, label: str) -> tuple[int | None, Shape]:
    lengths = tuple(getattr(placeholder.meta.get("val"), "shape", ()))
    if not lengths or not all(isinstance(length, int) for length in lengths[1:]):
        raise ParseError(label, "its samples have no fixed shape; export it with fixed lengths but for the batch.")
    return (lengths[0] if isinstance(lengths[0], int) else None), tuple(int(length) for length in lengths[1:])


def _constants(exported: Any, signature: Any) -> Mapping[str, Array]:
    found = {}
    for spec in signature.input_specs:
        if spec.kind.name in ("PARAMETER", "BUFFER", "CONSTANT_TENSOR"):
            stored = exported.state_dict.get(spec.target)
            tensor = exported.constants.get(spec.target) if stored is None else stored
            if tensor is not None:
                found[spec.arg.name] = to_array(tensor)
    return found


def to_array(tensor: Any) -> Array:
    """Return a tensor as an array; half floats become float32."""
    import torch

    plain = tensor.detach().cpu()
    half = plain.dtype in (torch.float16, torch.bfloat16)
    return np.array((plain.float() if half else plain).numpy())


def _operation(node: Any) -> Operation:
    stack = [entry for key, entry in node.meta.get("nn_module_stack", {}).items() if key != HELPER]
    path, kind = stack[-1] if stack else ("", "")
    kind = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
    target = node.target
    name = str(target) if "." in str(target) and " " not in str(target) else f"_operator.{printable(target.__name__)}"
    arguments, keywords = _plain((node.args, node.kwargs))
    return Operation(name, tuple(arguments), keywords, (node.name,), (str(path), kind))


def _plain(item: Any) -> Any:
    import torch

    if isinstance(item, torch.fx.Node):
        return Reference(item.name)
    if isinstance(item, list | tuple):
        return [_plain(part) for part in item]
    if isinstance(item, Mapping):
        return {key: _plain(part) for key, part in item.items()}
    return item if item is None or isinstance(item, bool | int | float | str) else str(item)
