"""Recipes are strict: every unknown key and wrong value is named, all at once."""

from pathlib import Path

import pytest

from snntk_core.errors import RecipeError, UnknownName
from snntk_core.recipe import Recipe, Step, load_recipe, read_recipe
from snntk_core.registry import Registry

FULL = """
[parser]
name = "pairs"

[[transform]]
name = "halve"
factor = 0.25

[[transform]]
name = "keep"
enabled = false

[[quantize]]
name = "eight"
layers = "dense*"
bits = 4

[code]
name = "code"

[input]
encoding = "poisson"
rate = 200

[simulate]
name = "numpy"
duration = 64
options = { part = 3 }

[report]
times = [1, 10]
samples = 5
"""


def written(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_full_recipe_is_read(tmp_path: Path, registry: Registry) -> None:
    path = written(tmp_path, FULL)
    assert load_recipe(path, registry) == Recipe(
        title=str(path),
        parser=Step("pairs"),
        transforms=(Step("halve", {"factor": 0.25}), Step("keep", enabled=False)),
        quantizers=(Step("eight", {"bits": 4}, layers="dense*"),),
        code=Step("code"),
        input=Step("encode-input", {"encoding": "poisson", "rate": 200}),
        simulator=Step("numpy", {"part": 3}),
        duration=64,
        times=(1, 10),
        samples=5,
    )
    assert load_recipe(written(tmp_path, ""), registry).transforms == ()


def test_options_without_a_name_are_the_preferred_simulators() -> None:
    recipe = read_recipe({"simulate": {"options": {"workers": 1}}}, "mine")
    assert not recipe.problems
    assert (recipe.simulator.name, recipe.simulator.options) == ("", {"workers": 1})


def test_every_mistake_is_reported_at_once() -> None:
    table = {
        "transfrom": [],
        "simulate": {"durration": 3, "duration": -1},
        "report": {"times": [0], "samples": 0},
        "transform": [{"factor": 1}],
        "quantize": {},
        "code": "rate",
    }
    problems = read_recipe(table, "mine").problems
    text = "\n".join(problems)
    assert len(problems) == 8
    for words in (
        "no key 'transfrom'. Did you mean 'transform'?",
        "no key 'simulate.durration'",
        "simulate.duration takes a number above zero, got -1",
        "report.times takes a list of steps",
        "report.samples takes a count",
        "transform needs a name",
        "quantize takes [[quantize]] tables",
        "code takes a table, got 'rate'",
    ):
        assert words in text, words


@pytest.mark.parametrize("duration", ["long", True, 0, [3]])
def test_a_duration_is_a_number_above_zero(duration: object) -> None:
    (problem,) = read_recipe({"simulate": {"duration": duration}}, "mine").problems
    assert problem.startswith("simulate.duration takes a number above zero")


def test_files_that_cannot_be_read_are_named(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(RecipeError, match=r"none.toml cannot be used:\n  - it cannot be read: No such file"):
        load_recipe(tmp_path / "none.toml", registry)
    with pytest.raises(RecipeError, match="it is not TOML"):
        load_recipe(written(tmp_path, "a = [1"), registry)
    (tmp_path / "bytes.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(RecipeError, match="it is not TOML"):
        load_recipe(tmp_path / "bytes.toml", registry)
    with pytest.raises(UnknownName, match="There is no recipe 'rate'"):
        load_recipe("rate", registry)


def test_a_preset_is_called_by_its_name(tmp_path: Path, registry: Registry, make_plugin) -> None:
    registry.register(make_plugin(recipes=(written(tmp_path, FULL, "slow.toml"),)), "presets")
    assert load_recipe("slow", registry).title == "slow"
    assert load_recipe("presets/slow", registry).duration == 64


def test_a_recipe_extends_a_file_or_a_preset(tmp_path: Path, registry: Registry, make_plugin) -> None:
    base = written(tmp_path, FULL, "base.toml")
    registry.register(make_plugin(recipes=(base,)), "presets")
    more = '\n[[transform]]\nname = "halve"\nfactor = 0.5\n[[transform]]\nname = "liar"\n[simulate]\nduration = 8\n'
    for name in ("base.toml", "base"):
        recipe = load_recipe(written(tmp_path, f'extends = "{name}"\n{more}'), registry)
        assert [step.name for step in recipe.transforms] == ["halve", "keep", "liar"]
        assert recipe.transforms[0].options == {"factor": 0.5}
        assert not recipe.transforms[1].enabled
        assert recipe.transforms[2].joins
        assert (recipe.duration, recipe.simulator, recipe.samples) == (8, Step("numpy", {"part": 3}), 5)
        assert recipe.code == Step("code")


def test_a_recipe_that_extends_itself_is_refused(tmp_path: Path, registry: Registry) -> None:
    written(tmp_path, 'extends = "b.toml"', "a.toml")
    written(tmp_path, 'extends = "a.toml"', "b.toml")
    with pytest.raises(RecipeError, match="it extends itself"):
        load_recipe(tmp_path / "a.toml", registry)


def test_another_code_replaces_and_the_same_one_takes_options() -> None:
    base = Recipe(code=Step("code", {"clip": 0.5}), times=(1,))
    assert Recipe(code=Step("other")).over(base).code == Step("other")
    assert Recipe(code=Step("code", {"more": 1})).over(base).code == Step("code", {"clip": 0.5, "more": 1})
    assert Recipe().over(base).code == base.code
    assert Recipe().over(base).times == (1,)


def test_an_option_is_set_by_path_wherever_the_component_stands() -> None:
    recipe = read_recipe(
        {
            "parser": {"name": "p"},
            "transform": [{"name": "t"}, {"name": "u"}],
            "quantize": [{"name": "q"}],
            "code": {"name": "c"},
            "simulate": {"name": "s"},
        },
        "mine",
    )
    for name in "ptqcs":
        recipe = recipe.with_option(f"{name}.key", 3)
    changed = [recipe.parser, recipe.transforms[0], recipe.quantizers[0], recipe.code, recipe.simulator]
    assert all(step.options == {"key": 3} for step in changed)
    assert recipe.transforms[1].options == {}
    for path in ("x.key", "key", ""):
        with pytest.raises(RecipeError, match=r"COMPONENT.OPTION=VALUE, and the recipe has c, p, q, s, t, u"):
            recipe.with_option(path, 3)


def test_the_input_of_a_recipe_goes_over_that_of_its_base_and_takes_settings() -> None:
    base = read_recipe({"input": {"encoding": "poisson", "rate": 200}}, "base")
    mine = read_recipe({"input": {"seed": 3}}, "mine").over(base)
    assert mine.input == Step("encode-input", {"encoding": "poisson", "rate": 200, "seed": 3})
    other = read_recipe({"input": {"name": "latency", "steps": 4}}, "other").over(base)
    assert other.input == Step("latency", {"steps": 4})
    assert mine.with_option("input.seed", 5).input == mine.with_option("encode-input.seed", 5).input
    assert Recipe().with_option("input.encoding", "regular").input == Step("encode-input", {"encoding": "regular"})
    assert read_recipe({"input": 3}, "mine").problems == ("input takes a table, got 3.",)
