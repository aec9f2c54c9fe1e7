"""A LeNet as a Lasagne user keeps it, trained on MNIST, from its files to spikes.

The trained weights are those that snn_toolbox was recorded on, turned into Lasagne's layout.
"""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

import snntk

SHARED = Path(os.environ.get("SNNTK_SHARED", "/nowhere"))
WEIGHTS = SHARED / "oracles" / "snntoolbox" / "lenet_weights.npz"
SCRIPT = """
import lasagne
from lasagne.layers import InputLayer, Conv2DLayer, Pool2DLayer, DenseLayer, batch_norm
from lasagne.nonlinearities import rectify, softmax

def build_network(input_var=None):
    net = InputLayer((None, 1, 28, 28), input_var)
    net = Conv2DLayer(net, 16, (5, 5), nonlinearity=rectify, W=lasagne.init.GlorotUniform())
    net = Pool2DLayer(net, (2, 2), mode='average_inc_pad')
    net = batch_norm(Conv2DLayer(net, num_filters=32, filter_size=3))
    net = Pool2DLayer(net, (2, 2), mode='average_inc_pad')
    net = DenseLayer(net, 64)
    net = DenseLayer(net, 10, nonlinearity=softmax)
    return {'model': net, 'val_fn': None}
"""


def filters(kernel):
    """Return a Keras kernel as Lasagne's, which is flipped before it meets the image."""
    return kernel.transpose(3, 2, 0, 1)[:, :, ::-1, ::-1]


def parameters():
    with np.load(WEIGHTS) as file:
        w = {name.removesuffix(":0"): file[name] for name in file.files}
    norm = {key: w[f"batch_normalization/{key}"] for key in ("gamma", "beta", "moving_mean", "moving_variance")}
    dense = w["dense/kernel"].reshape(5, 5, 32, 64).transpose(2, 0, 1, 3).reshape(800, 64)
    mean = norm["moving_mean"] - w["conv2d_1/bias"]  # batch_norm takes the bias away
    return [
        filters(w["conv2d/kernel"]), w["conv2d/bias"], filters(w["conv2d_1/kernel"]), norm["beta"], norm["gamma"],
        mean, 1 / np.sqrt(norm["moving_variance"] + 1e-3), dense, w["dense/bias"], w["dense_1/kernel"],
        w["dense_1/bias"],
    ]  # fmt: skip


def mnist(split, count):
    spec = importlib.util.spec_from_file_location("load", SHARED / "data" / "load.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    x, y = module.mnist(split)
    return (x[:count, None] / 255).astype(np.float32), y[:count].astype(int)


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="SNNTK_SHARED does not name a folder with oracles")
def test_accuracy_at_32_steps(tmp_path):
    (tmp_path / "lenet.py").write_text(SCRIPT)
    np.savez(tmp_path / "lenet.npz", *parameters())
    calibration, _ = mnist("train", 500)
    result = snntk.run(
        (tmp_path / "lenet.py", tmp_path / "lenet.npz"), mnist("test", 1000), calibration=calibration, steps=32
    )
    assert result.accuracy.analog > 0.98
    assert abs(result.accuracy.analog - result.accuracy.spiking[32]) <= 0.003
