"""A plan: a recipe with every name turned into a configured object.  Every mistake is reported at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from snntk_core.catalog import Catalog
from snntk_core.component import Component
from snntk_core.errors import RecipeError, SnntkError
from snntk_core.parser import Parser
from snntk_core.quantization import QuantizeStep, in_turn
from snntk_core.recipe import Recipe, Step
from snntk_core.registry import Registry
from snntk_core.simulator import Simulator, preferred, runs_no_spikes, runs_nothing
from snntk_core.transform import Stage, Transform

C = TypeVar("C", bound=Component)
DEFAULT_DURATION = 32
DEFAULT_SAMPLES = 200


@dataclass(frozen=True, eq=False)
class Plan:
    """What will be done, in order: ``steps`` until the network is spiking, then the simulator.

    ``parser`` is None when the source decides.  ``samples``: how many test samples the layer report compares.
    ``simulator_named``: whether the recipe named it; else it is the preferred one.
    """

    title: str
    parser: Parser | None
    steps: tuple[Transform | QuantizeStep, ...]
    simulator: Simulator
    duration: float
    times: tuple[int, ...]
    samples: int
    top_k: int = 1
    simulator_named: bool = True

    @property
    def needs_calibration(self) -> tuple[str, ...]:
        """The steps that cannot run without calibration samples."""
        return tuple(step.name for step in self.steps if _needs_calibration(step))


def resolve(recipe: Recipe, registry: Registry, *, calibrated: bool = True, simulate: bool = True) -> Plan:
    """Return the plan of a recipe.

    Unknown names and options, missing libraries, a wrong order of stages and missing calibration samples are all
    reported together in one `RecipeError`, before a model is opened.  ``simulate=False`` leaves the simulator's
    library unchecked: the network is only converted.
    """
    problems = list(recipe.problems)
    find = _Finder(problems)
    named = [(s, found) for s in recipe.transforms if s.enabled and (found := find(registry.transforms, s))]
    transforms = _in_stage_order(named, problems)
    chosen = [(s, find(registry.quantizers, s)) for s in recipe.quantizers if s.enabled]
    quantizers = in_turn([(quantizer, s.layers) for s, quantizer in chosen if quantizer is not None])
    code = find(registry.transforms, recipe.code) if recipe.code else None
    if code is not None and code.stage is not Stage.SPIKIFY:
        problems.append(f"{code.name} is no spike code: it belongs among the transforms.")
    encoder = find(registry.transforms, recipe.input) if recipe.input and recipe.input.enabled else None
    if encoder is not None and encoder.stage is not Stage.LOWER:
        problems.append(f"{encoder.name} does not encode an input: it is no step after the spike code (stage lower).")
    asked = recipe.simulator or Step("")
    simulator = find(registry.simulators, asked, required=simulate, otherwise=preferred)
    parser = find(registry.parsers, recipe.parser) if recipe.parser else None
    early = [step for step in transforms if step.stage < Stage.QUANTIZE]
    late = [step for step in transforms if step.stage >= Stage.QUANTIZE]
    before_code = [step for step in late if step.stage <= Stage.SPIKIFY]
    after_code = [step for step in late if step.stage > Stage.SPIKIFY]
    steps: list[Transform | QuantizeStep] = [*early, *quantizers, *before_code]
    steps += [step for step in (code, encoder) if step] + after_code
    if not calibrated:
        missing = [step.name for step in steps if _needs_calibration(step)]
        problems += [f"{name} needs calibration samples (--calibration), from the training set." for name in missing]
    duration = recipe.duration if recipe.duration is not None else DEFAULT_DURATION
    problems += _contradictions(recipe, code, transforms, simulator, duration)
    if simulate and simulator is not None and simulator.clock == "none":
        problems.append(runs_nothing(simulator))
    elif simulate and simulator is not None and simulator.takes == "quantized":
        problems.append(runs_no_spikes(simulator))
    if problems or simulator is None:
        raise RecipeError(recipe.title, problems)
    samples = recipe.samples or DEFAULT_SAMPLES
    run = (simulator, duration, recipe.times, samples, recipe.top_k or 1, bool(asked.name))
    return Plan(recipe.title, parser, tuple(steps), *run)


def _contradictions(
    recipe: Recipe, code: Transform | None, transforms: list[Transform], simulator: Simulator | None, duration: float
) -> list[str]:
    """Return what names and options of a recipe do not say alone: settings that would be ignored or fail later."""
    found = []
    codes = [step.name for step in (*transforms, code) if step is not None and step.stage is Stage.SPIKIFY]
    if len(codes) > 1:
        found.append(
            f"there are several spike codes: {', '.join(codes)}. One makes the network spiking; drop the others."
        )
    if recipe.input is not None and recipe.input.name in [step.name for step in transforms]:
        found.append(f"{recipe.input.name} stands in [input] and among the transforms; drop one of them.")
    if recipe.code is not None and not recipe.code.enabled:
        found.append("the spike code cannot be switched off.")
    if simulator is not None and simulator.clock == "stepped" and duration != int(duration):
        found.append(f"simulate.duration is counted in steps for {simulator.name}, got {duration}.")
    late = [time for time in recipe.times if time > duration]
    if late:
        found.append(f"report.times go beyond the {duration:g} steps: {', '.join(map(str, late))}.")
    return found


def _needs_calibration(step: Transform | QuantizeStep) -> bool:
    component = step.quantizer if isinstance(step, QuantizeStep) else step
    return component.needs_calibration


def _in_stage_order(named: list[tuple[Step, Transform]], problems: list[str]) -> list[Transform]:
    """Return the transforms in the recipe's order, which may not go back a stage; those that join take their place."""
    ordered: list[Transform] = []
    for step, found in named:
        if step.joins:
            place = sum(other.stage <= found.stage for other in ordered)
            ordered.insert(place, found)
            continue
        if ordered and found.stage < ordered[-1].stage:
            stages = f"({found.stage.name.lower()}) stands after {ordered[-1].name} ({ordered[-1].stage.name.lower()})"
            problems.append(f"{found.name} {stages}; a recipe may not go back a stage.")
        ordered.append(found)
    return ordered


class _Finder:
    """Turns steps into configured components and collects what is wrong with them."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems

    def __call__(
        self,
        catalog: Catalog[type[C]],
        step: Step,
        *,
        required: bool = True,
        otherwise: Callable[[Catalog[type[C]]], str] = lambda catalog: "",
    ) -> C | None:
        """Return a step's component; ``otherwise`` names one for a step without a name."""
        found = self._tried(lambda: catalog[step.name or otherwise(catalog)])
        if found is None:
            return None
        if required:
            self._tried(found.require)
        configured: C | None = self._tried(lambda: found.configure(step.options))
        return configured

    def _tried(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except SnntkError as error:
            self.problems += getattr(error, "problems", None) or [str(error)]
            return None
