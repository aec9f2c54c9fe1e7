"""Fields are options: strict, all mistakes at once, and nothing imported to find out what is missing."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import pytest

from snntk_core import Component, option
from snntk_core.errors import MissingLibrary, OptionError


@dataclass(frozen=True)
class Tool(Component):
    """Does one thing.

    And has more to say.
    """

    name: ClassVar[str] = "tool"
    bits: int = option(8, "bits of a weight")
    percentile: float = 99.9
    mode: Literal["layer", "channel"] = "channel"
    label: str | None = None
    layers: tuple[str, ...] = ()
    exact: bool = False

    def __post_init__(self) -> None:
        if self.bits > 32:
            raise ValueError(f"bits takes up to 32, got {self.bits}")


@dataclass(frozen=True)
class Needy(Component):
    """Needs an option and libraries."""

    name: ClassVar[str] = "needy"
    requires: ClassVar[tuple[str, ...]] = ("json", "no_such_library", "no.such.package")
    path: str = option(help="where it is")


def test_options_are_the_fields() -> None:
    found = {item.name: (item.type, item.default, item.help) for item in Tool.options()}
    assert found == {
        "bits": ("int", 8, "bits of a weight"),
        "percentile": ("float", 99.9, ""),
        "mode": ("'layer' | 'channel'", "channel", ""),
        "label": ("str | nothing", None, ""),
        "layers": ("list of str", (), ""),
        "exact": ("bool", False, ""),
    }
    assert Tool.summary() == "Does one thing."


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, Tool()),
        ({"bits": 4, "percentile": 100}, Tool(bits=4, percentile=100.0)),
        ({"mode": "layer", "label": "x"}, Tool(mode="layer", label="x")),
        ({"layers": ["a", "b"], "exact": True}, Tool(layers=("a", "b"), exact=True)),
    ],
)
def test_values_of_the_right_type_are_taken(options: dict[str, object], expected: Tool) -> None:
    assert Tool.configure(options) == expected
    assert isinstance(Tool.configure(options).percentile, float)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("bits", 4.0),
        ("bits", "4"),
        ("bits", True),
        ("percentile", "high"),
        ("percentile", True),
        ("mode", "chanel"),
        ("label", 3),
        ("layers", "a"),
        ("layers", [1]),
        ("exact", 1),
    ],
)
def test_values_of_a_wrong_type_are_refused(key: str, value: object) -> None:
    with pytest.raises(OptionError, match=f"tool: {key} takes .*, got "):
        Tool.configure({key: value})


def test_every_mistake_is_reported_at_once() -> None:
    with pytest.raises(OptionError) as caught:
        Tool.configure({"bit": 4, "percentile": "x", "colour": 1})
    assert len(caught.value.problems) == 3
    assert "Did you mean 'bits'" in str(caught.value)
    assert caught.value.exit_code == 2


def test_what_the_component_itself_refuses_is_an_option_error() -> None:
    with pytest.raises(OptionError, match="tool: bits takes up to 32, got 64"):
        Tool.configure({"bits": 64})


def test_an_option_without_default_is_needed_and_hyphens_are_underscores() -> None:
    with pytest.raises(OptionError, match="needy needs the option 'path'"):
        Needy.configure({})
    assert Needy.configure({"path": "x"}).path == "x"


def test_missing_libraries_are_named_with_the_command_and_without_importing() -> None:
    assert Needy.missing() == ("no_such_library", "no.such.package")
    with pytest.raises(MissingLibrary, match=r"pip install no_such_library no\.such\.package"):
        Needy.require()
    assert "no_such_library" not in sys.modules
    Tool.require()


def test_a_library_that_must_not_be_imported_is_missing(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "json", None)
    assert "json" in Needy.missing()


def test_a_component_is_frozen(registry) -> None:
    for component in (*registry.parsers.items(), *registry.transforms.items()):
        instance = component[1]()
        refuse: Callable[[], None] = lambda instance=instance: setattr(instance, "anything", 1)  # noqa: E731
        with pytest.raises(AttributeError):
            refuse()
