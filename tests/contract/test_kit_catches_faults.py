"""Sound components pass the kit; each check catches the fault it is there for."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snntk_core import (
    Capabilities,
    Context,
    Dense,
    Graph,
    Identity,
    IntegrateFire,
    Issue,
    Node,
    NumberFormat,
    Preserves,
    Relu,
    Scale,
    Stage,
    option,
)
from snntk_core.errors import Incompatible, UnknownName
from snntk_core.ops import __all__ as vocabulary
from snntk_core.testing import check_component, checks_for, compliance
from snntk_core.testing import component as component_checks
from snntk_core.testing import parser as parser_checks
from snntk_core.testing import quantizer as quantizer_checks
from snntk_core.testing import simulator as simulator_checks
from snntk_core.testing import transform as transform_checks
from snntk_core.testing.spiking_graphs import networks, neuron_examples, op_examples


def _sound() -> Any:
    """Return the module beside this one; tests are no package."""
    path = Path(__file__).with_name("sound_components.py")
    spec = importlib.util.spec_from_file_location("sound_components", path)
    module = sys.modules.setdefault("sound_components", importlib.util.module_from_spec(spec))
    if not hasattr(module, "SOUND"):
        spec.loader.exec_module(module)
    return module


sound = _sound()
mutant = sound.mutant

# -- every component ---------------------------------------------------------------------------------------------------


def of_path() -> Any:
    return mutant(sound.LayerList, rectify=option(Path("here"), "where"), __annotations__={"rectify": "Path"})


def child_of_concrete() -> Any:
    @dataclass(frozen=True)
    class Child(sound.LayerList):
        """Reads more."""

    return Child


def lenient() -> Any:
    return mutant(sound.LayerList, configure=classmethod(lambda cls, options: cls()))


def not_frozen() -> Any:
    return SimpleMutable


class SimpleMutable(sound.LayerList.__bases__[0]):
    """Reads nothing."""

    name = "mutable"
    accepts = load = parse = predict = lambda self, *_: None


COMPONENT_FAULTS: list[tuple[str, Callable[[], Any]]] = [
    ("check_documented", lambda: mutant(sound.LayerList, __doc__=None)),
    ("check_documented", lambda: mutant(sound.LayerList, __doc__="lists of layers")),
    ("check_documented", lambda: mutant(sound.LayerList, rectify=True)),
    ("check_frozen", not_frozen),
    ("check_kebab_case_name", lambda: mutant(sound.LayerList, name="LayerList")),
    ("check_options_survive_toml", of_path),
    ("check_refuses_unknown_options", lenient),
    ("check_abstract_or_final", child_of_concrete),
]

# -- parsers -----------------------------------------------------------------------------------------------------------


def parsing(change: Callable[[Graph], Graph]) -> Callable[[], Any]:
    """Return a parser whose graph is changed."""
    original = sound.LayerList.parse
    return lambda: mutant(sound.LayerList, parse=lambda self, model: change(original(self, model)))


def impure(self: Any, model: Any) -> Graph:
    graph = sound.LayerList.parse(self, model)
    model[0][0][0, 0] += 1
    return graph


def drawn(graph: Graph) -> Graph:
    return graph.rename("dense0", f"dense{np.random.default_rng().integers(1 << 30)}")


def raising(self: Any, source: Any) -> bool:
    return all(len(pair) == 2 for pair in source)


@dataclass(frozen=True, eq=False)
class Odd(Relu):
    """An op whose state is no field of numbers."""

    factor: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor", object())


def transposed(graph: Graph) -> Graph:
    op = graph["dense0"].op
    return graph.replace("dense0", replace(op, weight=op.weight.T))


def invalid(graph: Graph) -> Graph:
    return replace(graph, nodes=tuple(reversed(graph.nodes)), outputs=graph.outputs)


PARSER_FAULTS: list[tuple[str, Callable[[], Any]]] = [
    ("check_rejects_foreign_objects", lambda: mutant(sound.LayerList, accepts=lambda self, source: True)),
    ("check_rejects_foreign_objects", lambda: mutant(sound.LayerList, accepts=raising)),
    ("check_accepts_examples", lambda: mutant(sound.LayerList, accepts=lambda self, source: False)),
    ("check_parse_is_pure", lambda: mutant(sound.LayerList, parse=impure)),
    ("check_parse_is_pure", parsing(drawn)),
    ("check_graph_verifies", parsing(invalid)),
    ("check_agrees_with_predict", parsing(transposed)),
    ("check_agrees_with_predict", parsing(lambda graph: graph.bypass("relu0"))),
    ("check_agrees_with_predict", parsing(lambda graph: graph.bypass("relu1"))),
    ("check_names_are_readable", parsing(lambda graph: graph.rename("dense0", " "))),
    ("check_graph_survives_saving", parsing(lambda graph: graph.insert_after("relu1", "odd", Odd(3)))),
]


# -- transforms --------------------------------------------------------------------------------------------------------


def rewriting(change: Callable[[Graph, Context], Graph], **members: Any) -> Callable[[], Any]:
    """Return a transform that does ``change``."""
    return lambda: mutant(sound.DropIdentity, apply=lambda self, graph, context: change(graph, context), **members)


def first_weighted(graph: Graph) -> Node | None:
    return next((node for node in graph if "weight" in node.op.arrays), None)


def alter_in_place(graph: Graph, context: Context) -> Graph:
    node = first_weighted(graph)
    if node is not None:
        weight = node.op.weight
        weight.flags.writeable = True
        weight += 1
        weight.flags.writeable = False
    return graph


def scaled(graph: Graph, context: Context) -> Graph:
    return graph.insert_after(graph.outputs[0], graph.free_name("half"), Scale(np.float64(0.5)))


def doubled_once(graph: Graph, context: Context) -> Graph:
    return graph if "half" in graph else scaled(graph, context)


def negated_once(graph: Graph, context: Context) -> Graph:
    return graph if "minus" in graph else graph.insert_after(graph.outputs[0], "minus", Scale(np.float64(-1)))


def another_copy(graph: Graph, context: Context) -> Graph:
    return graph.insert_after(graph.outputs[0], graph.free_name("copy"), Identity())


def renamed_input(graph: Graph, context: Context) -> Graph:
    return graph if "data" in graph else graph.rename(graph.source.name, "data")


def refuse_vaguely(graph: Graph, context: Context) -> Graph:
    if len(graph) % 2:
        raise Incompatible("it", [Issue("somewhere", "something is wrong.")])
    return graph


def crash(graph: Graph, context: Context) -> Graph:
    if len(graph) % 2:
        raise KeyError("conv")
    return graph


def secretly_calibrated(graph: Graph, context: Context) -> Graph:
    assert context.calibration is not None
    return graph


def at_random(graph: Graph, context: Context) -> Graph:
    return another_copy(graph, context).rename("copy", f"copy{np.random.default_rng().integers(1 << 30)}")


TRANSFORM_FAULTS: list[tuple[str, Callable[[], Any]]] = [
    ("check_stage_declared", lambda: mutant(sound.DropIdentity, stage="simplify")),
    ("check_apply_is_pure", rewriting(alter_in_place)),
    ("check_apply_is_pure", rewriting(at_random)),
    ("check_leaves_graph_valid", rewriting(lambda graph, context: invalid(graph))),
    ("check_keeps_its_promise", rewriting(doubled_once)),
    ("check_keeps_its_promise", rewriting(negated_once, preserves=Preserves.SCALE)),
    ("check_twice_equals_once", rewriting(another_copy)),
    ("check_keeps_input", rewriting(renamed_input)),
    ("check_refuses_by_name", rewriting(refuse_vaguely)),
    ("check_refuses_by_name", rewriting(crash)),
    ("check_needs_declared_samples_only", rewriting(secretly_calibrated)),
    ("check_makes_networks_spiking", rewriting(lambda graph, context: graph, stage=Stage.SPIKIFY)),
]

# -- quantizers --------------------------------------------------------------------------------------------------------


def format_of(chosen: Callable[[Any, np.ndarray], Any]) -> Callable[[], Any]:
    """Return a quantizer that chooses the format by ``chosen(self, array)``."""
    return lambda: mutant(sound.LargestValue, format_for=lambda self, array, role, node: chosen(self, array))


def halved(self: Any, array: np.ndarray) -> NumberFormat:
    return NumberFormat(self.bits, np.abs(array).max(initial=1e-3) / 2 ** (self.bits - 1) / 2)


def upside_down(self: Any, array: np.ndarray) -> NumberFormat:
    bits = 10 - self.bits
    return NumberFormat(bits, np.abs(array).max(initial=1e-3) / (2 ** (bits - 1) - 1))


class ShiftedZero(NumberFormat):
    """A grid on which zero becomes a half step."""

    def decode(self, codes: np.ndarray) -> np.ndarray:
        return ((codes + 0.5) * self.scale).astype(np.float32)


class LossyCodes(NumberFormat):
    """Codes that wander when decoded and encoded again."""

    def encode(self, values: np.ndarray) -> np.ndarray:
        return NumberFormat.encode(self, values) // 2


QUANTIZER_FAULTS: list[tuple[str, Callable[[], Any]]] = [
    ("check_formats_are_honored", format_of(lambda self, array: "int8")),
    ("check_formats_are_honored", format_of(lambda self, array: NumberFormat(8, np.ones(7), axis=-1))),
    ("check_codes_are_lossless", format_of(lambda self, array: LossyCodes(8, np.float32(0.01)))),
    ("check_quantizing_twice_equals_once", format_of(halved)),
    ("check_more_bits_do_not_hurt", format_of(upside_down)),
    ("check_zero_stays_zero", format_of(lambda self, array: ShiftedZero(8, np.float32(0.01)))),
    ("check_zero_stays_zero", format_of(lambda self, array: NumberFormat(8, np.abs(array).max() / 127))),
]

# -- simulators --------------------------------------------------------------------------------------------------------


def spoiled(spoil: Callable[..., Any]) -> Callable[[], Any]:
    """Return a simulator whose recordings are changed by ``spoil(program, batch, recording)``."""
    return lambda: mutant(sound.PlainSimulator, spoil=staticmethod(spoil))


def counts(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[], Any]:
    return spoiled(lambda _, batch, r: replace(r, spike_counts={k: change(v) for k, v in r.spike_counts.items()}))


def compiling(change: Callable[[Any, Graph], Any]) -> Callable[[], Any]:
    return lambda: mutant(sound.PlainSimulator, compile=change)


def without_dense(self: Any, graph: Graph) -> Any:
    if any(isinstance(node.op, Dense) for node in graph):
        raise NotImplementedError("Dense")
    return sound.PlainSimulator.compile(self, graph)


def refusing_namelessly(self: Any, graph: Graph) -> Any:
    if self.capabilities.check(graph):
        raise Incompatible(self.name, [Issue("network", "no")])
    return sound.PlainProgram(graph)


def taking_all(self: Any, graph: Graph) -> Any:
    return sound.PlainProgram(graph)


def resetting_to_zero(self: Any, graph: Graph) -> Any:
    program = sound.PlainSimulator.compile(self, graph)
    wrong = [replace(n, op=replace(n.op, reset="zero")) if isinstance(n.op, IntegrateFire) else n for n in graph]
    return sound.PlainProgram(replace(program.graph, nodes=tuple(wrong)))


def one_batch(program: Any, batch: np.ndarray, recording: Any) -> Any:
    return replace(recording, scores=recording.scores - recording.scores.mean(axis=0))


def remembering(program: Any, batch: np.ndarray, recording: Any) -> Any:
    return replace(recording, scores=recording.scores + program.runs)


def late(program: Any, batch: np.ndarray, recording: Any) -> Any:
    return replace(recording, scores=np.roll(recording.scores, 1, axis=1))


class Undeclared(sound.PlainProgram):
    """Writes a file that its manifest lacks."""

    def export(self, directory: Path) -> Any:
        (directory / "extra.bin").write_bytes(b"1")
        return sound.PlainProgram.export(self, directory)


SIMULATOR_FAULTS: list[tuple[str, Callable[[], Any]]] = [
    ("check_declared_ops_compile", compiling(without_dense)),
    ("check_declared_ops_compile", lambda: mutant(sound.PlainSimulator, capabilities=Capabilities(frozenset({Relu})))),
    ("check_undeclared_ops_are_refused", compiling(taking_all)),
    ("check_undeclared_ops_are_refused", compiling(refusing_namelessly)),
    ("check_batch_equals_one_by_one", spoiled(one_batch)),
    ("check_second_run_equals_first", spoiled(remembering)),
    ("check_counts_are_possible", counts(lambda count: count * 5)),
    ("check_counts_are_possible", counts(lambda count: count.astype(np.float32))),
    ("check_rates_follow_relu", compiling(resetting_to_zero)),
    ("check_agrees_spike_for_spike", counts(lambda count: np.maximum(count - 1, 0))),
    ("check_agrees_spike_for_spike", spoiled(late)),
    ("check_recording_shapes", spoiled(lambda _, batch, r: replace(r, scores=r.scores[:, 0]))),
    ("check_recording_shapes", spoiled(lambda _, batch, r: replace(r, times=r.times - 1))),
    ("check_recording_shapes", counts(lambda count: count + 1)),
    ("check_exports_match_manifest", compiling(lambda self, graph: Undeclared(graph))),
]

FAULTS = [*COMPONENT_FAULTS, *PARSER_FAULTS, *TRANSFORM_FAULTS, *QUANTIZER_FAULTS, *SIMULATOR_FAULTS]


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
    modules = (component_checks, parser_checks, transform_checks, quantizer_checks, simulator_checks)
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
