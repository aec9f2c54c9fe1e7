"""Whether the calibration samples are fit for a plan, and what to note of them."""

from __future__ import annotations

import numpy as np

from snntk_core.data import Data
from snntk_core.errors import DataError
from snntk_core.plan import Plan

UNLIKE = 8  # times larger: calibration samples that were not prepared like the test samples


def check_calibration(plan: Plan, data: Data) -> list[str]:
    """Return what to note of the calibration samples; raises `DataError` when a step needs them and there are none."""
    if data.calibration is None and plan.needs_calibration:
        raise DataError(
            f"{', '.join(plan.needs_calibration)} needs calibration samples (--calibration, or x_norm in the data); "
            "take them from the training set, never from the test set."
        )
    if data.calibration is not None and not len(data.calibration):
        raise DataError("There are no calibration samples: the array is empty.")
    notes = []
    if data.overlap:
        notes.append(f"{data.overlap} calibration samples are also test samples, so the accuracy is too good.")
    if data.calibration is not None:
        sizes = [float(np.sqrt(np.square(array, dtype=np.float64).mean())) for array in (data.x, data.calibration)]
        if min(sizes) * UNLIKE < max(sizes):
            notes.append(
                f"The samples and the calibration samples are on different scales (root mean square {sizes[0]:.3g} and "
                f"{sizes[1]:.3g}); they should be prepared alike."
            )
    return notes
