"""The emulator's tests are skipped, with the reason, where its environment cannot be made."""

from __future__ import annotations

import os

import pytest

from snntk_loihi.environment import VARIABLE, interpreter


@pytest.fixture(scope="session")
def emulator() -> str:
    """The Python that has nengo-loihi, or skip."""
    found = interpreter()
    if found is None:
        reason = os.environ.get("SNNTK_LOIHI_PROBLEM", "nengo-loihi is not installed") or "nengo-loihi is not installed"
        pytest.skip(f"{reason}; {VARIABLE} names a Python that has nengo-loihi")
    return found
