"""The report's words and numbers, and how they look with and without a terminal."""

import io
import sys
from dataclasses import replace

import pytest

import snntk
from snntk.cli import report
from snntk.cli.blocks import Column, Facts, Heading, Paragraph, Table
from snntk.cli.output import plain
from snntk.cli.render import progress, show
from snntk_core.result import LayerReport


@pytest.fixture
def result(layers, samples, labels, calibration, registry) -> snntk.Result:
    """A finished run."""
    return snntk.run(layers, (samples, labels), calibration=calibration, steps=16, registry=registry)


def layer(name: str, correlation: float | None, clipping: float = 0.0, rate: float = 0.1) -> LayerReport:
    error = 1.0 if correlation is None else 0.1
    return LayerReport(name, "IntegrateFire", 10, rate, 0.2, 0.3, correlation, error, clipping)


def test_the_diagnosis_names_the_first_layer_that_parts_and_the_likely_reason() -> None:
    assert "Every layer follows" in report.diagnosis([layer("a", 0.99)], None)
    few = report.diagnosis([layer("a", 0.99), layer("b", 0.5), layer("c", 0.1)], "b")
    assert few.startswith("b is the first layer")
    assert "Give it more steps" in few
    assert "Raise the percentile" in report.diagnosis([layer("b", 0.5, clipping=0.08)], "b")
    assert "no neuron of it fires" in report.diagnosis([layer("b", None, rate=0.0)], "b")


def test_the_layer_that_parts_is_marked(result: snntk.Result) -> None:
    parted = replace(result, layers=(layer("a", 0.99), layer("b", 0.5)))
    tables = [block for block in report.blocks(parted, "d") if isinstance(block, Table) and block.marked]
    assert [table.marked for table in tables] == [frozenset({1})]


def test_energy_is_never_one_bare_number(result: snntk.Result) -> None:
    words = list(report.blocks(result, "d"))
    operations = next(block for block in words if isinstance(block, Table) and block.title.startswith("Operations"))
    energies = [row[-1] for row in operations.rows if row[-1]]
    assert len(energies) == 5
    assert all(energy.endswith("J") for energy in energies)
    assumptions = [block.text for block in words if isinstance(block, Paragraph) and "pJ" in block.text]
    assert len(assumptions) == 1
    assert "45 nm" in assumptions[0]


def test_notes_are_shown(result: snntk.Result) -> None:
    texts = [
        block.text for block in report.blocks(replace(result, notes=("mind this",)), "d") if hasattr(block, "text")
    ]
    assert "- mind this" in texts


def test_the_verdict_is_signed_in_words(result: snntk.Result) -> None:
    accuracy = result.accuracy
    for spiking, words in ((0.5, "50.00 percentage points below"), (1.0, "exactly as accurate as the ANN")):
        changed = replace(result, accuracy=replace(accuracy, spiking={**accuracy.spiking, 16: spiking}))
        assert any(words in getattr(block, "text", "") for block in report.blocks(changed, "d"))


BLOCKS = [
    Heading("Title"),
    Facts([("name", "[bold]value[/bold] :smile:")]),
    Table("Rows", [Column("a"), Column("n", right=True)], [("x" * 200, "1"), ("[red]", "2")], frozenset({1})),
    Paragraph("Done.", "good"),
]


def test_without_a_terminal_text_is_plain_and_fits(capsys) -> None:
    show(BLOCKS)
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert "[bold]value[/bold] :smile:" in text
    assert "[red]" in text
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert all(line == line.rstrip() for line in lines)


def test_on_a_terminal_text_has_color(monkeypatch, capsys) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    show(BLOCKS)
    assert "\x1b[" in capsys.readouterr().out


class Terminal(io.StringIO):
    """An error stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_appears_on_a_terminal_after_a_second_only(monkeypatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for patience, drawn in ((1000.0, False), (0.0, True)):
        stream = Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr("snntk.cli.render.PATIENCE", patience)
        with progress() as bar:
            bar("Simulating", 1, 2)
        assert ("Simulating" in stream.getvalue()) is drawn


def test_a_strangers_names_cannot_steer_the_terminal(monkeypatch, capsys) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    hostile = "\x1b]0;owned\x07\x1b[2J\x9b31mnode"
    show([Heading(hostile), Facts([(hostile, hostile)]), Table(hostile, [Column("a")], [(hostile,)])])
    text = capsys.readouterr().out
    assert "node" in text
    assert not any(code in text for code in ("\x1b]", "\x07", "\x1b[2J", "\x9b"))


def test_json_holds_no_nan() -> None:
    assert plain({1: float("nan"), "a": (float("inf"), 1.5, True, None)}) == {"1": None, "a": [None, 1.5, True, None]}
