"""From a source to layers with their parameters: an architecture and a file of arrays, or the arrays alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from snntk_core import ParseError
from snntk_lasagne.chain import WAY_OUT, read_chain
from snntk_lasagne.layers import Call, Layer, with_parameters
from snntk_lasagne.parameters import SUFFIXES, TREES, read_parameters
from snntk_lasagne.refusal import CHANGE, SENTENCE_LENGTH, TRUST, Refused, printable
from snntk_lasagne.running import run_script
from snntk_lasagne.script import read_script
from snntk_lasagne.specification import read_specification

SCRIPT, SPECIFICATION = ".py", ".toml"
TEXT_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class LasagneModel:
    """The layers in Lasagne's order, each with its parameters, and what messages call the model.

    ``trusted``: its script was run.
    """

    layers: tuple[Layer, ...]
    label: str
    trusted: bool = False


def split(source: object) -> tuple[Path | None, Path] | None:
    """Return the paths of the architecture (None if it is not given) and of the parameters; None for other sources."""
    if isinstance(source, str | Path):
        path = Path(source)
        # an .h5 file alone is a Keras model
        return (None, path) if path.suffix.lower() in SUFFIXES and path.suffix.lower() not in TREES else None
    if not isinstance(source, tuple) or len(source) != 2 or not all(isinstance(item, str | Path) for item in source):
        return None
    first, second = sorted(map(Path, source), key=lambda path: path.suffix.lower() in SUFFIXES)
    fits = first.suffix.lower() in (SCRIPT, SPECIFICATION) and second.suffix.lower() in SUFFIXES
    return (first, second) if fits else None


def read(source: object, function: str, trust: bool = False) -> LasagneModel:
    """Return the model behind a source; with ``trust`` its script is run.

    Raises `ParseError` in one sentence for anything that is wrong with it.
    """
    paths = split(source)
    if paths is None:
        problem = "a Lasagne model is its parameters (.npz, .pkl), alone or with the architecture (.py, .toml);"
        raise ParseError(printable(source), problem, remedy="give these paths.")
    architecture, parameters = paths
    path = parameters
    try:
        arrays = read_parameters(parameters)
        if architecture is None:
            output = read_chain(arrays)
        else:
            path = architecture
            output = _architecture(architecture, function, trust)
        return LasagneModel(with_parameters(output, arrays), str(path), trust)
    except Refused as error:
        raise refusal(str(path), error, trust) from error
    except (OSError, ValueError) as error:
        reason = printable(getattr(error, "strerror", None) or error)
        raise ParseError(str(path), f"the file cannot be read ({reason}); check the path.") from error


def refusal(label: str, error: Refused, trusted: bool) -> ParseError:
    """Return the error for people."""
    special = "" if trusted and error.remedy == TRUST else error.remedy
    problem = printable(error.problem, SENTENCE_LENGTH).rstrip(".")
    return ParseError(label, f"{problem};", where=error.where, remedy=f"{special or _way_out(label)}.")


def _way_out(label: str) -> str:
    suffix = Path(label).suffix.lower()
    if suffix == SPECIFICATION:
        return "change the specification"
    if suffix == SCRIPT:
        return CHANGE
    return WAY_OUT


def _architecture(path: Path, function: str, trust: bool) -> Call:
    if path.stat().st_size > TEXT_BYTES:
        raise Refused("it is too long for an architecture")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Refused("it is not text") from error
    if path.suffix.lower() != SCRIPT:
        return read_specification(text)
    if trust:
        return run_script(path, function)
    try:
        return read_script(text, function)
    except Refused as error:
        raise Refused(error.problem, error.where, error.remedy or TRUST) from error
