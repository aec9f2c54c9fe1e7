"""Small models that the compliance kit parses: files that are written when they are asked for."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

SCRIPT = """
import lasagne
from lasagne.layers import batch_norm, InputLayer, DenseLayer, ConcatLayer, dropout
from lasagne.layers import Conv2DLayer as ConvLayer, Pool2DLayer

def build_network(input_var=None):
    net = {}
    net["input"] = InputLayer((None, 2, 8, 8), input_var, name="image")
    net["a"] = batch_norm(ConvLayer(net["input"], 4, (3, 3), pad="same"))
    net["b"] = ConvLayer(net["input"], 2, 1, nonlinearity=None, flip_filters=False)
    net["joined"] = ConcatLayer([net["a"], net["b"]])
    net["pool"] = Pool2DLayer(net["joined"], 2, mode="average_inc_pad")
    net["output"] = DenseLayer(dropout(net["pool"], 0.3), 3, nonlinearity=lasagne.nonlinearities.softmax)
    return {"model": net["output"], "val_fn": None}
"""
SHAPES = ((4, 2, 3, 3), (4,), (4,), (4,), (4,), (2, 2, 1, 1), (2,), (96, 3), (3,))


def script_and_parameters() -> tuple[Path, Path]:
    """Return a script with branches and normalization, and its parameters as numpy.savez writes them."""
    random = np.random.default_rng(0)
    folder = Path(tempfile.mkdtemp(prefix="snntk-lasagne-"))
    (folder / "network.py").write_text(SCRIPT, encoding="utf-8")
    arrays = [random.normal(size=shape).astype(np.float32) for shape in SHAPES]
    arrays[4] = np.abs(arrays[4]) + np.float32(0.5)
    np.savez(folder / "model.npz", *arrays)
    return folder / "network.py", folder / "model.npz"


def parameters_alone() -> Path:
    """Return the parameters of two Dense layers."""
    random = np.random.default_rng(1)
    folder = Path(tempfile.mkdtemp(prefix="snntk-lasagne-"))
    arrays = [random.normal(size=shape).astype(np.float32) for shape in ((12, 8), (8,), (8, 3), (3,))]
    np.savez(folder / "model.npz", *arrays)
    return folder / "model.npz"
