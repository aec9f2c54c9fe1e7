"""Checks that hold for every component, whatever its kind."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache
from inspect import getfile, isabstract
from typing import Any

from snntk_core.component import Component
from snntk_core.errors import OptionError
from snntk_core.testing.outcome import Fault, configured, expect

HEAVY = ("tensorflow", "torch", "onnx", "onnxruntime", "keras", "brian2", "numba", "nir", "h5py")

LOAD_ALONE = """
import importlib, importlib.util, json, os, sys
name, file, path, heavy = json.loads(sys.argv[1])
sys.path[:] = path
before = set(sys.modules)
try:
    spec = importlib.util.find_spec(name)
except (ImportError, ValueError):
    spec = None
if spec is not None and spec.origin and os.path.exists(spec.origin) and os.path.samefile(spec.origin, file):
    importlib.import_module(name)
else:
    spec = importlib.util.spec_from_file_location("component_under_test", file)
    module = sys.modules["component_under_test"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
print(json.dumps([name for name in heavy if name in sys.modules and name not in before]))
"""


def check_documented(component: type[Component]) -> None:
    """The class has a docstring that begins with a sentence on one line, and every option says what it does."""
    doc = (component.__dict__.get("__doc__") or "").strip()
    generated = doc.startswith(f"{component.__name__}(")  # what dataclass writes for a class without a docstring
    hint = "Write one that begins with a sentence: --list-plugins and the reference page show it."
    expect(bool(doc) and not generated, f"{component.__name__} has no docstring.", hint)
    first = doc.splitlines()[0]
    expect(first.endswith((".", "!", "?")), f"The docstring begins with {first!r}, which is no sentence.", hint)
    silent = [option.name for option in component.options() if not option.help.strip()]
    expect(
        not silent,
        f"The options {', '.join(silent)} have no help.",
        'Declare them with option(default, "what it does").',
    )


def check_frozen(component: type[Component]) -> None:
    """The class is a frozen dataclass itself."""
    hint = "Put @dataclass(frozen=True) above the class; its fields are its options."
    expect(
        is_dataclass(component) and "__dataclass_params__" in component.__dict__,
        f"{component.__name__} is no dataclass.",
        hint,
    )
    frozen = component.__dataclass_params__.frozen  # type: ignore[attr-defined]
    expect(frozen, f"{component.__name__} is not frozen.", hint)


def check_kebab_case_name(component: type[Component]) -> None:
    """The name is kebab-case: lower-case words and digits joined by hyphens."""
    name = getattr(component, "name", None)
    good = isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) is not None
    expect(good, f"The name {name!r} is not kebab-case.", "Write it like layer-list.")


def check_light_import(component: type[Component]) -> None:
    """Importing the component's module loads none of the libraries it requires, nor any other framework."""
    heavy = tuple(dict.fromkeys((*component.requires, *HEAVY)))
    loaded = _loaded_alone(component.__module__, getfile(component), heavy)
    expect(
        not loaded,
        f"Importing {component.__module__} loads {', '.join(loaded)}.",
        "Import it inside the method that needs it, so that listing plugins stays fast.",
    )


@cache
def _loaded_alone(module: str, file: str, heavy: tuple[str, ...]) -> tuple[str, ...]:
    """Return which of ``heavy`` a fresh process loads when it imports the module, by name or else by file."""
    argument = json.dumps([module, file, sys.path, heavy])
    done = subprocess.run([sys.executable, "-c", LOAD_ALONE, argument], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Fault(f"{module} cannot be imported in a fresh process: {done.stderr.strip().splitlines()[-1]}")
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def check_options_survive_toml(component: type[Component]) -> None:
    """Options written as TOML configure the same component."""
    default = configured(component)
    values = {item.name: getattr(default, item.name) for item in fields(default)}
    text = "".join(f"{name} = {_toml(name, value)}\n" for name, value in values.items() if value is not None)
    try:
        again = component.configure(tomllib.loads(text))
    except OptionError as error:
        raise Fault(
            f"Its own defaults are refused: {error} Annotate the option with the type of its default."
        ) from error
    for name, value in values.items():
        got = getattr(again, name)
        expect(got == value or (got != got and value != value), f"{name} = {value!r} came back from TOML as {got!r}.")


def _toml(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(_toml(name, item) for item in value)}]"
    raise Fault(
        f"{name} is a {type(value).__name__}, which TOML cannot hold. Use numbers, strings, booleans or tuples."
    )


def check_refuses_unknown_options(component: type[Component]) -> None:
    """An unknown option is refused, and the nearest known one is offered."""
    known = [option.name for option in component.options()]
    wrong = f"{known[0]}x" if known else "no-such-option"
    hint = "Leave configure() as Component has it."
    try:
        component.configure({wrong: 1})
    except OptionError as error:
        expect(not known or f"mean '{known[0]}'" in str(error), f"Refusing {wrong!r} offers no {known[:1]}.", hint)
    else:
        raise Fault(f"The unknown option {wrong!r} is taken without a word. {hint}")


def check_abstract_or_final(component: type[Component]) -> None:
    """The class inherits from abstract classes only: no concrete component is subclassed."""
    parents = [base for base in component.__mro__[1:] if issubclass(base, Component) and base is not Component]
    concrete = [base.__name__ for base in parents if not isabstract(base)]
    hint = "Hold an instance of it in a field, or share a function."
    expect(not concrete, f"{component.__name__} is a subclass of the concrete {', '.join(concrete)}.", hint)


CHECKS: tuple[Callable[[type[Any]], None], ...] = (
    check_documented,
    check_frozen,
    check_kebab_case_name,
    check_light_import,
    check_options_survive_toml,
    check_refuses_unknown_options,
    check_abstract_or_final,
)
