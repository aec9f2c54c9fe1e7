"""How close the spiking networks of strangers' models stay.

    python benchmarks/accuracy.py [--samples N] [--steps T] [--json FILE] [MODEL...]

Needs the models and data sets that SNNTK_SHARED names.  Calibration: 500 training images drawn with seed 7.  Prints a
row for each model and, with ``--json FILE``, writes the reports.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "end_to_end"))

import strangers

import snntk

CALIBRATION = 500


def main() -> None:
    """Run every model and print its accuracies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=10_000, help="test images")
    parser.add_argument("--steps", type=int, default=128, help="steps of simulation")
    parser.add_argument("--json", type=Path, help="write the reports here")
    parser.add_argument("models", nargs="*", default=list(strangers.STRANGERS), help="some of the models")
    arguments = parser.parse_args()
    reports = {}
    for name in arguments.models:
        stranger = strangers.STRANGERS[name]
        x, y = strangers.samples(stranger, "test", arguments.samples)
        calibration, _ = strangers.samples(stranger, "train", CALIBRATION)
        result = snntk.run(strangers.model(stranger), (x, y), calibration=calibration, steps=arguments.steps)
        accuracy = result.accuracy
        spiking = "  ".join(f"T={t} {100 * share:.2f}" for t, share in (accuracy.spiking or {}).items())
        analog = f"{accuracy.samples} samples, ANN {100 * (accuracy.analog or 0):.2f}"
        print(f"{name}: {analog}  {spiking}  ({result.seconds:.0f} s)", flush=True)
        reports[name] = result.report()
    if arguments.json:
        arguments.json.write_text(json.dumps(reports, indent=1))


if __name__ == "__main__":
    main()
