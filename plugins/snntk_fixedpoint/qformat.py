"""The format Qm.f: a sign, m bits before the binary point and f behind it."""

from __future__ import annotations

import numpy as np

from snntk_core import NumberFormat

MOST = 24  # what a float32 holds exactly


def q_format(m: int, f: int, *, full_range: bool = False) -> NumberFormat:
    """Return Qm.f: steps of ``2^-f`` from ``-(2^m - 2^-f)`` to ``2^m - 2^-f``; ``full_range`` adds ``-2^m``."""
    return NumberFormat(1 + m + f, np.float32(2.0**-f), full_range=full_range)


def check_q(m: int, f: int) -> None:
    """Raise `ValueError` unless Qm.f has at least one bit beside its sign, and no more than a float32 holds."""
    if m < 0 or f < 0 or not 1 <= m + f <= MOST:
        raise ValueError(f"m and f are 0 or more, and together 1 to {MOST}, got Q{m}.{f}")
