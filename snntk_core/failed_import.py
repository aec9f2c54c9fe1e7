"""Telling a library that is installed but broken from a defect."""

from __future__ import annotations

from traceback import walk_tb

from snntk_core.errors import said

IMPORTING = ("importlib", "_frozen_importlib", "_frozen_importlib_external")


def failed_import(error: BaseException) -> str:
    """Return what to say of an error that a library raised while it was imported, empty for any other error.

    The library is the innermost one that was being imported by something else than itself.
    """
    if not isinstance(error, ImportError | OSError):
        return ""
    library, before = "", ""
    for frame, _ in walk_tb(error.__traceback__):
        package = _package(frame.f_globals.get("__name__"))
        if package in IMPORTING:
            continue
        if frame.f_code.co_name == "<module>" and package != before:
            library = package
        before = package
    if isinstance(error, ImportError) and error.path:  # a shared object, or a module without the name that is wanted
        library = library or _package(error.name)
    if not library or library.startswith("snntk"):
        return ""
    return f"{library} is installed but cannot be imported ({said(error)}). Reinstall it, or what it needs."


def _package(name: str | None) -> str:
    return (name or "").partition(".")[0]
