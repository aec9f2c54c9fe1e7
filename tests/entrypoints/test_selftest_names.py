"""What ``snntk selftest NAME`` checks: a plugin, and every component of that name."""

from __future__ import annotations

import json

import pytest

from snntk.cli.main import main


def checked(capsys, *arguments):
    code = main(["selftest", *arguments, "--json"])
    found = capsys.readouterr()
    return code, json.loads(found.out) if found.out else {}, found.err


def test_a_plugin_and_the_components_called_like_it_are_checked(capsys):
    """The parser `torch` is the plugin torch's, the simulator `torch` that of another."""
    code, found, _ = checked(capsys, "torch")
    assert (code, list(found)) == (0, ["torch", "torchsim"])
    assert "check_agrees_spike_for_spike" in {outcome["check"] for outcome in found["torchsim"]}
    assert "check_agrees_with_predict" in {outcome["check"] for outcome in found["torch"]}


def test_of_other_plugins_only_the_component_of_that_name_is_checked(capsys):
    code, found, _ = checked(capsys, "fold-batchnorm")
    assert (code, list(found)) == (0, ["standard"])
    assert {outcome["component"] for outcome in found["standard"]} == {"fold-batchnorm"}


@pytest.mark.parametrize(("name", "near"), [("torchsin", "torchsim"), ("fold-batchnrm", "fold-batchnorm")])
def test_an_unknown_name_is_refused_with_the_nearest(capsys, name, near):
    code, found, said = checked(capsys, name)
    assert (code, found) == (2, {})
    assert f"Did you mean {near!r}?" in said
