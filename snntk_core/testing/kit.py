"""The compliance kit: the checks a component must pass, chosen by its kind and by what it declares.

Checks are plain functions.  `check_component` runs them without pytest; `compliance` makes each a pytest item.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from snntk_core.component import Component
from snntk_core.errors import MissingLibrary, UnknownName
from snntk_core.parser import Parser
from snntk_core.quantizer import ActivationQuantizer, WeightQuantizer
from snntk_core.simulator import Simulator
from snntk_core.testing import component as component_checks
from snntk_core.testing import parser as parser_checks
from snntk_core.testing import quantized_target as quantized_target_checks
from snntk_core.testing import quantizer as quantizer_checks
from snntk_core.testing import simulator as simulator_checks
from snntk_core.testing import transform as transform_checks
from snntk_core.testing.outcome import Examples, Fault, Outcome, Skipped
from snntk_core.transform import Stage, Transform

NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Check:
    """A check of one component, ready to run.  ``run`` raises `Fault` or `Skipped`, or returns."""

    name: str
    claim: str
    run: Callable[[], None]


def checks_for(component: type[Component], examples: Examples = ()) -> tuple[Check, ...]:
    """Return the checks of a component, by its kind and its declared capabilities.

    ``examples`` build small sources for a parser; by default `Parser.examples` do.
    """
    functions: list[Callable[..., None]] = [*component_checks.CHECKS]
    usable = partial(_usable, component)
    if issubclass(component, Parser):
        given = tuple(examples) or component.examples
        functions += [*map(usable, parser_checks.CHECKS)]
        functions += [_bound(usable(check), given) for check in parser_checks.EXAMPLE_CHECKS]
    elif issubclass(component, Transform):
        code = getattr(component, "stage", None) is Stage.SPIKIFY
        functions += map(usable, transform_checks.CHECKS + transform_checks.SPIKE_CODE_CHECKS * code)
    elif issubclass(component, WeightQuantizer | ActivationQuantizer):
        functions += map(usable, quantizer_checks.CHECKS)
    elif issubclass(component, Simulator) and getattr(component, "takes", "") == "quantized":
        functions += map(usable, quantized_target_checks.CHECKS)
    elif issubclass(component, Simulator):
        stepped = getattr(component, "clock", None) == "stepped"
        functions += map(usable, simulator_checks.CHECKS + simulator_checks.STEPPED_CHECKS * stepped)
    return tuple(Check(f.__name__, (f.__doc__ or "").strip(), partial(f, component)) for f in functions)


def _usable(component: type[Component], check: Callable[..., None]) -> Callable[..., None]:
    """Return the check, skipped while a library that the component requires is missing."""

    def checked(*arguments: Any) -> None:
        missing = component.missing()
        if missing:
            raise Skipped(f"{', '.join(missing)} is not installed; run: {component.install or 'pip install it'}")
        check(*arguments)

    return _named_like(check, checked)


def _bound(check: Callable[..., None], examples: Examples) -> Callable[..., None]:
    return _named_like(check, lambda component: check(component, examples))


def _named_like(original: Callable[..., None], function: Callable[..., None]) -> Callable[..., None]:
    function.__name__, function.__doc__ = original.__name__, original.__doc__
    return function


def check_component(
    component: type[Component], *, examples: Examples = (), known_failures: Mapping[str, str] = NONE
) -> list[Outcome]:
    """Run every check of a component and return what each found.

    ``known_failures``: the names of checks that fail, each with the reason; one that passes turns red.  Raises
    `UnknownName` for a check that there is not.
    """
    checks = checks_for(component, examples)
    _expect_known(known_failures, checks)
    return [outcome(component, check, known_failures.get(check.name, "")) for check in checks]


def _expect_known(known_failures: Mapping[str, str], checks: Sequence[Check]) -> None:
    names = [check.name for check in checks]
    for name in known_failures:
        if name not in names:
            raise UnknownName("check", name, names)


def outcome(component: type[Component], check: Check, known: str = "") -> Outcome:
    """Run one check; ``known`` is the reason why it is expected to fail."""
    made = partial(Outcome, getattr(component, "name", component.__name__), check.name)
    try:
        check.run()
    except (Skipped, MissingLibrary) as reason:  # what needs a library that is not there says nothing of the component
        return made(True, skipped=str(reason))
    except Exception as error:
        message = str(error) if isinstance(error, Fault) else _unexpected(error)
        return made(bool(known), message, f"known failure: {known}" if known else "")
    if known:
        return made(False, f"This passes now. Take it from the known failures, where it says: {known}")
    return made(True)


def _unexpected(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} (raised in {place.name}, {Path(place.filename).name}:{place.lineno})"


def compliance(
    component: type[Component], *, examples: Examples = (), known_failures: Mapping[str, str] = NONE
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Parametrize a pytest function over the checks of a component::

    @compliance(LayerList, examples=[two_layers])
    def test_layer_list(check):
        check()
    """
    import pytest

    checks = checks_for(component, examples)
    _expect_known(known_failures, checks)
    items = [
        pytest.param(partial(_in_pytest, component, check, known_failures.get(check.name, "")), id=check.name)
        for check in checks
    ]
    return pytest.mark.parametrize("check", items)


def _in_pytest(component: type[Component], check: Check, known: str) -> None:
    import pytest

    found = outcome(component, check, known)
    if not found.passed:
        pytest.fail(f"{found.component}: {found.message}", pytrace=False)
    if known and found.message:
        pytest.xfail(known)
    if found.skipped:
        pytest.skip(found.skipped)
