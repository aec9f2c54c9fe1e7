"""What every simulator that steps by the clock refuses of a run."""

from __future__ import annotations

import numpy as np
import pytest

from snntk_core import Probes
from snntk_core.errors import DataError
from snntk_core.stepped import checked_run
from snntk_core.testing.spiking_graphs import exact_batch, perceptron


@pytest.mark.parametrize("duration", [0, -1, 0.5, float("nan"), float("inf"), "3", None, 3j, [3]])
def test_a_duration_that_is_no_number_of_steps_is_one_sentence(duration):
    graph = perceptron()
    with pytest.raises(DataError, match=r"^The duration is counted in steps, at least 1, got .*\.$"):
        checked_run(graph, exact_batch(graph), duration, Probes())


@pytest.mark.parametrize("duration", [3, 3.0, np.int64(3), np.float32(3)])
def test_any_whole_number_is_taken(duration):
    graph = perceptron()
    assert checked_run(graph, exact_batch(graph), duration, Probes())[1] == 3
