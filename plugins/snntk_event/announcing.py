"""What is said before loops are compiled: that it happens once on this machine, in every process, or not at all."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

from snntk_core.errors import SnntkError, said

LOG = logging.getLogger("snntk.event")


@cache
def announce() -> None:
    """Say, once in a process, that loops will be compiled where none are kept yet; the log's warnings go to stderr.

    Raises `SnntkError` for a numba that does not load, as after an upgrade of numpy, or that is told not to compile.
    """
    try:
        from numba import config

        from snntk_event.kernels.unpack import pack
    except ImportError as error:
        remedy = 'Run: pip install --upgrade "snntk[event]", or name the simulator numpy.'
        raise SnntkError(f"event: numba is installed and does not load ({said(error)}). {remedy}") from error
    if config.DISABLE_JIT:
        raise SnntkError("event: NUMBA_DISABLE_JIT keeps numba from compiling. Unset it, or name the simulator numpy.")
    kept = pack.stats.cache_path
    if kept is None:
        LOG.warning(
            "The event engine compiles its loops in every process, some ten seconds, because there is no folder that "
            "it can keep them in. Set NUMBA_CACHE_DIR to one."
        )
    elif not any(Path(kept).glob("*.nbi")):
        LOG.warning("The event engine compiles its loops, once on this machine. This takes some ten seconds.")
