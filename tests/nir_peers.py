"""Other simulators that read NIR, each as a function: a NIR graph and a sample in, what comes out in every step.

They are no dependency of snntk: what is not installed is skipped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

Run = Callable[[Any, np.ndarray, int], np.ndarray]
"""NIR graph, sample (*shape), steps -> (steps, *output)."""


def _stepped(network: Any, sample: np.ndarray, steps: int) -> np.ndarray:
    import torch

    state, outputs = None, []
    with torch.no_grad():
        for _ in range(steps):
            output, state = network(torch.from_numpy(sample), state)
            outputs.append(np.array(output))
    return np.stack(outputs)


def sinabs(graph: Any, sample: np.ndarray, steps: int) -> np.ndarray:
    """Sinabs, its neurons told to fire once in a step at most and to let potentials fall."""
    import torch

    loader = pytest.importorskip("sinabs.nir", reason="sinabs is not installed")
    activation = pytest.importorskip("sinabs.activation", reason="sinabs is not installed")
    network = loader.from_nir(graph, batch_size=1)
    for module in network.modules():
        if hasattr(module, "spike_fn"):
            module.spike_fn, module.min_v_mem = activation.SingleSpike, None
    with torch.no_grad():
        output = network(torch.from_numpy(np.repeat(sample[None], steps, axis=0)))
    return np.array(output[0] if isinstance(output, tuple) else output)


def norse(graph: Any, sample: np.ndarray, steps: int) -> np.ndarray:
    """Norse with steps of 1; its Flatten takes the samples of a batch together, so there is none."""
    library = pytest.importorskip("norse.torch", reason="norse is not installed")
    logging.getLogger().setLevel(logging.ERROR)
    return _stepped(library.from_nir(graph, dt=1.0), sample, steps)


def snntorch(graph: Any, sample: np.ndarray, steps: int) -> np.ndarray:
    """snnTorch, without the leak that it gives every IF, neurons keeping their state; its Flatten is as Norse's."""
    import torch

    loader = pytest.importorskip("snntorch.import_nir", reason="snntorch is not installed")
    import snntorch as library

    network = loader.import_from_nir(graph)
    for module in network.modules():
        if isinstance(module, library.Leaky):
            module.beta, module.init_hidden = torch.ones(()), True
    return _stepped(network, sample, steps)


def spikingjelly(graph: Any, sample: np.ndarray, steps: int) -> np.ndarray:
    """SpikingJelly with steps of 1, in batches of one."""
    path = "spikingjelly.activation_based.nir_exchange"
    exchange = pytest.importorskip(path, reason="spikingjelly is not installed")
    return _stepped(exchange.import_from_nir(graph, dt=1.0), sample[None], steps)[:, 0]


PEERS: Mapping[str, Run] = {"sinabs": sinabs, "norse": norse, "snnTorch": snntorch, "spikingjelly": spikingjelly}
