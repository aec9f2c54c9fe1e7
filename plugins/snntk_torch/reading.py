"""From what a user gives to a model: by type for live ones, by content for files."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from snntk_core import Graph, ParseError
from snntk_core.shapes import Shape
from snntk_torch.archive import Archive, is_archive, opened
from snntk_torch.export_file import is_program, read_program
from snntk_torch.live import exported, program_of
from snntk_torch.program import Program
from snntk_torch.script_file import Script, graph_of, is_script, read_script
from snntk_torch.state import built, filled, load_weights

SUFFIXES = (".pt", ".pth", ".pt2", ".ts")
LIVE = "the live module"


@dataclass(frozen=True, eq=False)
class TorchModel:
    """A model as it was found.

    ``module``: the live module or ExportedProgram, if there is one.  ``stored``: a program or script read from a file.
    ``shape``: that of a sample.
    """

    label: str
    shape: Shape
    module: Any = None
    stored: Program | Script | None = None

    def graph(self) -> Graph:
        """Return the model as a graph.  Raises `ParseError` naming everything in the way."""
        if isinstance(self.stored, Script):
            return graph_of(self.stored)
        return self.program().graph()

    def program(self) -> Program:
        """Return the exported program of a model that is no script."""
        if isinstance(self.stored, Program):
            return self.stored
        live = self.module if is_exported(self.module) else exported(self.module, self.shape, self.label)
        return program_of(live, self.label)


def _ancestors(source: object) -> set[tuple[str, str]]:
    return {(kind.__module__, kind.__name__) for kind in type(source).__mro__}


def is_module(source: object) -> bool:
    """Whether ``source`` is a torch.nn.Module; asked without importing torch."""
    return ("torch.nn.modules.module", "Module") in _ancestors(source)


def is_scripted(source: object) -> bool:
    """Whether ``source`` is a live TorchScript module."""
    return any(module == "torch.jit._script" and name == "ScriptModule" for module, name in _ancestors(source))


def is_exported(source: object) -> bool:
    """Whether ``source`` is a live ExportedProgram."""
    return ("torch.export.exported_program", "ExportedProgram") in _ancestors(source)


def is_pair(source: object) -> bool:
    """Whether ``source`` is a module with a shape or an example batch."""
    return isinstance(source, tuple) and len(source) == 2 and is_module(source[0]) and _shape_of(source[1]) is not None


def _shape_of(given: object) -> Shape | None:
    """The shape of a sample: of a batch without its first axis, or as it is given."""
    shape = getattr(given, "shape", None)
    if isinstance(shape, tuple):
        return tuple(int(length) for length in shape[1:])
    if isinstance(given, Sequence) and given and all(type(length) is int for length in given):
        return tuple(given)
    return None


def read(source: object, model_class: str, shape: Shape) -> TorchModel:
    """Return the model behind a path, a module (with its shape), an ExportedProgram or a `TorchModel`.

    ``shape``: of a sample, empty where it is not given.  Raises `ParseError` for what cannot be read.
    """
    if isinstance(source, TorchModel):
        return source
    if isinstance(source, str | Path):
        return _read_file(Path(source), model_class, shape)
    if is_exported(source):
        return TorchModel("the exported program", shape, source)
    given = source[1] if isinstance(source, tuple) and is_pair(source) else None
    module = source[0] if isinstance(source, tuple) and given is not None else source
    if not is_module(module):
        problem = f"a {type(source).__name__} is not a model of PyTorch; give a file, a module or an ExportedProgram."
        raise ParseError("the source", problem)
    return _live(module, _shape_of(given) or shape, f"{LIVE} {type(module).__name__}")


def _live(module: Any, shape: Shape, label: str) -> TorchModel:
    shape = shape or _shape_of(getattr(module, "input_shape", None)) or ()
    if is_scripted(module):
        import torch

        buffer = BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.save(module, buffer)
        script = read_script(opened(buffer, label), shape)
        return TorchModel(label, script.shape, module, script)
    if not shape:
        remedy = (
            "give it with the module, as in (module, (1, 28, 28)), as its attribute input_shape, or as the option "
            "input_shape (--set torch.input_shape=[1,28,28])."
        )
        raise ParseError(label, "a module does not say what it takes;", remedy=remedy)
    return TorchModel(label, shape, module)


def _read_file(path: Path, model_class: str, shape: Shape) -> TorchModel:
    label = str(path)
    try:
        archive = opened(path, label) if is_archive(path) else None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ParseError(label, f"the file cannot be read ({reason}); check the path.") from error
    if archive is not None and is_program(archive):
        program = read_program(archive)
        return TorchModel(label, program.shape, stored=program)
    if archive is not None and is_script(archive):
        script = read_script(archive, shape)
        return TorchModel(label, script.shape, stored=script)
    if archive is not None:
        _check_parts(archive)
    state = load_weights(path)
    if not model_class:
        remedy = "name the class they belong to: --model-class package.module:Class (its code is run)."
        raise ParseError(label, "it holds weights alone, not what is done with them;", remedy=remedy)
    live = _live(filled(built(model_class, label), state, label), shape, label)
    return TorchModel(label, live.shape, live.module, live.stored)


def _check_parts(archive: Archive) -> None:
    """Read every part once, so that damaged ones are found before the library sees them."""
    for name in archive.names:
        archive.read(name)
