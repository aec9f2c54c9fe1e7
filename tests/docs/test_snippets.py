"""The documentation does not drift: its Python, recipes and commands run, and what they print is what is shown."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import snntk
from snntk.cli.main import main
from snntk_core.plan import resolve
from snntk_core.recipe import load_recipe, read_recipe
from snntk_core.registry import Registry

SPEC = importlib.util.spec_from_file_location("snippets", Path(__file__).with_name("snippets.py"))
snippets = sys.modules["snippets"] = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(snippets)

ROOT = snippets.ROOT
LAYERLIST = ROOT / "tests" / "third_party" / "layerlist"
GENERATED = ROOT / "docs" / "reference"
FILES = (
    Path(snntk.__file__).parent / "demo" / "digits.onnx",
    Path(snntk.__file__).parent / "demo" / "digits.npz",
    LAYERLIST / "snntk_layerlist.py",
)
"""The files that pages speak of."""
NEEDS = {"docs/how-to/read-caffe.md": "caffe2onnx"}
"""Modules that a page needs and that no extra can install."""
RUNS_ON = {"docs/how-to/run-on-loihi.md": "loihi"}
"""Simulators that a page needs and whose library has an environment of its own."""


def title(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder with the demo's files, in which the page's code runs."""
    for path in FILES:
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", snippets.pages(), ids=title)
def test_page_runs(page, folder, monkeypatch, capsys):
    needed = NEEDS.get(title(page))
    if needed and importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed; the page says how")
    simulator = RUNS_ON.get(title(page))
    if simulator and Registry.discover().simulators[simulator].missing():
        pytest.skip(f"the environment of the simulator {simulator} is not there; the page says how to make it")
    module = ModuleType("documented_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for block in snippets.blocks(page):
        place = f"{title(page)}, line {block.line}"
        capsys.readouterr()
        if block.language == "python":
            exec(compile(block.text, place, "exec"), vars(module))
            missing = snippets.missing_lines(block.shown, capsys.readouterr().out)
            assert not missing, f"{place} does not print {missing}"
        elif block.language == "toml":
            read(block.text, place, folder)
        elif block.language == "console" and not page.is_relative_to(GENERATED):
            for command, shown in snippets.commands(block):
                run(command, shown, place, capsys)


def run(command: str, shown: str, place: str, capsys) -> None:
    """Run one command and compare what it prints with what is shown."""
    program, *arguments = shlex.split(command)
    assert program == "snntk", f"{place}: only snntk runs here; mark other commands as bash or text"
    code = main(arguments)
    printed = capsys.readouterr()
    assert code == 0, f"{place}: {printed.err}"
    missing = snippets.missing_lines(shown, printed.out)
    assert not missing, f"{place} does not print {missing}"


def read(text: str, place: str, folder: Path) -> None:
    """Read a recipe; it is kept under the name that its first line may give, for the commands below it."""
    table = tomllib.loads(text)
    if "project" in table or "build-system" in table:
        return
    assert not read_recipe(table, place).problems, place
    first = text.partition("\n")[0].removeprefix("# ")
    path = folder / (first if first.endswith(".toml") and " " not in first else "recipe.toml")
    path.write_text(text, encoding="utf-8")
    registry = Registry.discover()
    recipe = load_recipe(path, registry)
    if not recipe.quantizers:
        resolve(recipe, registry)


def test_parser_shown_is_the_one_that_is_tested():
    shown = snippets.blocks(ROOT / "docs" / "how-to" / "write-a-parser.md")
    assert (LAYERLIST / "snntk_layerlist.py").read_text(encoding="utf-8") in [block.text for block in shown]
    assert (LAYERLIST / "pyproject.toml").read_text(encoding="utf-8") in [block.text for block in shown]


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").with_suffix("").as_posix()
        listed = f"\n{name}\n" in index or f"\n{name.rpartition('/')[0]}/*\n" in index
        assert listed or name == "index" or "_build" in page.parts, f"{name} is not in docs/index.md"


@pytest.mark.parametrize(
    ("shown", "printed", "missing"),
    [
        ("accuracy 99.1 %", "accuracy   98.7 %", []),
        ("a\n...\nc", "a\nb\nc", []),
        ("c\na", "a\nb\nc", ["a"]),
        ("layer x", "layer y", ["layer x"]),
    ],
)
def test_output_is_compared_apart_from_numbers(shown, printed, missing):
    assert snippets.missing_lines(shown, printed) == missing
