"""The error of each layer, shown: as a table with bars, as plain data, and as a drawing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import sqrt
from typing import Any
from xml.sax.saxutils import escape

from snntk.cli.blocks import Block, Column, Paragraph, Table, numbers
from snntk_core.layer_errors import Errors, LayerError

BAR = 24
"""Characters of the longest bar."""
WIDTH, ROW, LEFT, RIGHT, TOP = 760, 26, 220, 70, 56
"""Of the drawing, in pixels: all of it, a layer, the names, the figures behind the bars, the title."""
COLORS = {"piled up": "#c0392b", "own": "#2c6fbb"}


def relative(errors: Errors) -> float:
    """Return the root mean square error of a layer over the root mean square of what it should put out."""
    noise, signal = float(errors.squared_error.sum()), float(errors.signal.sum())
    if not noise:
        return 0.0
    return sqrt(noise / signal) if signal else float("inf")


def blocks(rows: Sequence[LayerError]) -> Iterator[Block]:
    """Yield the table of the errors of each layer."""
    columns = [Column("layer"), *numbers("own error", "piled up"), Column("")]
    more = numbers("SMAPE", "saturated", "worst channel")
    largest = max((min(relative(row.cumulative), 1.0) for row in rows), default=0.0) or 1.0
    yield Table("Errors", [*columns, *more], [_row(row, largest) for row in rows])
    yield Paragraph(
        "Root mean square errors, over the root mean square of the float layer. Own: with the inputs of the quantized "
        "network. Piled up, and SMAPE: with all that is quantized before it. The worst channel: by own error.",
        "quiet",
    )


def _row(row: LayerError, largest: float) -> tuple[str, ...]:
    piled = relative(row.cumulative)
    bar = "\N{FULL BLOCK}" * round(BAR * min(piled, 1.0) / largest)
    saturated = "" if row.saturation is None else f"{100 * row.saturation.mean():.2f}%"
    worst = int((row.single.squared_error).argmax())
    smape = f"{100 * row.cumulative.smape.mean():.1f}%"
    return row.layer, f"{100 * relative(row.single):.1f}%", f"{100 * piled:.1f}%", bar, smape, saturated, str(worst)


def facts(rows: Sequence[LayerError]) -> list[dict[str, Any]]:
    """Return the errors as plain data, channel by channel."""
    return [
        {
            "layer": row.layer,
            "kind": row.kind,
            "single": {name: value.tolist() for name, value in vars(row.single).items()},
            "cumulative": {name: value.tolist() for name, value in vars(row.cumulative).items()},
            "saturation": None if row.saturation is None else row.saturation.tolist(),
        }
        for row in rows
    ]


def drawing(rows: Sequence[LayerError], title: str) -> str:
    """Return an SVG picture: for each layer a bar for all that has piled up, and one for its own error."""
    height = TOP + ROW * len(rows) + 16
    values = [{"piled up": relative(row.cumulative), "own": relative(row.single)} for row in rows]
    largest = max((min(value, 1.0) for found in values for value in found.values()), default=0.0) or 1.0
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="12" y="22" font-size="15">{escape(title)}</text>',
    ]
    for index, (name, color) in enumerate(COLORS.items()):
        x = LEFT + 90 * index
        lines.append(f'<rect x="{x}" y="34" width="10" height="10" fill="{color}"/>')
        lines.append(f'<text x="{x + 15}" y="43">{name}</text>')
    for index, (row, found) in enumerate(zip(rows, values, strict=True)):
        lines += _bars(TOP + ROW * index, row.layer, found, largest)
    return "\n".join([*lines, "</svg>", ""])


def _bars(y: int, layer: str, values: dict[str, float], largest: float) -> Iterator[str]:
    yield f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(layer[-32:])}</text>'
    for index, (name, value) in enumerate(values.items()):
        width = (WIDTH - LEFT - RIGHT) * min(value, 1.0) / largest
        yield f'<rect x="{LEFT}" y="{y + 2 + 10 * index}" width="{width:.1f}" height="9" fill="{COLORS[name]}"/>'
        yield (f'<text x="{LEFT + width + 4:.1f}" y="{y + 10 + 10 * index}" font-size="9">{100 * value:.1f} %</text>')
