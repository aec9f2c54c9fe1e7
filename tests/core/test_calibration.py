"""Calibration samples that cannot serve are refused, and those that look wrong are noted."""

from __future__ import annotations

import numpy as np
import pytest

from snntk_core.calibration import check_calibration
from snntk_core.data import Data
from snntk_core.errors import DataError
from snntk_core.plan import resolve
from snntk_core.recipe import Recipe
from snntk_core.registry import Registry


def test_calibration_on_another_scale_is_noted(registry: Registry) -> None:
    data = Data(np.ones((4, 3)), calibration=np.full((5, 3), 255.0))
    (note,) = check_calibration(resolve(Recipe(), registry), data)
    assert "on different scales (root mean square 1 and 255)" in note


def test_an_empty_calibration_is_refused(registry: Registry) -> None:
    with pytest.raises(DataError, match="no calibration samples"):
        check_calibration(resolve(Recipe(), registry), Data(np.ones((4, 3)), calibration=np.ones((0, 3))))
