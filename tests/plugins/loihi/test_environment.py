"""Where the Python with nengo-loihi is looked for; nothing is run to find it."""

from __future__ import annotations

import pytest

from snntk_loihi import environment
from snntk_loihi.environment import INSTALL, VARIABLE, interpreter
from snntk_loihi.simulator import LoihiSimulator


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No environment anywhere; the folder that stands for the documented place."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(environment, "find_spec", lambda name: None)
    monkeypatch.setattr(environment, "FOLDER", str(tmp_path / "documented"))
    return tmp_path


def made(folder, library=True):
    """A folder that looks like an environment."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text("")
    if library:
        (folder / "lib" / "python3.11" / "site-packages" / "nengo_loihi").mkdir(parents=True)
    return str(folder / "bin" / "python")


def test_nothing_is_found(nowhere):
    assert interpreter() is None
    assert LoihiSimulator.missing() == ("nengo_loihi",)


def test_what_is_chosen_goes_before_the_variable_and_that_before_the_documented_place(nowhere, monkeypatch):
    documented = made(nowhere / "documented")
    assert interpreter() == documented
    named = made(nowhere / "named")
    monkeypatch.setenv(VARIABLE, named)
    assert interpreter() == named
    chosen = made(nowhere / "chosen")
    assert interpreter(chosen) == chosen
    assert LoihiSimulator.missing() == ()


def test_a_home_is_written_out(nowhere, monkeypatch):
    monkeypatch.setenv("HOME", str(nowhere))
    python = made(nowhere / "mine")
    assert interpreter("~/mine/bin/python") == python


def test_a_named_python_without_the_library_is_not_replaced_by_another(nowhere, monkeypatch):
    made(nowhere / "documented")
    monkeypatch.setenv(VARIABLE, made(nowhere / "bare", library=False))
    assert interpreter() is None
    assert interpreter(str(nowhere / "no" / "python")) is None


def test_the_command_makes_what_is_looked_for():
    assert environment.FOLDER in INSTALL
    for package in ("nengo-loihi==1.1.0", "nengo==3.2.0", '"numpy<2"'):
        assert package in INSTALL
