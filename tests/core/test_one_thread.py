"""A library that ends the process in a second thread is kept to the first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from snntk_core import one_thread
from snntk_core.errors import SnntkError
from snntk_core.one_thread import keep_to_one_thread


@pytest.fixture
def other(monkeypatch):
    monkeypatch.setattr(one_thread, "_OWNERS", {})
    with ThreadPoolExecutor(1, thread_name_prefix="other") as pool:
        yield pool


def test_a_library_belongs_to_the_thread_that_asks_first(other):
    for _ in range(2):
        other.submit(keep_to_one_thread, "no_such_library").result()
    with pytest.raises(SnntkError, match="no_such_library belongs to the thread 'other_0'"):
        keep_to_one_thread("no_such_library")


def test_a_library_that_is_already_imported_belongs_to_the_main_thread(other):
    with pytest.raises(SnntkError, match="json belongs to the thread 'MainThread'"):
        other.submit(keep_to_one_thread, "json").result()
    keep_to_one_thread("json")
