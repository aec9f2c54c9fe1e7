"""For every test: one BLAS thread in each worker, because threads of several workers would only wait for each other.

And no width of a terminal, which pytest-xdist hands to its workers: what the command prints is as wide everywhere.
"""

from __future__ import annotations

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.pop("COLUMNS", None)
