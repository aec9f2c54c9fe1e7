"""A library that is installed but broken is told from a defect, and named."""

from __future__ import annotations

import importlib.machinery
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from snntk_core.errors import SnntkError
from snntk_core.failed_import import failed_import
from snntk_core.parser import guarded


@pytest.fixture
def install(tmp_path: Path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, text: str) -> str:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(text, encoding="utf-8")
        return name

    yield write
    for name in {path.name for path in tmp_path.iterdir()} & set(sys.modules):
        del sys.modules[name]


def said_of(name: str) -> str:
    with pytest.raises((ImportError, OSError, ValueError)) as caught:
        importlib.import_module(name)
    return failed_import(caught.value)


@pytest.mark.parametrize("error", ["ImportError", "OSError"])
def test_a_broken_library_is_named_with_its_words(install, error):
    said = said_of(install("broken_library", f"raise {error}('libm.so.9: no such file')"))
    assert said.startswith(f"broken_library is installed but cannot be imported ({error}: libm.so.9: no such file).")


def test_the_innermost_library_is_the_one_that_is_broken(install):
    install("broken_below", "import no_such_library")
    said = said_of(install("whole_above", "import broken_below"))
    assert said.startswith("broken_below is installed but cannot be imported (ModuleNotFoundError: No module named")


def test_a_parser_says_that_its_library_is_broken(install):
    name, parser = install("broken_library", "raise ImportError"), SimpleNamespace(name="toy")
    with pytest.raises(SnntkError, match=r"^The parser toy needs a library: broken_library is installed but cannot"):
        guarded(parser, importlib.import_module, name)


def test_a_shared_object_that_does_not_load_is_named(tmp_path, monkeypatch):
    (tmp_path / f"broken_object{importlib.machinery.EXTENSION_SUFFIXES[0]}").write_bytes(b"no library")
    monkeypatch.syspath_prepend(tmp_path)
    assert said_of("broken_object").startswith("broken_object is installed but cannot be imported (ImportError: ")


def test_other_errors_are_not_of_a_library(install):
    assert said_of("no_such_library") == ""
    assert said_of(install("wrong", "raise ValueError('a mistake')")) == ""
    with pytest.raises(FileNotFoundError) as caught:
        Path("no such file").read_bytes()
    assert failed_import(caught.value) == ""
    with pytest.raises(ImportError) as wrong_name:
        from snntk_core import no_such_name  # noqa: F401
    assert failed_import(wrong_name.value) == ""
