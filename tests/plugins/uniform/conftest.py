"""Where the outputs of cnn2snn lie, which were recorded outside the project."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def recorded() -> Path:
    if "SNNTK_SHARED" not in os.environ:
        pytest.skip("SNNTK_SHARED does not name the folder of recorded outputs")
    return Path(os.environ["SNNTK_SHARED"]) / "oracles" / "cnn2snn"
