"""A recipe: what to do with a model, as TOML with strict keys.  It names components; `plan.resolve` finds them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from snntk_core.errors import RecipeError, did_you_mean, listed
from snntk_core.registry import Registry

Options = Mapping[str, object]
TOP = {"extends", "parser", "transform", "quantize", "code", "input", "simulate", "report"}
SIMULATE = {"name", "duration", "options"}
TRUST = "trust"
ENCODER = "encode-input"
"""What encodes the input where ``[input]`` names no other."""
REPORT = {"times", "samples", "top_k"}


@dataclass(frozen=True)
class Step:
    """A component by name with its options.

    ``layers``: the pattern of a quantizer's layers.  ``joins``: added to a preset, it takes its stage's place.
    """

    name: str
    options: Options = field(default_factory=dict)
    layers: str = "*"
    enabled: bool = True
    joins: bool = False


@dataclass(frozen=True)
class Recipe:
    """The steps of a run by name.  None means: found, or the default.

    ``problems``: mistakes of the file it was read from; `plan.resolve` reports them with its own.
    """

    title: str = "recipe"
    parser: Step | None = None
    transforms: tuple[Step, ...] = ()
    quantizers: tuple[Step, ...] = ()
    code: Step | None = None
    input: Step | None = None
    simulator: Step | None = None
    duration: float | None = None
    times: tuple[int, ...] = ()
    samples: int | None = None
    top_k: int | None = None
    problems: tuple[str, ...] = ()

    def over(self, base: Recipe) -> Recipe:
        """Return ``base`` with this recipe's entries on top.

        A transform that ``base`` has keeps its place and takes the new options; a new one takes its stage's place.
        """
        mine = {step.name: step for step in self.transforms}
        kept = [_merged(step, mine.pop(step.name, None)) for step in base.transforms]
        return Recipe(
            title=self.title,
            parser=self.parser or base.parser,
            transforms=(*kept, *(replace(step, joins=True) for step in mine.values())),
            quantizers=base.quantizers + self.quantizers,
            code=_over(base.code, self.code),
            input=_over(base.input, self.input),
            simulator=self.simulator or base.simulator,
            duration=self.duration if self.duration is not None else base.duration,
            times=self.times or base.times,
            samples=self.samples if self.samples is not None else base.samples,
            top_k=self.top_k if self.top_k is not None else base.top_k,
            problems=self.problems + base.problems,
        )

    def with_option(self, path: str, value: object) -> Recipe:
        """Return the recipe with ``component.option`` set, for the command's ``--set``; ``input.option`` is of `input`.

        Raises `RecipeError` when the recipe has no such component.
        """
        name, _, key = path.rpartition(".")
        if name == "input" and key:
            encoder = self.input or Step(ENCODER)
            return replace(self, input=replace(encoder, options={**encoder.options, key: value}))
        alone = (self.code, self.input, self.parser, self.simulator)
        steps = [*self.transforms, *self.quantizers, *(step for step in alone if step)]
        if not key or name not in {step.name for step in steps}:
            hint = did_you_mean(name, {step.name for step in steps})
            raise RecipeError(
                self.title,
                [f"--set takes COMPONENT.OPTION=VALUE, and the recipe has {listed(s.name for s in steps)}.{hint}"],
            )

        def changed(step: Step) -> Step:
            return replace(step, options={**step.options, key: value}) if step.name == name else step

        return replace(
            self,
            transforms=tuple(map(changed, self.transforms)),
            quantizers=tuple(map(changed, self.quantizers)),
            code=self.code and changed(self.code),
            input=self.input and changed(self.input),
            parser=self.parser and changed(self.parser),
            simulator=self.simulator and changed(self.simulator),
        )


def _merged(old: Step, new: Step | None) -> Step:
    return old if new is None else replace(new, options={**old.options, **new.options})


def _over(base: Step | None, mine: Step | None) -> Step | None:
    """Return the step that counts; options of one component are joined."""
    return _merged(base, mine) if base and mine and base.name == mine.name else mine or base


def load_recipe(name: str | Path, registry: Registry) -> Recipe:
    """Return the preset called ``name``, or the recipe in the TOML file at that path, with what it extends.

    Raises `RecipeError` listing every unknown key and wrong value, and `UnknownName` for a preset nobody offers.
    """
    is_file = isinstance(name, Path) or str(name).endswith(".toml")
    path = Path(name) if is_file else registry.recipes[str(name)]
    return replace(_load(path, registry, ()), title=str(name))


def _load(path: Path, registry: Registry, above: tuple[Path, ...]) -> Recipe:
    if path in above:
        raise RecipeError(str(path), ["it extends itself."])
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(str(path), [f"it cannot be read: {error.strerror}."]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(str(path), [f"it is not TOML: {error}."]) from error
    extends = table.pop("extends", None)
    recipe = read_recipe(table, str(path))
    if extends is None:
        return recipe
    if not isinstance(extends, str):
        wrong = f"extends takes the name of a recipe or a .toml file, got {extends!r}."
        return replace(recipe, problems=(wrong, *recipe.problems))
    base = Path(extends) if str(extends).endswith(".toml") else registry.recipes[str(extends)]
    base = base if base.is_absolute() else path.parent / base
    return recipe.over(_load(base, registry, (*above, path)))


def read_recipe(table: Mapping[str, Any], title: str) -> Recipe:
    """Return the recipe of a parsed TOML table; its ``problems`` say what is wrong with the table."""
    problems: list[str] = [*_unknown(table, TOP, "")]
    simulate, report = _table(table, "simulate", problems), _table(table, "report", problems)
    problems += [*_unknown(simulate, SIMULATE, "simulate."), *_unknown(report, REPORT, "report.")]
    encoding = _table(table, "input", problems)
    duration, times = simulate.get("duration"), report.get("times", [])
    samples, top_k = report.get("samples"), report.get("top_k")
    if duration is not None and not _positive(duration):
        problems.append(f"simulate.duration takes a number above zero, got {duration!r}.")
    if not isinstance(times, list) or not all(type(t) is int and t > 0 for t in times):
        problems.append(f"report.times takes a list of steps, got {times!r}.")
    for key, count in (("samples", samples), ("top_k", top_k)):
        if count is not None and (type(count) is not int or count < 1):
            problems.append(f"report.{key} takes a count, got {count!r}.")
    recipe = Recipe(
        title=title,
        parser=_step(_table(table, "parser", problems), "parser", problems),
        transforms=tuple(_steps(table, "transform", problems)),
        quantizers=tuple(_steps(table, "quantize", problems)),
        code=_step(_table(table, "code", problems), "code", problems),
        input=_step({"name": ENCODER, **encoding} if encoding else {}, "input", problems),
        simulator=_simulator(simulate, problems),
        duration=duration,
        times=tuple(times) if isinstance(times, list) else (),
        samples=samples,
        top_k=top_k,
    )
    return replace(recipe, problems=tuple(problems))


def _simulator(simulate: Mapping[str, Any], problems: list[str]) -> Step | None:
    """Return the simulator with its options; those without a name, the empty one, are the preferred simulator's."""
    options = _table(simulate, "options", problems)
    if "name" not in simulate and not options:
        return None
    return _step({"name": simulate.get("name", ""), **options}, "simulate", problems)


