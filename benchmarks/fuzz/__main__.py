"""Mutate models and see that each gives one clear sentence or a sound graph: no traceback, no hang, no payload run.

    python benchmarks/fuzz --count 2000
    python benchmarks/fuzz onnx caffe --count 100 --seed 3
    python benchmarks/fuzz onnx --only 1234 --keep findings
    python benchmarks/fuzz my-format --plugin my_plugin.py

The seeds are the examples that the parsers ship, and the collection's models where SNNTK_SHARED names it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from driving import FINE, Tally, Trial, fuzz
from seeds import OWN, seeds


def main() -> int:
    """Return 1 if something was found."""
    parser = argparse.ArgumentParser(prog="python benchmarks/fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help=f"of {', '.join(OWN)} (default: all)")
    parser.add_argument("--count", type=int, default=100, help="mutations for each format (default: 100)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, metavar="NUMBER", help="the one mutation with this number")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write the files of findings there")
    parser.add_argument("--plugin", type=Path, metavar="FILE", help="a plugin file with the parser; it is executed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results")
    arguments = parser.parse_args()
    unknown = [] if arguments.plugin else [name for name in arguments.formats if name not in OWN]
    if unknown:
        parser.error(f"there is no format {unknown[0]!r}")
    tallies = []
    print(f"{'format':8} {'cases':>6} {'graphs':>7} {'refused':>8} {'slowest':>8} {'memory':>9} {'findings':>9}")
    for format in arguments.formats or OWN:
        numbers = range(arguments.count) if arguments.only is None else [arguments.only]
        found = seeds(format, arguments.plugin)
        trial = Trial(format, found, arguments.seed, arguments.keep, arguments.plugin)
        tallies.append(fuzz(trial, numbers, _progress))
        print(_row(tallies[-1]), flush=True)
        for finding in tallies[-1].findings:
            print("  ", json.dumps(finding), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps([tally.report() for tally in tallies], indent=1), encoding="utf-8")
    return int(any(tally.findings for tally in tallies))


def _progress(tally: Tally) -> None:
    if sys.stderr.isatty():
        print(f"\r{tally.format} {tally.cases} {len(tally.findings)}", end="\r", file=sys.stderr)


def _row(tally: Tally) -> str:
    graphs, refused = (tally.outcomes[name] for name in FINE)
    cost = f"{tally.slowest:>7.2f}s {tally.memory / (1 << 20):>5.0f} MiB"
    return f"{tally.format:8} {tally.cases:>6} {graphs:>7} {refused:>8} {cost} {len(tally.findings):>9}"


if __name__ == "__main__":
    sys.exit(main())
