"""Tests of the event engine; those that run it need numba."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # the modules beside the tests can be imported by them
