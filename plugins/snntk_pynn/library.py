"""Brian2 below PyNN: imported late, with settings of our own while it is used, and left as it was found."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from snntk_core.errors import SnntkError

WANTED = {
    "codegen.target": "numpy",  # which needs no compiler, and is as fast on networks of this kind
    "core.stop_on_keyboard_interrupt": False,  # or an interrupted run ends as if it were done
}
_ONE_AT_A_TIME = threading.RLock()  # PyNN holds one network, and Brian2 runs one


@contextmanager
def brian2_settings() -> Iterator[None]:
    """Let other threads wait, and hold the settings."""
    with _ONE_AT_A_TIME, _settings():
        yield


@contextmanager
def _settings() -> Iterator[None]:
    """Hold preferences, default clock and log level of Brian2; all are restored afterwards.

    The default clock is among them because PyNN leaves sources of spikes to it, whatever its own clock is.
    """
    brian2 = imported_brian2()
    device, logger = brian2.get_device(), logging.getLogger("brian2")
    clock, level = device.defaultclock, logger.level
    before = {name: brian2.prefs[name] for name in WANTED}
    logger.setLevel(max(level, logging.WARNING))
    for name, value in WANTED.items():
        brian2.prefs[name] = value
    try:
        yield
    finally:
        for name, value in before.items():
            brian2.prefs[name] = value
        device.defaultclock = clock
        logger.setLevel(level)
        brian2.Network._globally_running = False  # what an interrupt leaves behind


def imported_brian2() -> Any:
    """Return Brian2; what its import changes of Python's errors, warnings and interrupts is changed back.

    Raises `SnntkError` where it is imported first by another thread than the main one, which it does not bear.
    """
    if "brian2" in sys.modules:
        return sys.modules["brian2"]
    uncaught, shown, written = sys.excepthook, warnings.showwarning, warnings.formatwarning
    if threading.current_thread() is not threading.main_thread():
        raise SnntkError("Brian2 can only be imported by the main thread. Import brian2 there first.")
    handler = signal.getsignal(signal.SIGINT)
    import brian2  # type: ignore[import-untyped]
    from brian2.utils.logger import BrianLogger  # type: ignore[import-untyped]

    sys.excepthook = uncaught
    logging.getLogger("py.warnings").removeHandler(BrianLogger.console_handler)
    if warnings.showwarning is not shown:
        logging.captureWarnings(False)
        warnings.showwarning, warnings.formatwarning = shown, written
    if handler is not None:
        signal.signal(signal.SIGINT, handler)
    return brian2
