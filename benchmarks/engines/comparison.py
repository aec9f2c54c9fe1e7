"""Whether two engines gave the same: readout and spikes against those of the reference."""

from __future__ import annotations

from typing import Any

import numpy as np


def agreement(got: dict[str, Any] | None, expected: dict[str, Any] | None) -> dict[str, Any]:
    """Return how far outputs differ.

    ``scores``: the largest difference, relative to the largest score.  ``spikes``: the share by which the spikes of a
    layer of a sample differ, over all.  ``same``: in words.
    """
    if not got or not expected:
        return {"same": "not compared"}
    mine, reference = np.array(got["scores"]), np.array(expected["scores"])
    samples = min(len(mine), len(reference))
    scale = max(float(np.abs(reference).max()), 1e-12)
    off = float(np.abs(mine[:samples] - reference[:samples]).max() / scale)
    if got["spikes"] is None or expected["spikes"] is None:
        return {"scores": off, "same": f"scores to {off:.0e}"}
    spikes, wanted = (np.array(found["spikes"])[:, :samples] for found in (got, expected))
    share = float(np.abs(spikes - wanted).sum() / max(wanted.sum(), 1))
    same = "spikes equal" if share == 0 and off < 1e-5 else f"spikes to {share:.0e}, scores to {off:.0e}"
    return {"scores": off, "spikes": share, "same": same}
