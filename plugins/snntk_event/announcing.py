"""What is said before loops are compiled: that it happens once on this machine, or in every process."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

LOG = logging.getLogger("snntk.event")


@cache
def announce() -> None:
    """Say, once in a process, that loops will be compiled where none are kept yet; the log's warnings go to stderr."""
    from snntk_event.kernels.unpack import pack

    kept = pack.stats.cache_path
    if kept is None:
        LOG.warning(
            "The event engine compiles its loops in every process, some ten seconds, because there is no folder that "
            "it can keep them in. Set NUMBA_CACHE_DIR to one."
        )
    elif not any(Path(kept).glob("*.nbi")):
        LOG.warning("The event engine compiles its loops, once on this machine. This takes some ten seconds.")
