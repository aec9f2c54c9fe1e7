"""Where the outputs of cnn2snn lie, which were recorded outside the project, and Keras, which some tests need."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture
def recorded() -> Path:
    if "SNNTK_SHARED" not in os.environ:
        pytest.skip("SNNTK_SHARED does not name the folder of recorded outputs")
    return Path(os.environ["SNNTK_SHARED"]) / "oracles" / "cnn2snn"


@pytest.fixture(scope="session")
def keras() -> ModuleType:
    pytest.importorskip("tensorflow", reason="tensorflow is not installed")
    library: ModuleType = pytest.importorskip("keras", minversion="3", reason="keras 3 is not installed")
    return library
