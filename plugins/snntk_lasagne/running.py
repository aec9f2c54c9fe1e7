"""An architecture from a script that is run, on the user's word, with stand-ins for Lasagne and Theano."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from snntk_core.errors import did_you_mean, said
from snntk_lasagne.layers import ALIASES, SIGNATURES, Call
from snntk_lasagne.nonlinearities import NUMBERS
from snntk_lasagne.refusal import NAME, Refused, printable
from snntk_lasagne.script import output_of
from snntk_lasagne.stand_ins import CONSTANTS, Recorder, Symbol, meaning
from snntk_lasagne.values import Member, Unknown

LIBRARIES = ("lasagne", "theano")
GPU = ("lasagne.layers.dnn", "lasagne.layers.corrmm", "lasagne.layers.cuda_convnet")
MODULE = "_snntk_lasagne_script"
ASKS = (
    "get_output get_output_shape get_all_layers get_all_params get_all_param_values set_all_param_values count_params"
)
OTHERS = (
    "BiasLayer Conv3DLayer Deconv2DLayer DilatedConv2DLayer ElemwiseMergeLayer EmbeddingLayer ExpressionLayer "
    "FeaturePoolLayer GRULayer InverseLayer LSTMLayer Layer LocallyConnected2DLayer "
    "MergeLayer NINLayer PadLayer ParametricRectifierLayer RandomizedRectifierLayer RecurrentLayer ScaleLayer "
    "SliceLayer SpatialPyramidPoolingLayer TransformerLayer TransposedConv2DLayer Upscale1DLayer Upscale2DLayer"
)
STARS = {
    "lasagne.layers": (*SIGNATURES, *ALIASES, "batch_norm", *ASKS.split(), *OTHERS.split()),
    "lasagne.nonlinearities": tuple(NUMBERS),
}
"""What ``from ... import *`` gives."""


class StandIn(ModuleType):
    """A module of Lasagne or Theano of which every member is a symbol."""

    recorder: Recorder

    def __getattr__(self, name: str) -> Any:
        path = f"{self.__name__}.{name}"
        if path in CONSTANTS:
            return CONSTANTS[path]
        if name.startswith("__"):
            raise AttributeError(name)
        return Symbol(Member(path), self.recorder)


class StandInFinder(MetaPathFinder, Loader):
    """Finds a stand-in for every module of Lasagne and Theano."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        """Return how to make the stand-in, or None for other modules."""
        ours = fullname.partition(".")[0] in LIBRARIES
        return ModuleSpec(fullname, self, is_package=True) if ours else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the stand-in."""
        module = StandIn(spec.name)
        module.recorder = self.recorder
        if spec.name in STARS:
            module.__dict__["__all__"] = sorted(set(STARS[spec.name]))
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: there is nothing to execute."""


def run_script(path: Path, function: str) -> Call:
    """Run a script and return the output layer that its ``function`` builds.

    The script is executed with all that it may do.  Raises `Refused` naming the line at which it fails, and for what
    Lasagne would build and snntk does not know.
    """
    place = str(path.resolve())
    recorder = Recorder(place, _falls_back(path))
    with _surroundings(path.resolve().parent, recorder):
        try:
            result = meaning(_built(_executed(place), function, recorder))
        except SyntaxError as error:
            raise Refused(f"it is not Python ({printable(error.msg)})", f"line {error.lineno}") from error
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the script's own, and those that end the program
            if recorder.refused is not None:
                raise recorder.refused from None
            if isinstance(error, Refused):
                raise
            raise Refused(_said(error), _line(error, place)) from error
    if recorder.refused is not None:  # and the script went on
        raise recorder.refused
    return output_of(result, function)


def _executed(path: str) -> ModuleType:
    loader = SourceFileLoader(MODULE, path)
    spec = importlib.util.spec_from_loader(MODULE, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module
    loader.exec_module(module)
    return module


def _built(module: ModuleType, function: str, recorder: Recorder) -> Any:
    builder = vars(module).get(function)
    if not inspect.isroutine(builder):
        functions = [name for name, value in vars(module).items() if inspect.isroutine(value)]
        hint = did_you_mean(function, functions)
        raise Refused(
            f"it has no function {function}.{hint} Functions: {', '.join(sorted(functions)) or 'none'}", "", NAME
        )
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    given, named = [], {}
    for parameter in inspect.signature(builder).parameters.values():
        if parameter.kind in kinds or parameter.default is not parameter.empty:
            continue
        symbol = Symbol(Unknown(parameter.name), recorder)  # such as the input variable
        if parameter.kind is parameter.KEYWORD_ONLY:
            named[parameter.name] = symbol
        else:
            given.append(symbol)
    return builder(*given, **named)


def _falls_back(path: Path) -> bool:
    """Whether the script imports layers for the GPU in a ``try``: which ones it got depends on the machine."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False  # running it says so
    tried = [inner for node in ast.walk(tree) if isinstance(node, ast.Try) for inner in ast.walk(node)]
    names = [alias.name for node in tried if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names]
    names += [
        f"{node.module}.{alias.name}" for node in tried if isinstance(node, ast.ImportFrom) for alias in node.names
    ]
    return any(name.startswith(GPU) for name in names)


def _said(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "the script ends the program (sys.exit) before the network is built"
    return f"the script failed with {printable(said(error)).rstrip('.')}"


def _line(error: BaseException, path: str) -> str:
    trace, line = error.__traceback__, 0
    while trace is not None:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == path else line
        trace = trace.tb_next
    return f"line {line}" if line else ""


@contextmanager
def _surroundings(folder: Path, recorder: Recorder) -> Iterator[None]:
    """Let a script see the stand-ins and its own folder, drop what it prints, and put everything back afterwards."""
    modules = dict(sys.modules)
    for name in [name for name in modules if name.partition(".")[0] in LIBRARIES]:
        del sys.modules[name]
    path, finders, arguments = sys.path[:], sys.meta_path[:], sys.argv[:]
    written, limit, place, random = sys.dont_write_bytecode, sys.getrecursionlimit(), Path.cwd(), np.random.get_state()
    sys.path.insert(0, str(folder))
    sys.meta_path.insert(0, StandInFinder(recorder))
    sys.argv[:] = [recorder.path]
    sys.dont_write_bytecode = True
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.path[:], sys.meta_path[:], sys.argv[:] = path, finders, arguments
        sys.dont_write_bytecode = written
        sys.setrecursionlimit(limit)
        np.random.set_state(random)
        os.chdir(place)
        for name in [name for name in sys.modules if name not in modules]:
            if name == MODULE or name.partition(".")[0] in LIBRARIES or _lies_in(sys.modules[name], folder):
                del sys.modules[name]
        sys.modules.update(modules)


def _lies_in(module: ModuleType | None, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    path = Path(file).resolve() if isinstance(file, str) else Path()
    return path.is_relative_to(folder) and "site-packages" not in path.parts
