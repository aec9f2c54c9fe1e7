"""The parser itself: what it takes, lazy imports, names, state dicts, refusals, and the compliance kit."""

import io
import subprocess
import sys
import warnings

import numpy as np
import pytest

from snntk.cli.main import main
from snntk_core import Graph, ParseError, evaluate
from snntk_core.ops import ClippedRelu, Multiply
from snntk_core.testing import check_component
from snntk_torch import TorchParser

torch = pytest.importorskip("torch", reason="torch is not installed")
nn, F = torch.nn, torch.nn.functional
PARSER = TorchParser()


def parsed(source, **options) -> Graph:
    parser = TorchParser(**options)
    return parser.parse(parser.load(source))


def small() -> nn.Module:
    """Return the module of the state dicts."""
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU())


def test_compliance():
    failed = [outcome for outcome in check_component(TorchParser) if not outcome.passed]
    assert failed == []


def test_torch_is_imported_at_the_last_moment(tmp_path):
    path = tmp_path / "scripted.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(small()).save(str(path))
    code = (
        "import sys, snntk_torch; p = snntk_torch.TorchParser(); "
        "assert p.accepts('a.pt') and not p.accepts(3); "
        f"p.parse(p.load({str(path)!r})); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_way_to_say_the_shape():
    module = small().eval()
    module_with_shape = small().eval()
    module_with_shape.input_shape = (4,)
    sources = [
        ((module, (4,)), {}),
        ((module, torch.zeros(7, 4)), {}),
        ((module, np.zeros((2, 4), np.float32)), {}),
        ((module, torch.Size([4])), {}),
        (module_with_shape, {}),
        (module, {"input_shape": (4,)}),
        (torch.export.export(module, (torch.zeros(3, 4),)), {}),
    ]
    for source, options in sources:
        assert parsed(source, **options).input_shape == (4,)
    with pytest.raises(ParseError, match="does not say what it takes"):
        parsed(module)


def test_parsing_leaves_modes_as_they_were():
    module = nn.Sequential(nn.Linear(4, 3), nn.Dropout(), nn.BatchNorm1d(3))
    module[1].eval()
    modes = [part.training for part in module.modules()]
    before = {key: value.clone() for key, value in module.state_dict().items()}
    model = PARSER.load((module, (4,)))
    PARSER.parse(model)
    PARSER.predict(model, np.ones((5, 4), np.float32))
    assert [part.training for part in module.modules()] == modes
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


def test_names_come_from_the_module_tree():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU6())
            self.act, self.head = nn.ReLU(), nn.Linear(32, 3)

        def forward(self, x):
            x = self.act(F.avg_pool2d(self.act(self.features(x)), 1))
            return F.log_softmax(self.head(x.view(x.size(0), -1)), dim=1)

    names = ["x", "features.0", "features.1", "act", "avg_pool2d", "act_2", "view", "head", "log_softmax"]
    graph = parsed((Net(), (1, 6, 6)))
    assert [node.name for node in graph] == names
    assert isinstance(graph["features.1"].op, ClippedRelu)


def test_gates_stay_channels_last(transposes):
    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.gate = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 1)

        def forward(self, x):
            x = self.conv(x)
            return x * torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)))

    graph = parsed((Gate(), (2, 6, 6)))
    assert any(isinstance(node.op, Multiply) for node in graph)
    assert transposes(graph) <= 1  # the output's own


def saved(tmp_path, content, name="weights.pth"):
    torch.save(content, tmp_path / name)
    return tmp_path / name


@pytest.fixture
def spec(tmp_path, monkeypatch):
    """An importable class in a module of its own."""
    (tmp_path / "own_net.py").write_text(
        "from torch import nn\n\n\ndef net():\n    return nn.Sequential(nn.Linear(4, 3), nn.ReLU())\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "own_net:net"
    sys.modules.pop("own_net", None)


@pytest.mark.parametrize("wrap", ["plain", "checkpoint", "parallel"])
def test_state_dicts(tmp_path, spec, wrap):
    module = small().eval()
    state = module.state_dict()
    parallel = {f"module.{key}": value for key, value in state.items()}
    content = {"plain": state, "checkpoint": {"epoch": 3, "state_dict": state}, "parallel": parallel}[wrap]
    graph = parsed(saved(tmp_path, content), model_class=spec, input_shape=(4,))
    x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    np.testing.assert_allclose(evaluate(graph, x), module(torch.from_numpy(x)).detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state.pop("0.bias"), "it lacks 0.bias"),
        (lambda state: state.update({"9.weight": torch.zeros(2)}), "it has 9.weight, which the class has not"),
        (lambda state: state.update({"0.weight": torch.zeros(2, 2)}), r"0.weight is \(2, 2\) there and \(3, 4\) in"),
    ],
)
def test_state_dicts_of_another_class(tmp_path, spec, change, words):
    state = dict(small().state_dict())
    change(state)
    with pytest.raises(ParseError, match=words):
        parsed(saved(tmp_path, state), model_class=spec, input_shape=(4,))


