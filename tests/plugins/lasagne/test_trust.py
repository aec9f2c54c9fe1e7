"""Scripts that are run on the user's word, with stand-ins for Lasagne and Theano."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from snntk.cli.main import main
from snntk_core import ParseError, evaluate
from snntk_core.artifact import save_graph
from snntk_lasagne import LasagneParser

SHARED = Path(os.environ.get("SNNTK_SHARED", "/nowhere"))
ORACLE = SHARED / "oracles" / "lasagne"
needs_shared = pytest.mark.skipif(not ORACLE.is_dir(), reason="SNNTK_SHARED does not name a folder with oracles")
READER, RUNNER = LasagneParser(), LasagneParser(trust=True)
TRUST = "if you trust the script, --trust runs it"
RANDOM_SHAPES = [(4, 1, 3, 3), (4,), (6, 4, 3, 3), (6,), (6,), (6,), (6,), (6, 3), (3,)]

HEAD = """
import os, sys
import numpy as np
import theano
import theano.tensor as T
import lasagne
from lasagne.layers import *
from lasagne.nonlinearities import softmax, rectify, LeakyRectify
"""
TYPICAL = (
    HEAD
    + """
from lasagne.layers import Conv2DLayer as ConvLayer
from lasagne.regularization import regularize_layer_params, l2
import theano.sandbox.cuda.dnn

class Config(object):
    sizes = [4, 6]

def block(net, config, *, activation=rectify):
    while True:
        filters = config.sizes[len(lasagne.layers.get_all_layers(net)) > 1]
        break
    assert net.output_shape[2] > 2 and isinstance(net, lasagne.layers.Layer)
    try:
        return ConvLayer(net, filters, 3, nonlinearity=activation)
    finally:
        print("a block of", filters, "on", net.output_shape, "%s" % net.W)

def build_network(input_var, seed=1):
    np.random.seed(seed)
    lasagne.random.set_rng(np.random.RandomState(seed))
    x, y = T.tensor4('x'), T.ivector('y')
    net = InputLayer((None, 1, 8, 8), input_var=x)
    assert not isinstance(net, DenseLayer)
    net = block(net, Config())
    net = batch_norm(block(net, Config(), activation=LeakyRectify(np.float32(0.25))))
    net = GlobalPoolLayer(net, pool_function=T.max)
    net = DenseLayer(dropout(net, p=.5), num_units=len([c for c in 'abc']), nonlinearity=softmax, name='classes')
    test = get_output(net, deterministic=True)
    loss = lasagne.objectives.categorical_crossentropy(test, y).mean() + 1e-4 * regularize_layer_params(net, l2)
    accuracy = T.mean(T.eq(T.argmax(test, axis=1), y), dtype=theano.config.floatX)
    rate = theano.shared(np.array(0.1, dtype=theano.config.floatX))
    updates = lasagne.updates.nesterov_momentum(loss, get_all_params(net, trainable=True), rate, momentum=0.9)
    updates[rate] = rate * np.float32(0.95) - 1
    train_fn = theano.function([x, y], loss, updates=updates, givens={x: x[:4]}, allow_input_downcast=True)
    val_fn = theano.function([x, y], [loss, accuracy])
    val_fn(np.zeros((1, 1, 8, 8)), [0])
    lasagne.layers.set_all_param_values(net, [np.zeros(3)])
    return {'model': net, 'val_fn': val_fn, 'train_fn': train_fn}

if __name__ == '__main__':
    sys.exit('trained')
"""
)
PLAIN = """
from lasagne.layers import *
from lasagne.nonlinearities import *
def build_network():
    l = InputLayer((None, 1, 8, 8))
    l = Conv2DLayer(Conv2DLayer(l, 4, 3), 6, 3, b=None, nonlinearity=None)
    l = NonlinearityLayer(BatchNormLayer(l), LeakyRectify(0.25))
    return DenseLayer(GlobalPoolLayer(l, 'max'), 3, nonlinearity=softmax, name='classes')
"""


@pytest.fixture
def parameters():
    random = np.random.default_rng(5)
    return [random.uniform(0.2, 1, shape).astype(np.float32) for shape in RANDOM_SHAPES]


def described(model):
    """What both readers must say alike."""
    return [(layer.name, layer.kind, dict(layer.options), layer.inputs, list(layer.arrays)) for layer in model.layers]


def refused(parser, source):
    with pytest.raises(ParseError) as caught:
        parser.parse(parser.load(source))
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_what_only_running_tells(write, parameters, tmp_path):
    """Conditions, comprehensions, while, try, assert, classes, Theano's functions: run, they give the plain network."""
    plain = READER.parse(READER.load(write(PLAIN, parameters)))
    source = write(TYPICAL, parameters)
    assert TRUST in refused(READER, source)
    graph = RUNNER.parse(RUNNER.load(source))
    x = np.random.default_rng(6).standard_normal((3, 1, 8, 8))
    np.testing.assert_array_equal(evaluate(graph, x), evaluate(plain, x))
    assert evaluate(graph, x).any()
    assert "classes" in [node.name for node in graph]


