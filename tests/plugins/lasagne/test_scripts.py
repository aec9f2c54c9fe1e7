"""Architectures as people write them: scripts that are read and never run, and TOML specifications."""

import numpy as np
import pytest

from snntk_core import ParseError, evaluate
from snntk_core.ops import Relu
from snntk_lasagne import LasagneParser

PARSER = LasagneParser()
SHAPES = [(5, 1, 3, 3), (5,), (245, 8), (8,), (8, 3), (3,)]
STYLES = {
    "chain": """
from lasagne.layers import *
from lasagne.nonlinearities import softmax
def build_network():
    l = InputLayer(shape=(None, 1, 14, 14))
    l = Conv2DLayer(incoming=l, num_filters=5, filter_size=3, pad='same')
    l = MaxPool2DLayer(l, pool_size=(2, 2))
    l = DenseLayer(l, num_units=8)
    return DenseLayer(l, num_units=3, nonlinearity=softmax)
""",
    "dict, constants, theano": """
import os, sys, time
import numpy as np
import theano
import theano.tensor as T
import lasagne
SIZE, CLASSES = 28 // 2, 3
FILTERS = [5]
if __name__ == '__main__':
    os.system('touch ran')
def build_network(input_var=None, units=8):
    x = T.tensor4('x')
    net = {}
    net['in'] = lasagne.layers.InputLayer((None, 1, SIZE, SIZE), input_var=x)
    net['conv'] = lasagne.layers.Conv2DLayer(net['in'], FILTERS[0], (3, 3), pad=1,
        W=lasagne.init.GlorotUniform(gain='relu'), nonlinearity=lasagne.nonlinearities.rectify)
    net['pool'] = lasagne.layers.MaxPool2DLayer(net['conv'], 2)
    net['fc'] = lasagne.layers.DenseLayer(lasagne.layers.dropout(net['pool'], p=.5), num_units=units, name='hidden')
    net['out'] = lasagne.layers.DenseLayer(net['fc'], CLASSES, nonlinearity=lasagne.nonlinearities.softmax)
    prediction = lasagne.layers.get_output(net['out'], deterministic=True)
    params = lasagne.layers.get_all_params(net['out'], trainable=True)
    val_fn = theano.function([x], prediction)
    return {'model': net['out'], 'val_fn': val_fn}
""",
    "loops and functions": """
import lasagne.layers as L
from lasagne.nonlinearities import rectify, softmax
def block(net, filters, pool=True):
    net = L.Conv2DLayer(net, filters, 3, pad='same', nonlinearity=rectify)
    if pool:
        net = L.MaxPool2DLayer(net, 2)
    return net
def build_network():
    net = L.InputLayer((100, 1, 14, 14))
    for filters in (5,):
        net = block(net, filters=filters)
    for number, units in enumerate([8]):
        net = L.DenseLayer(net, units, name='fc' + str(number))
    return L.DenseLayer(net, 3, nonlinearity=softmax), None
""",
}
SPECIFICATION = """
[[layer]]
kind = "Input"
shape = [1, 14, 14]

[[layer]]
kind = "Conv2D"
name = "conv"
num_filters = 5
filter_size = [3, 3]
pad = "same"

[[layer]]
kind = "MaxPool2D"
pool_size = 2

[[layer]]
kind = "DenseLayer"
num_units = 8
nonlinearity = "rectify"

[[layer]]
kind = "Dense"
num_units = 3
nonlinearity = "softmax"
"""


@pytest.fixture(scope="module")
def arrays():
    random = np.random.default_rng(7)
    return [random.standard_normal(shape).astype(np.float32) for shape in SHAPES]


def output(source):
    model = PARSER.load(source)
    graph = PARSER.parse(model)
    x = np.random.default_rng(8).standard_normal((2, 1, 14, 14)).astype(np.float32)
    np.testing.assert_allclose(evaluate(graph, x), PARSER.predict(model, x), rtol=1e-4, atol=1e-6)
    return evaluate(graph, x)


@pytest.mark.parametrize("style", STYLES)
def test_styles_give_one_network(write, arrays, tmp_path, monkeypatch, style):
    monkeypatch.chdir(tmp_path)
    expected = output(write(SPECIFICATION, arrays, ".toml"))
    np.testing.assert_array_equal(output(write(STYLES[style], arrays)), expected)
    assert not (tmp_path / "ran").exists()


def test_specification_with_branches(write):
    text = """
layer = [
    { kind = "Input", name = "in", shape = [6] },
    { kind = "Dense", name = "a", num_units = 4, b = false, nonlinearity = { name = "leaky_rectify", number = 0.2 } },
    { kind = "Dense", name = "b", reads = "in", num_units = 4, nonlinearity = "linear" },
    { kind = "ElemwiseSum", name = "sum", reads = ["a", "b"], coeffs = [1.0, 0.5] },
    { kind = "BatchNorm", beta = false },
]
"""
    shapes = [(6, 4), (6, 4), (4,), (4,), (4,), (4,)]
    random = np.random.default_rng(3)
    source = write(text, [random.standard_normal(shape).astype(np.float32) for shape in shapes], ".toml")
    model = PARSER.load(source)
    x = random.standard_normal((3, 6)).astype(np.float32)
    np.testing.assert_allclose(evaluate(PARSER.parse(model), x), PARSER.predict(model, x), rtol=1e-4, atol=1e-5)