@pytest.mark.parametrize(
    ("model_class", "words"),
    [
        ("", "--model-class package.module:Class"),
        ("no_such_module:Net", "cannot be made .ModuleNotFoundError"),
        ("own_net", "package.module:Class, not .own_net"),
        ("own_net:missing", "AttributeError"),
        ("pathlib:Path", "not a torch.nn.Module"),
    ],
)
def test_model_classes_that_do_not_work(tmp_path, spec, model_class, words):
    del spec
    with pytest.raises(ParseError, match=words):
        parsed(saved(tmp_path, small().state_dict()), model_class=model_class, input_shape=(4,))


def test_pickled_modules_are_refused_with_the_way_out(tmp_path):
    with pytest.raises(ParseError, match=r"pickled object of the class torch.nn.*state_dict\(\)"):
        parsed(saved(tmp_path, small()))
    with pytest.raises(ParseError, match="a state dict was expected"):
        parsed(saved(tmp_path, torch.zeros(3)))


class Branching(nn.Module):
    def forward(self, x):
        return x if bool(x.sum() > 0) else -x


class Mixing(nn.Module):
    def forward(self, x):
        return x - x.mean(0)


class Attention(nn.Module):
    def forward(self, x):
        return torch.matmul(x, x.transpose(1, 2))


class Stale(nn.Module):
    def forward(self, x):
        y = x * 2
        y.view(-1, 2, 2).relu_()
        return y


class TwoInputs(nn.Module):
    def forward(self, x, y):
        return x + y


@pytest.mark.parametrize(
    ("module", "shape", "words"),
    [
        (Branching(), (4,), "torch.export cannot follow it"),
        (Mixing(), (4,), "batch"),
        (Attention(), (3, 4), "product of two computed values"),
        (Stale(), (4,), "changed in place through another view"),
        (TwoInputs(), (4,), "torch.export cannot follow it"),
        (nn.LSTM(3, 4, batch_first=True), (5, 3), "lstm"),
        (nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), (1, 5, 5), "'reflect'"),
        (nn.AdaptiveAvgPool2d(5), (1, 8, 8), "windows of different sizes, from 8 to 5"),
        (nn.AvgPool2d(2, divisor_override=3), (1, 4, 4), "divisor_override"),
        (nn.BatchNorm2d(2, track_running_stats=False), (2, 4, 4), "no running statistics"),
        (nn.GroupNorm(2, 4), (4, 3, 3), "group_norm: this operator has no counterpart"),
        (nn.Upsample(scale_factor=2, mode="bilinear"), (1, 4, 4), "upsample_bilinear2d"),
        (nn.Conv3d(1, 1, 2), (1, 4, 4, 4), "conv3d"),
        (nn.Linear(5, 3), (4,), "torch.export cannot follow it on samples of shape"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_cannot_be_is_refused_by_name(module, shape, words):
    with pytest.raises(ParseError) as caught:
        parsed((module, shape))
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert message.endswith(".")


def test_a_script_in_memory_and_one_without_shape(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = torch.jit.script(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Hardswish()).eval())
        traced = torch.jit.trace(nn.Conv2d(1, 2, 3), torch.zeros(1, 1, 6, 7))
        buffer = io.BytesIO()
        torch.jit.save(traced, buffer)
        script.save(str(tmp_path / "script.ts"))
    (tmp_path / "traced.pt").write_bytes(buffer.getvalue())
    assert parsed((script, (1, 5, 5))).input_shape == (1, 5, 5)
    assert parsed(tmp_path / "traced.pt").input_shape == (1, 6, 7)  # the file keeps what it was traced with
    with pytest.raises(ParseError, match=r"--set torch.input_shape"):
        parsed(tmp_path / "script.ts")


def test_commands_take_the_class_and_the_shape(tmp_path, spec, capsys):
    path = str(saved(tmp_path, small().state_dict()))
    given = [path, "--model-class", spec, "--set", "torch.input_shape=[4]"]
    assert main(["inspect", *given]) == 0
    assert "Linear" not in capsys.readouterr().err
    assert main(["check", *given]) == 0
    assert main(["inspect", path]) == 1
    assert "--model-class package.module:Class" in capsys.readouterr().err
