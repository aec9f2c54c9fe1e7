"""Small NIR graphs that the compliance kit parses."""

from __future__ import annotations

from typing import Any

import numpy as np


def convolutional() -> Any:
    """Return a NIRGraph with convolutions, sums over windows, a branch, and neurons that reset by subtraction."""
    import nir

    random = np.random.default_rng(0)

    def conv(out: int, into: int, kernel: int, lengths: tuple[int, int], pad: int) -> Any:
        weight = random.normal(size=(out, into, kernel, kernel)).astype(np.float32)
        return nir.Conv2d(lengths, weight, 1, pad, 1, 1, random.normal(size=out).astype(np.float32))

    nodes = {
        "input": nir.Input(input_type={"input": np.array([2, 8, 8])}),
        "conv": conv(4, 2, 3, (8, 8), 1),
        "fire": _neurons(4, 8, 8),
        "pool": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "left": conv(3, 4, 3, (4, 4), 1),
        "right": conv(3, 4, 1, (4, 4), 0),
        "joined": _neurons(3, 4, 4, threshold=3.0),
        "flat": nir.Flatten(input_type={"input": np.array([3, 4, 4])}, start_dim=0, end_dim=-1),
        "dense": nir.Affine(random.normal(size=(5, 48)).astype(np.float32), random.normal(size=5).astype(np.float32)),
        "output": nir.Output(output_type={"output": np.array([5])}),
    }
    edges = [("input", "conv"), ("conv", "fire"), ("fire", "pool"), ("pool", "left"), ("pool", "right")]
    edges += [("left", "joined"), ("right", "joined"), ("joined", "flat"), ("flat", "dense"), ("dense", "output")]
    return nir.NIRGraph(nodes=nodes, edges=edges, metadata={"dt": 1.0})


def perceptron() -> Any:
    """Return a NIRGraph of two linear nodes with a layer of neurons between them."""
    import nir

    random = np.random.default_rng(1)
    nodes = {
        "input": nir.Input(input_type={"input": np.array([6])}),
        "first": nir.Linear(random.normal(size=(8, 6)).astype(np.float32)),
        "fire": _neurons(8, threshold=0.75),
        "last": nir.Linear(random.normal(size=(3, 8)).astype(np.float32)),
        "output": nir.Output(output_type={"output": np.array([3])}),
    }
    edges = [("input", "first"), ("first", "fire"), ("fire", "last"), ("last", "output")]
    return nir.NIRGraph(nodes=nodes, edges=edges, metadata={"dt": 1.0})


def _neurons(*shape: int, threshold: float = 1.0) -> Any:
    import nir

    ones = np.ones(shape, np.float32)
    metadata = {"reset": "subtract", "initial_potential": 0.0, "fires": "at"}
    return nir.IF(r=ones, v_threshold=ones * np.float32(threshold), v_reset=0 * ones, metadata=metadata)
