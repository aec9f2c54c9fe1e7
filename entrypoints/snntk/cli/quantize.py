"""Quantize weights and activations, show what every layer got and lost, and save the network."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from snntk import api
from snntk.cli import analysis
from snntk.cli.blocks import Block, Column, Heading, Paragraph, Table, counted, numbers
from snntk.cli.options import add_json, add_model, add_plugin_files, add_settings, inputs_of, registry_of
from snntk.cli.output import answer, check_target, replacing
from snntk.cli.quantizing import quantized
from snntk.cli.report import percent
from snntk.format_files import checked_suffix, dump_quantization, table_text
from snntk_core.data import load_samples
from snntk_core.errors import OptionError
from snntk_core.layer_errors import layer_errors
from snntk_core.quantization_report import QuantizedArray, quantization_report

EXAMPLE = "snntk quantize model.onnx --weight-bits 8 --activation-bits 8 --calibration train.npz -o model-8.snntk"
SAMPLES = 256
"""How many of the calibration samples the noise of outputs is measured on."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_model(parser)
    bits = "bits of the {}, 0 for float (default: {})"
    parser.add_argument("--weight-bits", metavar="N", type=_bits, help=bits.format("weights", 8))
    parser.add_argument("--activation-bits", metavar="N", type=_bits, help=bits.format("activations", 8))
    parser.add_argument(
        "--input-weight-bits",
        metavar="N",
        type=_bits,
        help="bits of the first layer's weights (default: as the others)",
    )
    parser.add_argument("--calibration", metavar="FILE", help="training samples: .npz with x, or .npy")
    parser.add_argument("--weights", metavar="NAME", help="the quantizer of weights (default: max-per-axis)")
    parser.add_argument(
        "--activations",
        metavar="NAME",
        help="the quantizer of activations (default: minimum-mean-square-error, or quantized-relu without calibration)",
    )
    parser.add_argument(
        "--calibrate",
        metavar="METHOD",
        action="append",
        default=[],
        help="fit the quantized network to the float one: adapt-rounding, reconstruct-blocks or correct-biases; may be "
        "given several times",
    )
    parser.add_argument("--until", metavar="LAYER", help="quantize only what leads to this layer, itself included")
    parser.add_argument("--no-fold-batchnorm", action="store_true", help="leave batch normalization as it is")
    parser.add_argument("--no-normalize-separable", action="store_true", help="leave depthwise kernels as they are")
    parser.add_argument("--dump", metavar="FILE", help="write what every layer got to a .toml or .json file")
    parser.add_argument("--load", metavar="FILE", help="apply what --dump has written, in place of bits and quantizers")
    parser.add_argument(
        "--recipe", metavar="NAME|FILE", help="the steps of a recipe in place of bits and quantizers, or its [parser]"
    )
    add_settings(parser, "a quantizer, a method, the parser or, with --recipe, a component of the recipe")
    parser.set_defaults(steps=None)
    add_plugin_files(parser)
    parser.add_argument("--analyze", action="store_true", help="show the error of each layer on calibration samples")
    parser.add_argument("--plot", metavar="FILE.svg", type=_drawing, help="draw the error of each layer")
    add_json(parser)
    parser.add_argument("-o", "--output", metavar="FILE.snntk", help="save the quantized network")


def _bits(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"takes 0 or a number of bits, got {text!r}")
    return int(text)


def _drawing(text: str) -> str:
    if not text.endswith(".svg"):
        raise argparse.ArgumentTypeError(f"takes the name of an .svg file, got {text!r}")
    return text


def execute(args: argparse.Namespace) -> int:
    """Quantize, save, and show the layers."""
    dump = checked_suffix(args.dump) if args.dump else None
    inputs = [*inputs_of(args), *([Path(args.load).expanduser()] if args.load else [])]
    check_target(args.json, args.output, args.plot, dump, inputs=inputs)
    analyzed = args.analyze or args.plot is not None
    if analyzed and not args.calibration:
        raise OptionError(
            ["The error of a layer is measured on samples: give --calibration with --analyze and --plot."]
        )
    registry = registry_of(args)
    samples = load_samples(args.calibration) if args.calibration else None
    before, after, noted = quantized(args, samples, registry)
    rows = quantization_report(before, after, None if samples is None else samples[:SAMPLES])
    if args.output:
        api.save(after, args.output)
    if dump:
        with replacing(dump) as file:
            file.write(table_text(dump_quantization(after), dump).encode())
    facts: dict[str, Any] = {
        "output": args.output,
        "dump": args.dump,
        "plot": args.plot,
        "arrays": [vars(row) for row in rows],
    }
    facts["notes"] = list(noted)
    shown = [*_blocks(rows, args, 0 if samples is None else min(len(samples), SAMPLES))]
    if analyzed and samples is not None:
        errors = layer_errors(before, after, samples[:SAMPLES])
        facts["layers"] = analysis.facts(errors)
        shown += analysis.blocks(errors) if args.analyze else ()
        if args.plot:
            with replacing(Path(args.plot)) as file:
                file.write(analysis.drawing(errors, f"{_title(args)}: the error of each layer").encode())
    written = [f"Wrote {path}." for path in (args.dump, args.plot) if path]
    answer(facts, [*shown, *(Paragraph(text) for text in (*written, *noted))], args.json)
    return 0


def _title(args: argparse.Namespace) -> str:
    return " ".join(Path(path).name for path in args.model)


def _blocks(rows: Sequence[QuantizedArray], args: argparse.Namespace, samples: int) -> Iterator[Block]:
    yield Heading(f"{_title(args)}, quantized")
    columns = [Column("layer"), Column("of"), *numbers("bits", "step", "saturated", "signal to noise")]
    yield Table("", [*columns, Column("quantizer", tone="quiet")], [_row(row) for row in rows])
    if not rows:
        yield Paragraph("Nothing is quantized; every layer stays float.", "bad")
    measured = (
        f"Outputs were measured on {counted(samples, 'calibration sample')}, each with all quantization before it."
    )
    yield Paragraph(measured if samples else "Without --calibration no output is measured.", "quiet")
    if args.output:
        size = Path(args.output).expanduser().stat().st_size
        yield Paragraph(f"Saved {args.output}: {size / 1000:,.0f} kB.")


def _row(row: QuantizedArray) -> tuple[str, ...]:
    low, high = row.scale
    step = f"{high:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
    ratio: Any = row.signal_to_noise
    noise = "-" if ratio is None else f"{ratio:.1f} dB" if isfinite(ratio) else "exact" if ratio > 0 else "no signal"
    return row.layer, row.role, str(row.bits), step, percent(row.saturation), noise, row.quantizer.partition("(")[0]
