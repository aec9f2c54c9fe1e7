"""Every entry of the manifest, handed over as a user would: it ends as the manifest says, and the table shows it."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

for library in ("h5py", "nir", "onnxruntime", "torch", "caffe2onnx"):
    pytest.importorskip(library, reason=f"{library} is not installed")

SPEC = importlib.util.spec_from_file_location("manifest", Path(__file__).parents[2] / "benchmarks" / "manifest.py")
assert SPEC is not None
assert SPEC.loader is not None
manifest = importlib.util.module_from_spec(SPEC)
sys.modules["manifest"] = manifest  # where its dataclass looks for itself
SPEC.loader.exec_module(manifest)

SHARED = Path(os.environ.get("SNNTK_SHARED", "no-such-folder"))
if not (SHARED / "models" / "manifest.json").is_file():
    pytest.skip("SNNTK_SHARED does not name a folder with models/manifest.json", allow_module_level=True)

ENTRIES = manifest.entries(SHARED)
NAMED = {  # of those that no other test refuses by name
    "tfl-mlperf-kws-float": ["No parser reads", "kws_ref_model_float32.tflite", "onnx reads .onnx"],
    "nir-sinabs-scnn": ["scnn_mnist.nir, the node '1' (IF)", 'reset = "subtract"'],
}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["slug"])
def test_an_entry_ends_as_the_manifest_says(entry):
    outcome = manifest.outcome_of(entry)
    assert outcome.as_expected, outcome
    assert all(word in outcome.sentence for word in NAMED.get(entry["slug"], []))


def test_the_table_has_a_row_for_each():
    assert len(ENTRIES) == len({entry["slug"] for entry in ENTRIES}) == 76
    known = ("a", "onnx", "converts", 0.5)
    outcomes = [
        manifest.Outcome(*known, error=3e-7),
        manifest.Outcome(*known, error=0.2),
        manifest.Outcome(*known, sentence="It is damaged.", exit_code=1),
        manifest.Outcome("b", "tflite", "rejected with clear error: x", 0.1, sentence="No parser.", exit_code=1),
        manifest.Outcome("c", "tflite", "rejected with clear error: x", 0.1, sentence="Two\nlines.", exit_code=1),
        manifest.Outcome("d", "nir", "n/a (import or clear error)", 0.1),
    ]
    assert [outcome.as_expected for outcome in outcomes] == [True, False, False, True, False, True]
    lines = list(manifest.table(outcomes, Path("models")))
    assert len(lines) == 1 + len(outcomes)
    assert ["NOT AS EXPECTED" in line for line in lines[1:]] == [not outcome.as_expected for outcome in outcomes]
