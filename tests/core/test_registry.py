"""One bad plugin is listed with its reason and takes nothing down; nobody wins a name by luck."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest

from snntk_core import Parser, hookimpl
from snntk_core.errors import AmbiguousName, ParseError, PluginError, UnknownName, UnreadableSource
from snntk_core.parser import guarded
from snntk_core.registry import Registry


def test_a_plugin_is_listed_with_what_it_offers(registry: Registry) -> None:
    (info,) = registry.plugins
    assert (info.name, info.distribution, info.version, info.error) == ("small", "small-plugins", "1", None)
    assert "parser pairs" in info.components
    assert "quantizer eight" in info.components
    assert registry.parsers["pairs"] is registry.parsers["small/pairs"]


def test_unknown_names_come_with_the_nearest(registry: Registry) -> None:
    with pytest.raises(
        UnknownName, match=r"There is no simulator 'nunpy'. Did you mean 'numpy'\? Known: absent, numpy"
    ):
        registry.simulators["nunpy"]
    with pytest.raises(UnknownName):
        registry.simulators["other/numpy"]


def test_a_name_that_two_plugins_claim_is_good_only_in_full(registry: Registry, make_plugin, components) -> None:
    registry.register(make_plugin(components.Numpy), "twin")
    with pytest.raises(AmbiguousName, match="Say which: small/numpy, twin/numpy"):
        registry.simulators["numpy"]
    assert registry.simulators["twin/numpy"] is components.Numpy
    assert "twin/numpy" in registry.simulators
    assert "numpy" not in registry.simulators
    assert [info.error is None for info in registry.plugins] == [False, False]
    assert registry.parsers["pairs"]


def test_a_plugin_name_is_taken_once(registry: Registry, make_plugin, components) -> None:
    assert "taken by another" in str(registry.register(make_plugin(components.Keep), "small").error)
    assert registry.transforms.owners("keep") == ("small",)


class NoDataclass(Parser):
    """Is not decorated."""

    name: ClassVar[str] = "undecorated"

    def accepts(self, source: object) -> bool:
        return False

    def load(self, source):
        return source

    def parse(self, model):
        return model

    def predict(self, model, batch):
        return batch


@dataclass(frozen=True)
class Unfinished(Parser):
    """Lacks three methods."""

    name: ClassVar[str] = "unfinished"

    def accepts(self, source: object) -> bool:
        return False


@dataclass(frozen=True)
class Twice(Parser):
    """Fails wherever it is asked."""

    name: ClassVar[str] = "twice"

    def accepts(self, source: object) -> bool:
        raise KeyError("weights\nand more")

    def load(self, source):
        raise KeyError("weights\nand more")

    def parse(self, model):
        raise ParseError("here", "is wrong.")

    def predict(self, model, batch):
        return batch + model


@dataclass(frozen=True)
class Again(Parser):
    """Has the name of another."""

    name: ClassVar[str] = "twice"
    accepts, load, parse, predict = Twice.accepts, Twice.load, Twice.parse, Twice.predict


def failing():
    raise RuntimeError("no")


@pytest.mark.parametrize(
    ("hooks", "reason"),
    [
        ({"snntk_parsers": [NoDataclass]}, "NoDataclass is not a frozen dataclass"),
        ({"snntk_parsers": [Unfinished]}, "Unfinished lacks load, parse, predict"),
        ({"snntk_parsers": [int]}, "int is not a Parser class"),
        ({"snntk_parsers": [3]}, "3 is not a Parser class"),
        ({"snntk_parsers": failing}, "RuntimeError: no"),
        ({"snntk_parsers": lambda: 7}, "TypeError"),
        ({"snntk_parsers": lambda wrong: []}, "PluginValidationError"),
        ({"snntk_parser": []}, "unknown hook 'snntk_parser'"),
        ({"snntk_recipes": [Path("none.toml")]}, "none.toml is not a .toml file"),
        ({}, "it offers nothing"),
        ({"snntk_parsers": []}, "it offers nothing"),
        ({"snntk_parsers": [Twice, Again]}, "it offers two parsers called 'twice'; rename one"),
    ],
)
def test_a_broken_plugin_says_why_and_offers_nothing(registry: Registry, make_plugin, hooks, reason: str) -> None:
    before = registry.parsers.names()
    info = registry.register(make_plugin(**hooks), "bad")
    assert reason in str(info.error)
    assert info.components == ()
    assert info in registry.plugins
    assert registry.parsers.names() == before
    assert registry.notify("snntk_run_finished", result=None) == ()


def test_plugin_files_load_only_when_they_are_plugins(registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("from snntk_core import hookimpl\n@hookimpl\ndef snntk_run_finished(result):\n    assert result\n")
    assert registry.register_file(file).error is None
    empty = tmp_path / "empty.py"
    empty.write_text("parsers = []\n")
    assert "offers nothing" in str(registry.register_file(empty).error)
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit(1)\n")
    assert "SystemExit" in str(registry.register_file(broken).error)
    with pytest.raises(PluginError, match="There is no plugin file"):
        registry.register_file(tmp_path / "none.py")
    words = tmp_path / "words.txt"
    words.write_text("hello")
    with pytest.raises(PluginError, match="not a Python file"):
        registry.register_file(words)


def test_a_plugin_file_called_like_a_library_does_not_stand_in_for_it(registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "no_such_library.py"
    file.write_text("from snntk_core import hookimpl\n@hookimpl\ndef snntk_run_finished(result): ...\n")
    assert registry.register_file(file).error is None
    assert "no_such_library" not in sys.modules
    with pytest.raises(ImportError):
        importlib.import_module("no_such_library")


def test_a_broken_plugin_claims_none_of_its_names(registry: Registry, make_plugin, components) -> None:
    assert registry.register(make_plugin(components.Keep, Twice, Again), "bad").error
    assert registry.parsers.owners("twice") == ()
    assert registry.transforms.owners("keep") == ("small",)


def test_a_parser_that_fails_to_look_takes_nothing_down(registry: Registry, make_plugin, components) -> None:
    registry.register(make_plugin(Twice), "clumsy")
    assert registry.parser_for([1]) is components.Pairs
    with pytest.raises(UnreadableSource, match="parser twice of the plugin clumsy failed to look: KeyError: 'weights"):
        registry.parser_for(3)


def test_a_fault_of_a_parser_is_one_sentence_and_a_refusal_stays_what_it_is() -> None:
    parser = Twice()
    with pytest.raises(ParseError, match=r"the parser twice: load\(\) failed: KeyError: .*--debug") as caught:
        guarded(parser, parser.load, "x")
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(ParseError, match=r"^here: is wrong"):
        guarded(parser, parser.parse, "x")
    assert guarded(parser, parser.predict, 1, batch=2) == 3


def test_observers_are_all_told_and_their_failures_are_lines(registry: Registry, make_plugin) -> None:
    seen = []

    class Watcher:
        @hookimpl
        def snntk_run_finished(self, result):
            seen.append(result)

    class Clumsy:
        @hookimpl
        def snntk_run_finished(self, result):
            raise ValueError("dropped it")

    registry.register(Clumsy(), "clumsy")
    registry.register(Watcher(), "watcher")
    assert registry.notify("snntk_run_finished", result=7) == (
        "clumsy failed in snntk_run_finished: ValueError: dropped it",
    )
    assert seen == [7]


def test_the_parser_is_the_one_that_accepts(registry: Registry, make_plugin, components, tmp_path: Path) -> None:
    assert registry.parser_for([1]) is components.Pairs
    assert registry.parser_for(3, "pairs") is components.Pairs
    with pytest.raises(UnreadableSource, match=r"No parser reads a builtins.int. .*pairs reads lists of pairs"):
        registry.parser_for(3)
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(UnreadableSource, match=r"There is no file .*model.onx. Did you mean 'model.onnx'"):
        registry.parser_for(tmp_path / "model.onx")
    registry.register(make_plugin(components.Pairs), "twin")
    with pytest.raises(UnreadableSource, match=r"can be read by small/pairs, twin/pairs. Say which with --parser"):
        registry.parser_for([1])
    with pytest.raises(UnreadableSource, match="No parser is installed"):
        Registry().parser_for(3)


def test_discovery_is_narrowed_by_arguments_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint(name, "no_such_module", "snntk") for name in ("c", "a", "b")]
    monkeypatch.setattr("snntk_core.registry.entry_points", lambda group: points)

    def found(**arguments) -> list[str]:
        return [info.name for info in Registry.discover(**arguments).plugins]

    assert found() == ["a", "b", "c"]
    assert found(only=["a", "c"], block=["c"]) == ["a"]
    monkeypatch.setenv("SNNTK_BLOCK", "b")
    assert found() == ["a", "c"]
    monkeypatch.setenv("SNNTK_PLUGINS", "")
    assert found() == []
    (info,) = Registry.discover(only=["a"]).plugins
    assert info.error == "ModuleNotFoundError: No module named 'no_such_module'"
    assert "Traceback" in info.details
