"""Blocks fit where they are shown: columns give way before words do, and nothing is styled where it must not be."""

import pytest

from snntk.cli.blocks import Column, Facts, Heading, Paragraph, Table, counted, numbers
from snntk.cli.render import show
from snntk.cli.widths import GAP, fitted, shared

STEPS = Table(
    "Steps",
    [Column("stage"), Column("kind", tone="quiet"), Column("step"), *numbers("nodes", "deviation", "seconds")],
    [("canonicalize", "rewrite", "drop dropout layers", "12 to 11", "1.2e-07", "0.01")],
)


@pytest.mark.parametrize("width", [36, 40, 50, 60, 79, 80, 120])
def test_words_stay_whole_and_lines_fit(width: int, monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    show([Heading("Title"), STEPS, Facts([("model", "m.onnx")]), Paragraph("word " * 40)])
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= width
    assert {"canonicalize", "dropout", "layers"} <= set(text.split())
    assert ("Left out for want of room" in text) == (width < 72)


def test_quiet_columns_go_first_then_numbers_from_the_right() -> None:
    full = fitted(STEPS, 200)
    assert full == ([0, 1, 2, 3, 4, 5], [12, 7, 19, 8, 9, 7])
    assert fitted(STEPS, 62)[0] == [0, 2, 3, 4, 5]
    assert fitted(STEPS, 48)[0] == [0, 2, 3, 4]
    assert fitted(STEPS, 10)[0] == [0, 2]


def test_widths_fill_the_room_and_never_more() -> None:
    assert shared([3, 4], [10, 20], 40) == [10, 20]
    assert shared([3, 4], [10, 20], 16) == [8, 8]
    assert sum(shared([30, 4], [30, 20], 16)) == 16
    for room in range(24, 90):
        shown, widths = fitted(STEPS, room)
        assert sum(widths) + GAP * (len(shown) - 1) <= room


def test_nothing_is_printed_before_the_first_words(capsys) -> None:
    for blocks in ([Heading("Title")], [STEPS], [Paragraph("Done.")]):
        show(blocks)
        assert not capsys.readouterr().out.startswith("\n")
    show([Heading("One"), Heading("Two"), STEPS])
    assert capsys.readouterr().out.startswith("One\n\nTwo\n\nSteps\n")


def test_no_color_leaves_no_styling(monkeypatch, capsys) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    show([Heading("Title"), STEPS, Paragraph("Bad.", "bad")])
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("columns", ["", "0", "wide", "-5"])
def test_columns_that_say_nothing_are_not_asked(columns: str, monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    show([Paragraph("word " * 60)])
    assert 80 < max(map(len, capsys.readouterr().out.splitlines())) <= 100


def test_one_is_singular() -> None:
    assert [counted(number, "sample") for number in (0, 1, 2000)] == ["0 samples", "1 sample", "2,000 samples"]
