"""Mutated files of every format through its parser: a few here, ``python benchmarks/fuzz --count 2000`` tries more."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the program reads Linux's /proc")
COUNT = int(os.environ.get("SNNTK_FUZZ", "60"))
NEEDS = {
    "onnx": ["onnx"], "keras": ["h5py"], "torch": ["torch"], "caffe": ["onnx", "h5py", "caffe2onnx"],
    "lasagne": ["h5py"], "nir": ["nir"], "snntk": ["h5py"],
}  # fmt: skip


def fuzz(tmp_path, *arguments):
    environment = {key: value for key, value in os.environ.items() if key != "SNNTK_SHARED"}
    command = [
        sys.executable,
        str(ROOT / "benchmarks" / "fuzz"),
        *map(str, arguments),
        "--json",
        str(tmp_path / "r.json"),
    ]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (tmp_path / "r.json").exists(), done.stdout + done.stderr
    (result,) = json.loads((tmp_path / "r.json").read_text())
    return done, result


@pytest.mark.parametrize("format", NEEDS)
def test_mutated_files_give_a_sentence_or_a_graph(tmp_path, format):
    missing = [name for name in NEEDS[format] if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")
    done, result = fuzz(tmp_path, format, "--count", COUNT)
    assert done.returncode == 0, done.stdout
    assert result["findings"] == []
    assert sum(result["outcomes"].values()) == COUNT
    assert result["outcomes"]["refused"] > COUNT // 4
    assert result["outcomes"]["graph"] > 0


FAULTS = [  # what is said of it, and of the message
    ("traceback", "KeyError: 'layer'"), ("traceback", "MemoryError"), ("hang", "killed"), ("crash", "ended with 3"),
    ("opens left.txt for writing here/left.txt was left behind", ""), ("unclear", "it is\nnot one line"),
    ("sound.faulty was changed", ""), ("os.system", ""),
]  # fmt: skip


def test_every_fault_of_a_parser_is_found(tmp_path):
    plugin = Path(__file__).with_name("faulty_plugin.py")
    done, result = fuzz(tmp_path, "faulty", "--plugin", plugin, "--count", 60, "--keep", "found")
    assert done.returncode == 1
    found = [(" ".join(finding["problems"]), finding["message"]) for finding in result["findings"]]
    unseen = [fault for fault in FAULTS if not any(fault[0] in said and fault[1] in words for said, words in found)]
    assert unseen == []
    assert not any("another kind" in words for _, words in found)
    assert result["outcomes"]["refused"] > 0
    assert result["outcomes"]["graph"] > 0
    number = next(finding["number"] for finding in result["findings"] if finding["problems"] == ["traceback"])
    assert (tmp_path / "found" / f"faulty-{number}" / "sound.faulty").exists()
    _, again = fuzz(tmp_path, "faulty", "--plugin", plugin, "--only", number)
    assert [finding["problems"] for finding in again["findings"]] == [["traceback"]]
