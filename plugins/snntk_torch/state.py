"""State dicts: loaded with ``weights_only=True``, always, into the class that the user names."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from snntk_core import ParseError
from snntk_torch.archive import is_archive
from snntk_torch.refusal import first_line, printable

WAYS = (
    "save its state_dict() and name its class (--model-class package.module:Class), "
    "or save it with torch.export.save or torch.jit.save."
)
CHECKPOINTS = ("state_dict", "model_state_dict", "model", "net")
DAMAGED = "the file is truncated, corrupt or no file of PyTorch; download or save it again."
LEGACY = b"\x80"  # how a file of before torch 1.6 begins: the opcode of a pickle that says its protocol
PARALLEL = "module."
LISTED = 4


def load_weights(path: Path) -> Mapping[str, Any]:
    """Return the state dict in a file, that of a checkpoint too.

    Raises `ParseError` for a pickled module, which is not unpickled, and for a damaged file.
    """
    import torch

    label = str(path)
    if not is_archive(path) and not _is_legacy(path):
        raise ParseError(label, DAMAGED)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # a file of before torch 1.6 says how long its texts are; reading from memory allocates no more than it has
            source = path if is_archive(path) else io.BytesIO(path.read_bytes())
            found = torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises its own kinds, and whatever a damaged file makes it raise
        named = re.search(r"(?:GLOBAL|Unsupported (?:global|class))\W+(?:GLOBAL )?([\w.]+)", str(error))
        if named:
            problem = f"it is a pickled object of the class {printable(named[1])}, and unpickling it would run code;"
            raise ParseError(label, problem, remedy=WAYS) from error
        raise ParseError(label, DAMAGED) from error
    return _state(found, label)


def _is_legacy(path: Path) -> bool:
    """Whether a file begins as those of before torch 1.6; any other is not read whole to find out."""
    with path.open("rb") as stream:
        return stream.read(1) == LEGACY


def _state(found: Any, label: str) -> Mapping[str, Any]:
    if isinstance(found, Mapping):
        inner = [found[key] for key in CHECKPOINTS if isinstance(found.get(key), Mapping)]
        found = inner[0] if inner else found
    import torch

    if not isinstance(found, Mapping) or not any(isinstance(item, torch.Tensor) for item in found.values()):
        raise ParseError(label, f"it holds a {type(found).__name__}, but a state dict was expected;", remedy=WAYS)
    if all(str(key).startswith(PARALLEL) for key in found):
        return {str(key).removeprefix(PARALLEL): item for key, item in found.items()}
    return found


def built(spec: str, label: str) -> Any:
    """Return a module of the class that ``package.module:Class`` names; this runs the user's own code.

    Raises `ParseError` where it cannot be imported or made without arguments.
    """
    import torch

    place, colon, name = spec.partition(":")
    if not colon or not place or not name:
        raise ParseError(label, f"the model class is given as package.module:Class, not {printable(spec)!r}.")
    try:
        found: Any = import_module(place)
        for part in name.split("."):
            found = getattr(found, part)
        module = found()
    except Exception as error:  # importing and making it run the user's code
        problem = f"the model class {printable(spec)} cannot be made ({type(error).__name__}: {first_line(error)});"
        remedy = (
            "it must be importable (PYTHONPATH) and take no arguments; a function that returns the module does too."
        )
        raise ParseError(label, problem, remedy=remedy) from error
    if not isinstance(module, torch.nn.Module):
        raise ParseError(label, f"{printable(spec)} gives a {type(module).__name__}, not a torch.nn.Module.")
    return module


def filled(module: Any, state: Mapping[str, Any], label: str) -> Any:
    """Return the module with the state in it.  Raises `ParseError` unless names and shapes are exactly the module's."""
    own = module.state_dict()
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    extra = [key for key in state if key not in own]
    shapes = [
        f"{printable(key)} is {tuple(getattr(item, 'shape', ()))} there and {tuple(own[key].shape)} in the class"
        for key, item in state.items()
        if key in own and getattr(item, "shape", None) != own[key].shape
    ]
    problems = [f"it lacks {_listed(missing)}"] if missing else []
    problems += [f"it has {_listed(extra)}, which the class has not"] if extra else []
    problems += shapes[:LISTED]
    if problems:
        kind = type(module).__name__
        problem = f"its weights are not those of {kind}: {', '.join(problems)};"
        raise ParseError(label, problem, remedy="give the class it was saved from.")
    try:
        module.load_state_dict(dict(state), strict=not any(key not in state for key in own))
    except Exception as error:
        raise ParseError(label, f"its weights cannot be loaded ({first_line(error)}); save it again.") from error
    return module


def _listed(names: list[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:LISTED])
    return shown if len(names) <= LISTED else f"{shown} and {len(names) - LISTED} more"
