"""For every test: one BLAS thread in each worker, because threads of several workers would only wait for each other.

And no width of a terminal, which pytest-xdist hands to its workers: what the command prints is as wide everywhere.
"""

from __future__ import annotations

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.pop("COLUMNS", None)


def pytest_collection_modifyitems(config, items):
    """Make the environment of nengo-loihi, which cannot share this one, where a test needs it."""
    cache = getattr(config, "cache", None)
    if cache is not None and any("loihi" in item.nodeid for item in items):
        from loihi_environment import provide

        provide(cache.mkdir("loihi"))


def pytest_terminal_summary(terminalreporter, config):
    """Say where nengo-loihi was run, or why not."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    cache = getattr(config, "cache", None)
    if cache is not None and any("loihi" in getattr(report, "nodeid", "") for report in reports):
        from loihi_environment import place

        terminalreporter.write_line(place(cache.mkdir("loihi")))
