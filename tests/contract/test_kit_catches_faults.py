"""Sound components pass the kit; each check catches the fault it is there for."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import component_faults
import parser_faults
import pytest
import quantized_target_faults
import quantizer_faults
import simulator_faults
import sound_components as sound
import transform_faults
from sound_components import mutant

from snntk_core import (
    Graph,
)
from snntk_core.errors import MissingLibrary, UnknownName
from snntk_core.ops import __all__ as vocabulary
from snntk_core.testing import check_component, checks_for, compliance
from snntk_core.testing import component as component_checks
from snntk_core.testing import parser as parser_checks
from snntk_core.testing import quantized_target as quantized_target_checks
from snntk_core.testing import quantizer as quantizer_checks
from snntk_core.testing import simulator as simulator_checks
from snntk_core.testing import transform as transform_checks
from snntk_core.testing.spiking_graphs import networks, neuron_examples, op_examples

KINDS = (component_faults, parser_faults, transform_faults, quantizer_faults, simulator_faults, quantized_target_faults)
FAULTS = [fault for kind in KINDS for fault in kind.FAULTS]


@pytest.mark.parametrize("component", sound.SOUND, ids=lambda component: component.name)
def test_sound_components_pass(component):
    failed = {found.check: found.message for found in check_component(component) if not found.passed}
    assert failed == {}


@pytest.mark.parametrize(("check", "make"), FAULTS, ids=[f"{i}-{check}" for i, (check, _) in enumerate(FAULTS)])
def test_fault_is_caught_by_its_check(check, make):
    component = make()
    named = {found.name: found for found in checks_for(component)}
    with pytest.raises(AssertionError) as caught:
        named[check].run()
    assert len(str(caught.value)) > 20


def test_every_check_has_a_fault_it_catches():
    kinds = (parser_checks, transform_checks, quantizer_checks, simulator_checks, quantized_target_checks)
    modules = (component_checks, *kinds)
    checks = {name for module in modules for name in vars(module) if name.startswith("check_")}
    assert checks == {check for check, _ in FAULTS} | {"check_light_import"}


def plugin_from(path: Path, text: str) -> Any:
    """Return the module in a file of its own."""
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_heavy_import_is_caught(tmp_path):
    text = (
        "import colorsys\nfrom typing import ClassVar\n"
        "from dataclasses import dataclass\nfrom snntk_core import Parser\n"
        "@dataclass(frozen=True)\nclass Colors(Parser):\n    '''Reads colors.'''\n    name: ClassVar[str] = 'colors'\n"
        "    requires: ClassVar[tuple[str, ...]] = ('colorsys',)\n"
        "    accepts = load = parse = predict = lambda self, *_: False\n"
    )
    component = plugin_from(tmp_path / "colorful_plugin.py", text).Colors
    outcomes = {found.check: found for found in check_component(component)}
    assert not outcomes["check_light_import"].passed
    assert "colorsys" in outcomes["check_light_import"].message


def test_known_failure_turns_red_when_it_passes():
    faulty = mutant(sound.LayerList, name="Bad Name")
    outcomes = {o.check: o for o in check_component(faulty, known_failures={"check_kebab_case_name": "renamed in 2.0"})}
    assert outcomes["check_kebab_case_name"].passed
    assert "renamed in 2.0" in outcomes["check_kebab_case_name"].skipped
    outcomes = {o.check: o for o in check_component(sound.LayerList, known_failures={"check_frozen": "old reason"})}
    assert not outcomes["check_frozen"].passed
    assert "old reason" in outcomes["check_frozen"].message


def test_known_failures_are_spelled_right():
    with pytest.raises(UnknownName, match="check_frozen"):
        check_component(sound.LayerList, known_failures={"check_frozn": "?"})


def test_missing_library_skips_what_needs_it():
    outcomes = check_component(mutant(sound.LayerList, requires=("no_such_library",), install="pip install it"))
    skipped = [found.check for found in outcomes if "no_such_library" in found.skipped]
    assert "check_agrees_with_predict" in skipped
    assert "check_documented" not in skipped


def test_library_missed_only_while_a_check_runs_is_a_reason_to_skip():
    def missing(self: Any, model: Any) -> Graph:
        raise MissingLibrary("layer-list", ["no_such_library"], "pip install it")

    outcomes = {o.check: o for o in check_component(mutant(sound.LayerList, parse=missing))}
    found = outcomes["check_graph_verifies"]
    assert found.passed
    assert "layer-list needs no_such_library" in found.skipped
    assert not outcomes["check_documented"].skipped


def test_no_examples_is_a_reason_to_skip():
    outcomes = {o.check: o for o in check_component(mutant(sound.LayerList, examples=()))}
    assert "examples" in outcomes["check_agrees_with_predict"].skipped


def test_unexpected_errors_say_where():
    def broken(self: Any, model: Any) -> Graph:
        raise KeyError("layers")

    outcomes = {o.check: o for o in check_component(mutant(sound.LayerList, parse=broken))}
    assert "KeyError" in outcomes["check_graph_verifies"].message
    assert "broken" in outcomes["check_graph_verifies"].message


@compliance(sound.LayerList, known_failures={})
def test_compliance_decorator(check):
    check()


def test_redirecting_parser_is_skipped():
    from snntk_core import Redirect

    redirecting = mutant(sound.LayerList, load=lambda self, source: Redirect("onnx", source))
    outcomes = {o.check: o for o in check_component(redirecting)}
    assert "onnx" in outcomes["check_graph_verifies"].skipped


def test_every_op_has_an_example():
    import snntk_core.ops as ops

    concrete = {getattr(ops, name) for name in vocabulary if isinstance(getattr(ops, name), type)}
    concrete = {op for op in concrete if issubclass(op, ops.Op) and not getattr(op, "__abstractmethods__", None)}
    concrete -= {ops.ActivationOp}
    assert set(op_examples()) == concrete


@pytest.mark.parametrize("title", [*neuron_examples(), *networks()])
def test_kit_networks_are_valid_and_spike(title):
    from snntk_core.testing.spiking_graphs import exact_batch
    from snntk_core.testing.stepped_reference import simulate_plainly

    graph = {**neuron_examples(), **networks()}[title].verify()
    found = simulate_plainly(graph, exact_batch(graph), 12)
    assert all(count.sum() > 0 for count in found.counts.values())
