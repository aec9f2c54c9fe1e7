"""What TensorFlow says of itself while it starts is not printed; everything else is, and a user's setting stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PRINTS = """
import os, sys
os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\\n")
os.write(2, b"I0000 00:00:1795279769.167585    2652 port.cc:153] custom operations are on.\\n")
os.write(2, b"E0000 00:00:1795279769.167590    2652 driver.cc:1] the driver is too old\\n")
print("a warning of Python", file=sys.stderr)
SEEN = os.environ["TF_CPP_MIN_LOG_LEVEL"]
"""
IMPORTS = """
import sys
from snntk_keras.startup import imported
print("before", file=sys.stderr)
print(imported("chatty").SEEN)
print("after", file=sys.stderr)
"""


def printed(folder: Path, program: str, **environment: str) -> tuple[str, str]:
    (folder / "chatty.py").write_text(PRINTS)
    (folder / "broken.py").write_text(f"{PRINTS}\nraise ImportError('no library')\n")
    known = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    roots = [str(folder), *(path for path in sys.path if path)]
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**known, "PYTHONPATH": os.pathsep.join(roots), **environment},
        timeout=120,
        check=False,
    )
    return done.stdout, done.stderr


def test_lines_of_a_start_are_not_printed_and_all_others_are(tmp_path: Path) -> None:
    out, err = printed(tmp_path, IMPORTS)
    assert out == "3\n"
    lines = err.splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert sorted(lines[1:-1]) == [
        "E0000 00:00:1795279769.167590    2652 driver.cc:1] the driver is too old",
        "a warning of Python",
    ]


def test_a_setting_of_the_user_decides(tmp_path: Path) -> None:
    out, err = printed(tmp_path, IMPORTS, TF_CPP_MIN_LOG_LEVEL="0")
    assert out == "0\n"
    assert "custom operations are on" in err


def test_a_failing_import_tells_why(tmp_path: Path) -> None:
    _, err = printed(tmp_path, IMPORTS.replace('imported("chatty")', 'imported("broken")'))
    assert "a warning of Python" in err
    assert err.splitlines()[-1] == "ImportError: no library"


def test_a_closed_standard_error_is_no_obstacle(tmp_path: Path) -> None:
    program = "import os\nos.close(2)\n" + IMPORTS.replace('print("before", file=sys.stderr)', "").replace(
        'print("after", file=sys.stderr)', ""
    )
    (tmp_path / "plain").mkdir()
    out, _ = printed(tmp_path, program.replace('"chatty"', '"colorsys"').replace(".SEEN", ".ONE_THIRD"))
    assert float(out) == pytest.approx(1 / 3)


def test_evaluating_beside_tensorflow_prints_nothing(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="tensorflow is not installed")
    pytest.importorskip("keras", reason="keras is not installed")
    program = """
import numpy as np
from snntk_keras import KerasParser
from snntk_keras.examples import zip_file
parser = KerasParser()
print(parser.predict(parser.load(zip_file()), np.zeros((2, 8, 8, 2), np.float32)).shape[0])
"""
    assert printed(tmp_path, program) == ("2\n", "")