@pytest.mark.parametrize("lines", [
    ["l = InputLayer(shape=(None, 2, 9, 9), name='in')", "a = Conv2DLayer(l, 3, (3, 1), stride=2, pad='full')",
     "b = Conv2DLayer(l, 3, (3, 1), stride=(2, 2), pad='full', flip_filters=False, b=None)",
     "l = ElemwiseSumLayer([a, b], coeffs=[1, 0.5])", "l = batch_norm(l)", "l = ConcatLayer((l, a), axis=1)",
     "l = Pool2DLayer(l, 2, mode='average_inc_pad', ignore_border=False)", "return l, a"],
    ["l = InputLayer((8, 12))", "l = ReshapeLayer(l, ([0], 3, -1))", "l = DimshuffleLayer(l, (0, 2, 1))",
     "l = Conv1DLayer(l, 2, 3, nonlinearity=lasagne.nonlinearities.elu)", "l = MaxPool1DLayer(l, 2)",
     "l = FlattenLayer(l)", "l = GaussianNoiseLayer(l)",
     "l = DenseLayer(l, 4, lasagne.init.GlorotUniform('relu'), lasagne.init.Constant(0.), theano.tensor.tanh)",
     "return {'model': NonlinearityLayer(l, nonlinearity=lasagne.nonlinearities.very_leaky_rectify)}"],
    ["l = InputLayer((None, 3, 8, 8))", "l = dnn.Conv2DDNNLayer(l, 4, 3, untie_biases=True)",
     "l = dnn.BatchNormDNNLayer(l, gamma=None)", "return DenseLayer(l, num_units=2, b=None, nonlinearity=None)"],
])  # fmt: skip
def test_running_says_what_reading_says(write, lines):
    text = f"{HEAD}from lasagne.layers import dnn\ndef build_network():\n" + "".join(f"    {line}\n" for line in lines)
    from snntk_lasagne.layers import all_layers
    from snntk_lasagne.running import run_script
    from snntk_lasagne.script import read_script

    path, _ = write(text.replace("theano.tensor.tanh", "lasagne.nonlinearities.tanh"), [])
    calls = [
        all_layers(found)
        for found in (read_script(path.read_text(), "build_network"), run_script(path, "build_network"))
    ]
    read, run = ([(c.kind, c.options, c.place, [found.index(i) for i in c.incoming]) for c in found] for found in calls)
    assert run == read
    assert len(run) > 3


@needs_shared
def test_oracle():
    model = RUNNER.load((ORACLE / "model_script.py", ORACLE / "lasagne_params.npz"))
    with np.load(ORACLE / "lasagne_io.npz") as io:
        x, y = io["x"], io["y"]
    assert np.abs(evaluate(RUNNER.parse(model), x) - y).max() <= 1e-6 * np.abs(y).max()
    assert described(model) == described(READER.load((ORACLE / "model_script.py", ORACLE / "lasagne_params.npz")))


def test_shapes_that_a_script_asks_for(write):
    lines = [
        "l = InputLayer((None, 2, 9, 9))", "seen = [l.output_shape]",
        "for make in (lambda l: Conv2DLayer(l, 4, 3, stride=2, pad='same'), lambda l: ConcatLayer([l, l]),"
        " lambda l: MaxPool2DLayer(l, 2, ignore_border=False), lambda l: DimshuffleLayer(l, (0, 2, 3, 1)),"
        " lambda l: ReshapeLayer(l, ([0], 9, -1)), lambda l: FlattenLayer(l),"
        " lambda l: batch_norm(DenseLayer(l, 7)), lambda l: ElemwiseSumLayer([l, l])):",
        "    l = make(l)", "    seen.append(get_output_shape(l))",
        "    assert l.input_shapes[0] == seen[-2] or len(seen) == 8",
        "l.name = str(seen)", "return l",
    ]  # fmt: skip
    from snntk_lasagne.running import run_script

    path, _ = write(f"{HEAD}def build_network():\n" + "".join(f"    {line}\n" for line in lines), [])
    shapes = [(2, 9, 9), (4, 5, 5), (8, 5, 5), (8, 3, 3), (3, 3, 8), (9, 8), (72,), (7,), (7,)]
    assert run_script(path, "build_network").options["name"] == str([(None, *shape) for shape in shapes])