def test_another_function(write, arrays):
    source = write(STYLES["chain"].replace("build_network", "build_cnn"), arrays)
    with pytest.raises(ParseError, match=r"no function build_network.*build_cnn"):
        PARSER.load(source)
    assert LasagneParser(function="build_cnn").load(source).layers


def test_parameters_alone(tmp_path):
    random = np.random.default_rng(5)
    values = [random.standard_normal(shape).astype(np.float32) for shape in ((6, 4), (4,), (4, 4), (4, 2), (2,))]
    np.savez(tmp_path / "p.npz", *values)
    graph = PARSER.parse(PARSER.load(tmp_path / "p.npz"))
    assert sum(isinstance(node.op, Relu) for node in graph) == 2
    x = random.standard_normal((3, 6)).astype(np.float32)
    hidden = np.maximum(np.maximum(x @ values[0] + values[1], 0) @ values[2], 0)
    np.testing.assert_allclose(evaluate(graph, x), hidden @ values[3] + values[4], rtol=1e-5, atol=1e-6)


def body(*lines):
    text = "from lasagne.layers import *\nimport lasagne\nimport theano.tensor as T\n"
    return text + "def build_network(flag):\n    l = InputLayer((None, 6))\n" + "".join(f"    {x}\n" for x in lines)


REFUSED = {
    "unknown layer": (body("return LSTMLayer(l, 4)", ""), ["LSTMLayer", "line 6"]),
    "normalization": (body("return StandardizationLayer(l)"), ["StandardizationLayer"]),
    "unknown option": (body("return DenseLayer(l, 4, leaves=3)"), ["leaves", "line 6"]),
    "missing option": (body("return DenseLayer(l)"), ["num_units"]),
    "own nonlinearity": (body("return DenseLayer(l, 4, nonlinearity=lambda x: x ** 2)"), ["nonlinearity"]),
    "shared weights": (body("a = DenseLayer(l, 6)", "return DenseLayer(a, 6, W=a.W)"), ["shared"]),
    "unknown size": (body("return DenseLayer(l, T.iscalar())"), ["num_units", "--trust"]),
    "unknown condition": (body("if flag:", "    l = DenseLayer(l, 4)", "return l"), ["flag", "line 6", "--trust"]),
    "endless": (body("for a in range(9999):", "  for b in range(9999):", "    c = a", "return l"), ["goes on"]),
    "recursion": (body("return build_network(l)"), ["cannot be followed"]),
    "while": (body("while True:", "    pass", "return l"), ["while", "--trust"]),
    "returns nothing": (body("print(l)"), ["returns no layer"]),
    "joined batch": (body("return DenseLayer(ConcatLayer([l, l], axis=0), 4)"), ["batch"]),
    "no layer": (body("return DenseLayer((None, 3), 4)"), ["not a layer"]),
    "count": (body("return DenseLayer(DenseLayer(l, 4), 3)"), ["4 parameters", "2 arrays"]),
    "shape": (body("return DenseLayer(l, 5)"), ["(6, 5)", "(6, 4)", "dense_1"]),
    "even same": (body("return Conv2DLayer(l, 4, 2, pad='same')"), ["conv2d_1"]),
    "syntax": ("def build_network(:\n", ["line 1", "not Python"]),
    "doubling": (body("s = [1]", *["s = s + s"] * 60, "return l"), ["absurdly long"]),
    "long mode": (
        body("l = ReshapeLayer(l, ([0], 1, 6))", f"return DenseLayer(Pool1DLayer(l, 2, mode={'a' * 9999!r}), 4)"),
        ["the mode"],
    ),
    "power": (body("return DenseLayer(l, 9 ** 9 ** 9 ** 9)"), ["num_units"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(write, name):
    text, words = REFUSED[name]
    source = write(text, [np.zeros((6, 4), np.float32), np.zeros(4, np.float32)])
    with pytest.raises(ParseError) as caught:
        PARSER.parse(PARSER.load(source))
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert len(message) < 2000
    assert [word for word in words if word not in message] == []


SPECIFICATIONS = {
    "not toml": ("layer = [", ["not TOML"]),
    "no layers": ("[network]\nname = 'a'", ["[[layer]]", "network"]),
    "no kind": ("[[layer]]\nname = 'a'", ["kind", "layer 1"]),
    "no input": ("[[layer]]\nkind = 'Dense'\nnum_units = 3", ["Input", "layer 1"]),
    "misspelt": ("[[layer]]\nkind = 'Input'\nshape = [6]\n[[layer]]\nkind = 'Dens'\n", ["DenseLayer", "layer 2"]),
    "unknown name": ("[[layer]]\nkind='Input'\nshape=[6]\n[[layer]]\nkind='Flatten'\nreads='x'", ["'x'", "layer 2"]),
    "empty shape": ("[[layer]]\nkind = 'Input'\nshape = [0]", ["input_1"]),
}


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_specifications_refused_by_name(write, name):
    text, words = SPECIFICATIONS[name]
    with pytest.raises(ParseError) as caught:
        PARSER.parse(PARSER.load(write(text, [], ".toml")))
    message = str(caught.value)
    assert message.endswith(".")
    assert [word for word in words if word not in message] == []
