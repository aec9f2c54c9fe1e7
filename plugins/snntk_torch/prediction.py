"""The library's own answer: the module, or for a file its operators one by one, called in torch."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from snntk_core import ParseError
from snntk_core.joining import JoinedInputs
from snntk_core.ops import Array
from snntk_torch.constants import FOLDS
from snntk_torch.engine import IGNORED
from snntk_torch.export_file import TYPES
from snntk_torch.live import evaluating
from snntk_torch.operators import OPERATORS
from snntk_torch.program import Program, Reference, bind
from snntk_torch.reading import TorchModel, is_exported
from snntk_torch.refusal import first_line, printable
from snntk_torch.script_file import Script
from snntk_torch.translation import BATCH

PART = 256  # samples of one run
TYPE = "torch."


def predict(model: TorchModel, batch: Array) -> Array:
    """Return the first output for every sample.

    A TorchScript file is run only once its graph is known, which proves that it consists of known operators.
    Raises `ParseError` where torch refuses.
    """
    import torch

    fixed = None if model.module is not None and not is_exported(model.module) else _fixed_batch(model)
    split = _joined(model).split(np.asarray(batch)) if _joined(model) is not None else (batch,)
    given = [torch.from_numpy(np.ascontiguousarray(part)) for part in split]
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            return _in_parts(_runner(model), given, fixed)
    except ParseError:
        raise
    except Exception as error:  # torch raises its own kinds
        problem = f"torch cannot run it ({first_line(error)}); check the shape of the data."
        raise ParseError(model.label, problem) from error


def _joined(model: TorchModel) -> JoinedInputs | None:
    """How the inputs of a program are joined; None where there is no program, and so one input."""
    if model.module is not None and not is_exported(model.module):
        return None
    return None if isinstance(model.stored, Script) else model.program().inputs


def _in_parts(run: Callable[..., Any], given: Sequence[Any], fixed: int | None) -> Array:
    parts, step, total = [], fixed or PART, len(given[0])
    for start in range(0, total, step):
        count = min(step, total - start)
        missing = step - count if fixed else 0
        output = run(*(_filled(part[start : start + step], missing) for part in given))
        while isinstance(output, list | tuple):
            output = output[0]
        parts.append(output.detach().cpu().float().numpy()[:count])
    return np.concatenate(parts)


def _filled(part: Any, missing: int) -> Any:
    import torch

    return torch.cat([part, part[-1:].expand(missing, *part.shape[1:])]) if missing else part


def _fixed_batch(model: TorchModel) -> int | None:
    if isinstance(model.stored, Script):
        return None
    batch = model.program().batch
    return None if batch == BATCH else batch


def _runner(model: TorchModel) -> Callable[..., Any]:
    if isinstance(model.stored, Script) and model.module is None:
        return _script_runner(model, model.stored)
    if isinstance(model.stored, Program):
        program = model.stored
        return lambda *parts: _replayed(program, parts)
    if is_exported(model.module):
        return lambda *parts: model.module.module()(*parts)

    def run(part: Any) -> Any:
        with evaluating(model.module):
            return model.module(_like(model.module, part))

    return run


def _like(module: Any, part: Any) -> Any:
    """The data on the module's device and in its type of floats."""
    parameter = next((item for item in module.parameters() if item.is_floating_point()), None)
    return part if parameter is None else part.to(parameter.device, parameter.dtype)


def _script_runner(model: TorchModel, script: Script) -> Callable[[Any], Any]:
    import torch

    model.graph()
    source = script.archive.file
    stream: Any = source.fp if source.filename is None else source.filename
    if source.filename is None:
        stream.seek(0)
    load: Callable[..., Any] = torch.jit.load
    module = load(stream, map_location="cpu")
    return lambda part: module(part)


def _replayed(program: Program, parts: Sequence[Any]) -> Any:
    """Call the program's operators in order; only known ones, which compute and do nothing else."""
    import torch

    values: dict[str, Any] = {name: torch.from_numpy(np.array(array)) for name, array in program.constants.items()}
    values.update(zip(program.entries, parts, strict=True))
    for operation in program.operations:
        if operation.base not in IGNORED:
            arguments = _resolved(operation.arguments, values)
            keywords = {key: _resolved(item, values) for key, item in operation.keywords.items()}
            result = _function(operation.operator)(*arguments, **keywords)
            bind(operation.results, list(result) if isinstance(result, tuple | list) else result, values)
    return [values[name] for name in program.outputs]


def _function(name: str) -> Callable[..., Any]:
    import torch

    space, _, rest = name.partition(".")
    base, _, overload = rest.partition(".")
    known = base in OPERATORS or base in FOLDS or base.rstrip("_") in OPERATORS
    if space == "aten" and known:
        packet = getattr(torch.ops.aten, base)
        call: Callable[..., Any] = getattr(packet, overload or "default")
        return call
    if space == "_operator" and base in FOLDS:
        found: Callable[..., Any] = getattr(operator, base)
        return found
    raise ValueError(f"the operator {printable(name)} is not known")


def _resolved(item: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(item, Reference):
        return values[item.name]
    if isinstance(item, str) and item.startswith(TYPE) and item.removeprefix(TYPE) in TYPES.values():
        import torch

        return getattr(torch, item.removeprefix(TYPE))
    return [_resolved(part, values) for part in item] if isinstance(item, list | tuple) else item
