"""The compiled loops.  These files import numba as they load, so they are imported only where a network is run."""
