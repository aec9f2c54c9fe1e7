"""The limit on BLAS threads holds while any block relies on it, and goes with the last one."""

from __future__ import annotations

import pytest

from snntk_core.blas import one_blas_thread

threadpoolctl = pytest.importorskip("threadpoolctl", reason="threadpoolctl is not installed")


def threads() -> set[int]:
    """Threads of numpy's own BLAS; others may be loaded at any time and compute nothing for snntk."""
    found = [library for library in threadpoolctl.threadpool_info() if "numpy" in library["filepath"]]
    return {library["num_threads"] for library in found if library["user_api"] == "blas"}


def test_the_limit_goes_when_the_last_of_overlapping_blocks_ends() -> None:
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = threads()
        if not before:
            pytest.skip("numpy brings no BLAS of its own here")
        first, second = one_blas_thread(), one_blas_thread()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert threads() == {1}
        second.__exit__(None, None, None)
        assert threads() == before