def body(*lines):
    return f"{HEAD}def build_network(x):\n    l = InputLayer((None, 6), x)\n" + "".join(f"    {x}\n" for x in lines)


FAILING = {
    "raises": (body("print('hello')", "1 / 0"), ["line 12", "ZeroDivisionError: division by zero"]),
    "raises in a helper": (body("np.zeros(-1)"), ["line 11", "ValueError"]),
    "raises lines": (body("raise ValueError('one\\ntwo')"), ["line 11", "one two"]),
    "exits": (body("sys.exit(3)"), ["line 11", "sys.exit"]),
    "exits on import": ("import sys\nsys.exit()\n", ["line 2", "sys.exit"]),
    "raises what nobody catches": (body("class E(BaseException): pass", "raise E()"), ["line 12", "E"]),
    "junk": (body("return 3"), ["returns no layer"]),
    "a symbol": (body("return get_output(l)"), ["returns no layer"]),
    "nothing": (body("print(l)"), ["returns no layer"]),
    "a strange dict": (body("return {'net': l}"), ["returns no layer"]),
    "itself": (body("a = []", "a.append(a)", "return a"), ["RecursionError"]),
    "deep": (body("return build_network(l)"), ["RecursionError"]),
    "unknown layer": (body("return LSTMLayer(l, 4)"), ["LSTMLayer", "line 11"]),
    "caught": (body("try:", "    l = LSTMLayer(l, 4)", "except Exception:", "    pass", "return l"), ["LSTMLayer"]),
    "own layer": (
        body("class Mine(lasagne.layers.DenseLayer):", "    pass", "return Mine(l, 4)"),
        ["the layer Mine", "line 13", "class of the script"],
    ),
    "own nonlinearity": (body("return DenseLayer(l, 4, nonlinearity=lambda x: x ** 2)"), ["nonlinearity", "line 11"]),
    "own nonlinearity by place": (body("l = DenseLayer(l, 4)", "return NonlinearityLayer(l, abs)"), ["nonlinearity"]),
    "shared weights": (body("a = DenseLayer(l, 6)", "return DenseLayer(a, 6, W=a.W)"), ["shared"]),
    "unknown size": (body("return DenseLayer(l, T.iscalar())"), ["num_units"]),
    "unknown condition": (body("if T.gt(x, 0):", "    pass", "return l"), ["theano.tensor.gt", "line 11"]),
    "unknown loop": (body("for p in theano.scan(x):", "    pass", "return l"), ["theano.scan"]),
    "by type": (body("return l if type(l) == DenseLayer else None"), ["DenseLayer", "line 11"]),
    "changes a layer": (body("l.shape = (None, 9)", "return l"), ["sets shape of a InputLayer"]),
    "no function": (f"{HEAD}def build_cnn(): pass\n", ["build_cnn", "--set lasagne.function=NAME"]),
    "not Python": ("def build_network(:\n", ["line 1", "not Python"]),
    "null": ("x = '\0'\n", ["not Python"]),
    "another library": ("import nobody_has_this\n", ["line 1", "nobody_has_this"]),
    "count": (body("return DenseLayer(DenseLayer(l, 4), 3)"), ["4 parameters", "2 arrays"]),
    "either": (
        "try:\n    from lasagne.layers.dnn import Conv2DDNNLayer as Conv\nexcept ImportError:\n"
        "    from lasagne.layers import Conv2DLayer as Conv\nfrom lasagne.layers import InputLayer\n"
        "def build_network(): return Conv(InputLayer((None, 1, 4, 4)), 3, 3)\n",
        ["flip_filters=True or False", "line 6"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILING)
def test_scripts_that_fail_give_one_sentence(write, capfd, name):
    text, words = FAILING[name]
    message = refused(RUNNER, write(text, [np.zeros((6, 4), np.float32), np.zeros(4, np.float32)]))
    assert [word for word in words if word not in message] == []
    assert TRUST not in message
    assert capfd.readouterr() == ("", "")


PAYLOAD = HEAD + "open('made', 'w').close()\ndef build_network():\n    return DenseLayer(InputLayer((None, 6)), 4)\n"
WEIGHTS = [np.ones((6, 4), np.float32), np.zeros(4, np.float32)]


def test_nothing_runs_without_trust(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = write(PAYLOAD, WEIGHTS)
    assert len(READER.parse(READER.load(source))) == 3
    assert not (tmp_path / "made").exists()
    assert len(RUNNER.parse(RUNNER.load(source))) == 3
    assert (tmp_path / "made").exists()


def test_a_script_leaves_everything_as_it_was(write, tmp_path, monkeypatch):
    (tmp_path / "beside.py").write_text("import lasagne\nUNITS = 4\n")
    (tmp_path / "elsewhere").mkdir()
    own = sys.modules["lasagne"] = type(sys)("lasagne")
    monkeypatch.delitem(sys.modules, "theano", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    text = body("from beside import UNITS", "os.chdir('elsewhere')", "np.random.seed(0)", "sys.setrecursionlimit(9999)",
                "sys.argv.append('x')", "sys.path.append('x')", "return DenseLayer(l, UNITS)")  # fmt: skip
    monkeypatch.chdir(tmp_path)
    state = np.random.get_state()[1].copy()
    before = (list(sys.modules), sys.path[:], sys.argv[:], sys.meta_path[:], Path.cwd(), sys.getrecursionlimit())
    try:
        RUNNER.load(write(text, WEIGHTS))
        after = (list(sys.modules), sys.path[:], sys.argv[:], sys.meta_path[:], Path.cwd(), sys.getrecursionlimit())
        assert sorted(after[0]) == sorted(before[0])
        assert after[1:] == before[1:]
        assert sys.modules["lasagne"] is own
    finally:
        del sys.modules["lasagne"]
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["beside.py", "elsewhere", "model.npz", "net.py"]


def test_a_layer_renamed_and_another_nonlinearity(write):
    lines = ["l = DenseLayer(l, 4)", "l.name, l.nonlinearity = 'last', softmax", "assert l.nonlinearity", "return l"]
    lines[2] = "assert l.num_units == 4 and l.input_layer.name is None"
    graph = RUNNER.parse(RUNNER.load(write(body(*lines), WEIGHTS)))
    assert [node.name for node in graph][-2:] == ["last", "last_softmax"]


def test_explicit_filters_need_no_guess(write):
    text = FAILING["either"][0].replace("3, 3)", "3, 3, flip_filters=False)")
    random = np.random.default_rng(0)
    arrays = [random.standard_normal((3, 1, 3, 3)).astype(np.float32), np.zeros(3, np.float32)]
    graph = RUNNER.parse(RUNNER.load(write(text, arrays)))
    np.testing.assert_array_equal(graph["conv2d_1"].op.weight, arrays[0].transpose(2, 3, 1, 0))


def test_trust_from_the_command(write, capsys, tmp_path):
    source = write(TYPICAL, [np.ones(shape, np.float32) for shape in RANDOM_SHAPES])
    files = [str(path) for path in source]
    assert main(["inspect", *files]) == 1
    assert TRUST in " ".join(capsys.readouterr().err.split())
    for options in (["--trust"], ["--parser", "lasagne", "--trust"], ["--set", "lasagne.trust=true"]):
        assert main(["inspect", *files, *options, "--json"]) == 0
        printed = capsys.readouterr()
        assert "classes" in printed.out
        assert "a block of" not in printed.out + printed.err


def test_trust_where_there_is_nothing_to_trust(tmp_path, capsys):
    (tmp_path / "model.onnx").write_bytes(b"")
    assert main(["inspect", str(tmp_path / "model.onnx"), "--trust"]) == 2
    assert "The parser onnx runs nothing" in " ".join(capsys.readouterr().err.split())


def test_a_recipe_cannot_trust(write, tmp_path, capsys):
    """A recipe may come with a stranger's model; only the one who gives the command says what is trusted."""
    files = [str(path) for path in write(PAYLOAD.replace("'made'", repr(str(tmp_path / "made"))), WEIGHTS)]
    (tmp_path / "r.toml").write_text('extends = "rate"\n[parser]\nname = "lasagne"\ntrust = true\n')
    assert main(["convert", *files, "--recipe", str(tmp_path / "r.toml"), "-o", str(tmp_path / "n.snntk")]) == 2
    assert "--trust" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


def test_another_function_from_the_command(write, capsys, tmp_path):
    text = (
        "from lasagne.layers import *\ndef build_cnn():\n    return DenseLayer(InputLayer((None, 6)), 4, name='cnn')\n"
    )
    files = [str(path) for path in write(text, WEIGHTS)]
    assert main(["inspect", *files]) == 1
    assert "--set lasagne.function=NAME" in " ".join(capsys.readouterr().err.split())
    for options in ([], ["--trust"]):
        assert main(["inspect", *files, "--set", "lasagne.function=build_cnn", *options]) == 0
        assert "cnn" in capsys.readouterr().out


def test_a_run_script_gives_a_network_that_can_be_saved(write, parameters, tmp_path):
    graph = RUNNER.parse(RUNNER.load(write(TYPICAL, parameters)))
    save_graph(graph, tmp_path / "n.snntk")
    assert (tmp_path / "n.snntk").stat().st_size > 0