def _unknown(table: Mapping[str, Any], known: set[str], where: str) -> Iterable[str]:
    for key in table:
        if key not in known:
            yield f"there is no key {where + key!r}.{did_you_mean(key, known)} Known: {listed(known)}."


def _table(table: Mapping[str, Any], key: str, problems: list[str]) -> dict[str, Any]:
    value = table.get(key, {})
    if isinstance(value, dict):
        return value
    problems.append(f"{key} takes a table, got {value!r}.")
    return {}


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")


def _steps(table: Mapping[str, Any], key: str, problems: list[str]) -> Iterable[Step]:
    entries = table.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        problems.append(f"{key} takes [[{key}]] tables.")
        return
    for entry in entries:
        step = _step(entry, key, problems)
        if step is not None:
            yield step


def _step(entry: Mapping[str, Any], key: str, problems: list[str]) -> Step | None:
    options = dict(entry)
    if not options:
        return None
    name, layers, enabled = options.pop("name", None), "*", options.pop("enabled", True)
    if key == "parser" and TRUST in options:
        problems.append("a recipe cannot trust a model's code; whoever gives the command does, with --trust.")
        del options[TRUST]
    if key == "quantize":
        layers = options.pop("layers", "*")
    if not isinstance(name, str) or not isinstance(layers, str) or not isinstance(enabled, bool):
        problems.append(f"{key} needs a name (and takes layers as a pattern, enabled as true or false), got {entry!r}.")
        return None
    return Step(name, options, layers, enabled)
