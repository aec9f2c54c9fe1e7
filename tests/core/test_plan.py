"""Resolving a recipe turns every name into an object and reports every mistake before a model is opened."""

import pytest

from snntk_core.errors import RecipeError
from snntk_core.plan import Plan, resolve
from snntk_core.recipe import Recipe, Step, read_recipe
from snntk_core.registry import Registry


def names(plan: Plan) -> list[str]:
    return [step.name for step in plan.steps]


def test_steps_stand_in_the_order_of_their_stages(registry: Registry) -> None:
    recipe = Recipe(
        transforms=(Step("halve"), Step("keep"), Step("calibrated")),
        quantizers=(Step("eight", {"bits": 4}, layers="dense0"),),
        code=Step("code", {"clip": 0.5}),
        duration=12,
        times=(3,),
    )
    plan = resolve(recipe, registry)
    assert names(plan) == ["halve", "keep", "calibrated", "eight", "code"]
    assert plan.steps[3].layers == "dense0"
    assert plan.steps[3].quantizer.bits == 4
    assert plan.steps[4].clip == 0.5
    assert (plan.duration, plan.times, plan.parser, plan.simulator.name) == (12, (3,), None, "numpy")
    assert plan.needs_calibration == ("calibrated",)


def test_defaults_are_numpy_and_32_steps(registry: Registry) -> None:
    plan = resolve(Recipe(parser=Step("pairs")), registry)
    assert (plan.simulator.name, plan.duration, plan.samples) == ("numpy", 32, 200)
    assert plan.parser is not None
    assert plan.parser.name == "pairs"


def test_options_without_a_name_go_to_the_preferred_simulator(registry: Registry) -> None:
    assert not resolve(Recipe(simulator=Step("")), registry).simulator_named
    with pytest.raises(RecipeError, match="numpy has no option 'part'"):
        resolve(Recipe(simulator=Step("", {"part": 3})), registry)


def test_disabled_steps_are_left_out(registry: Registry) -> None:
    recipe = Recipe(transforms=(Step("halve", enabled=False), Step("keep")), quantizers=(Step("eight", enabled=False),))
    assert names(resolve(recipe, registry)) == ["keep"]


def test_a_recipe_may_not_go_back_a_stage_but_what_joins_finds_its_place(registry: Registry) -> None:
    with pytest.raises(RecipeError, match=r"halve \(simplify\) stands after keep \(adapt\)"):
        resolve(Recipe(transforms=(Step("keep"), Step("halve"))), registry)
    joined = Recipe(transforms=(Step("keep"), Step("calibrated"), Step("halve", joins=True), Step("liar", joins=True)))
    assert names(resolve(joined, registry)) == ["halve", "keep", "liar", "calibrated"]


def test_every_mistake_is_reported_at_once(registry: Registry) -> None:
    recipe = Recipe(
        "mine",
        parser=Step("pears"),
        transforms=(Step("halve", {"facter": 1}), Step("halv"), Step("calibrated")),
        quantizers=(Step("eigth"),),
        code=Step("keep"),
        simulator=Step("absent"),
    )
    with pytest.raises(RecipeError) as caught:
        resolve(recipe, registry, calibrated=False)
    text = str(caught.value)
    assert caught.value.exit_code == 2
    for words in (
        "Did you mean 'pairs'",
        "no option 'facter'. Did you mean 'factor'",
        "Did you mean 'halve'",
        "calibrated needs calibration samples",
        "Did you mean 'eight'",
        "keep is no spike code",
        "absent needs no_such_library, which is not installed. Run: pip install no-such-library",
    ):
        assert words in text, words
    assert len(caught.value.problems) == 7


def test_a_network_is_converted_without_the_simulators_library(registry: Registry) -> None:
    recipe = Recipe(simulator=Step("absent"))
    assert resolve(recipe, registry, simulate=False).simulator.name == "absent"
    with pytest.raises(RecipeError, match="no_such_library"):
        resolve(recipe, registry)


def test_settings_that_would_be_ignored_or_fail_later_are_mistakes(registry: Registry) -> None:
    table = {"simulate": {"duration": 7.5}, "report": {"times": [4, 9]}, "code": {"name": "code", "enabled": False}}
    with pytest.raises(RecipeError) as caught:
        resolve(read_recipe(table, "mine"), registry)
    assert any("cannot be switched off" in problem for problem in caught.value.problems)
    assert any("counted in steps" in problem for problem in caught.value.problems)
    assert any("beyond the 7.5 steps: 9" in problem for problem in caught.value.problems)


def test_mistakes_of_the_file_are_reported_with_those_of_the_names(registry: Registry) -> None:
    recipe = read_recipe({"repotr": {}, "transform": [{"name": "kep"}]}, "mine")
    with pytest.raises(RecipeError) as caught:
        resolve(recipe, registry)
    assert len(caught.value.problems) == 2
    assert "Did you mean 'report'?" in caught.value.problems[0]
    assert "Did you mean 'keep'?" in caught.value.problems[1]
