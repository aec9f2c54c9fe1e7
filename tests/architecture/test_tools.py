"""The linter, the formatter's line length and the type checker have nothing to say."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("tool", [("ruff", "check"), ("mypy",)], ids=lambda tool: tool[0])
def test_tool_is_content(tool, root):
    pytest.importorskip(tool[0], reason=f"{tool[0]} is not installed")
    done = subprocess.run([sys.executable, "-m", *tool], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
