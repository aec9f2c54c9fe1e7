"""Brian2 itself: imported late, used with settings of our own, and left as it was found."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

FLAGS = "codegen.cpp.extra_compile_args_gcc"
MAKE = "devices.cpp_standalone.extra_make_args_unix"


@contextmanager
def settings(target: str) -> Iterator[Any]:
    """Give Brian2 with ``target`` for its generated code; its preferences, device and messages are restored
    afterwards.

    Only its warnings and errors are shown meanwhile.  An interrupt raises `KeyboardInterrupt` at once; left to itself
    Brian2 would end the run and give what there is as if it were everything.
    """
    brian2 = _imported()
    from brian2.devices.device import (  # type: ignore[import-untyped]
        get_device,
        reset_device,
        runtime_device,
        set_device,
    )

    # with -ffast-math sums are made in another order, and a process that loads such code rounds differently
    flags = [flag for flag in brian2.prefs[FLAGS] if flag != "-ffast-math"]
    wanted = {
        FLAGS: flags,
        MAKE: [f"-j{os.cpu_count() or 1}"],
        "codegen.target": target,
        "codegen.string_expression_target": "numpy",
        "core.default_float_dtype": brian2.float64,
        "core.stop_on_keyboard_interrupt": False,
    }
    before = {name: brian2.prefs[name] for name in wanted}
    logger = logging.getLogger("brian2")
    level = logger.level
    logger.setLevel(max(level, logging.WARNING))
    elsewhere = get_device() is not runtime_device  # somebody writes a program of their own
    try:
        for name, value in wanted.items():
            brian2.prefs[name] = value
        if elsewhere:
            set_device(runtime_device)
        yield brian2
    finally:
        if elsewhere:
            reset_device()
        for name, value in before.items():
            brian2.prefs[name] = value
        logger.setLevel(level)
        brian2.Network._globally_running = False  # a run that was interrupted leaves it set


def _imported() -> Any:
    """Return Brian2.  Importing it takes over interrupts, warnings and uncaught errors: they are given back."""
    if "brian2" in sys.modules:
        return sys.modules["brian2"]
    hook, show, format_warning = sys.excepthook, warnings.showwarning, warnings.formatwarning
    on_main_thread = threading.current_thread() is threading.main_thread()
    interrupt = signal.getsignal(signal.SIGINT)
    import brian2  # type: ignore[import-untyped]
    from brian2.utils.logger import BrianLogger  # type: ignore[import-untyped]

    if warnings.showwarning is not show:
        logging.captureWarnings(False)
        warnings.showwarning, warnings.formatwarning = show, format_warning
    logging.getLogger("py.warnings").removeHandler(BrianLogger.console_handler)
    sys.excepthook = hook
    if on_main_thread and interrupt is not None:
        signal.signal(signal.SIGINT, interrupt)
    return brian2
