"""Which rows of the weights spike: the events of a receptive field in every step, listed one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from snntk_event.kernels.pointers import as_int32
from snntk_event.kernels.terms import ENTRIES, SEGMENT_STARTS, SEGMENTS, STARTS, VIEW
from snntk_event.kernels.vectors import filled, load, store, sub, zeros

LISTED = 16  # entries that are copied at once


@njit(error_model="numpy")
def room_for_rows(terms: Any, positions: Any, images: Any, steps: Any) -> Any:
    """Return an array that holds the rows of every position and image: most of it is never touched."""
    most = 0
    for index in range(len(terms)):
        starts, segment_starts = as_int32(terms[index, STARTS]), as_int32(terms[index, SEGMENT_STARTS])
        segments = 0
        for position in range(positions):
            segments = max(segments, segment_starts[position + 1] - segment_starts[position])
        of_image, events = steps * (terms[index, VIEW] + 1), 0
        for image in range(images):
            events = max(events, starts[(image + 1) * of_image - 1] - starts[image * of_image])
        most += segments * events
    return np.empty(most + LISTED, np.int32)


@njit(error_model="numpy")
def list_rows(terms: Any, image: Any, position: Any, steps: Any, rows: Any, ends: Any) -> None:
    """List in ``rows`` the weight rows that spike for one position, all terms and steps.

    ``ends[term, step]``: the address where those of a step begin, which is where those of the step before end.
    """
    like = zeros(np.int32(0), LISTED)
    listed = np.int64(rows.ctypes.data)
    for index in range(len(terms)):
        segments, segment_starts = as_int32(terms[index, SEGMENTS]), as_int32(terms[index, SEGMENT_STARTS])
        begin, end = np.int64(segment_starts[position]), np.int64(segment_starts[position + 1])
        of_step = 4 * (terms[index, VIEW] + 1)
        starts = terms[index, STARTS] + image * steps * of_step
        ends[index, 0] = listed
        for step in range(steps):
            for segment in range(begin, end):
                first = np.int64(as_int32(starts)[segments[3 * segment]])
                last = np.int64(as_int32(starts)[segments[3 * segment + 1]])
                base = filled(segments[3 * segment + 2], like)
                entry, stop = terms[index, ENTRIES] + 4 * first, listed + 4 * (last - first)
                while listed < stop:
                    store(listed, sub(load(entry, like), base))
                    listed += 4 * LISTED
                    entry += 4 * LISTED
                listed = stop
            ends[index, step + 1] = listed
            starts += of_step
