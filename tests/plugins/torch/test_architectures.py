"""Whole architectures agree with torch, keep their names, and hold no transposes."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest

from snntk_core import evaluate
from snntk_torch import TorchParser

torch = pytest.importorskip("torch", reason="torch is not installed")


def _architectures():
    spec = importlib.util.spec_from_file_location("architectures", Path(__file__).with_name("architectures.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ARCHITECTURES = _architectures().ARCHITECTURES
NAMED = {
    "ResNet18": ("conv1", "layer1.0.bn1", "layer2.0.downsample.0", "layer4.1.add", "fc"),
    "MobileNetV2": ("features.0.0", "features.3.conv.1.0", "features.4.conv.0.2", "classifier.1"),
    "VGG16": ("features.28", "avgpool", "classifier.6"),
    "Inception": ("stem.1.0", "mixed.2.twice.2.1", "mixed.0.cat", "log_softmax"),
    "DenseNet": ("conv0", "blocks.2.1.norm2", "transitions.0.3", "adaptive_avg_pool2d"),
}


def initialized(make):
    """Return an architecture whose output depends on its input, as a trained one's does."""
    torch.manual_seed(0)
    module = make().eval()
    for part in module.modules():
        if isinstance(part, torch.nn.Conv2d | torch.nn.Linear):
            torch.nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
    with torch.no_grad():
        found = module(torch.randn(3, *make.input_shape))
    assert found.std(dim=0).max() > 0.01 * found.abs().max()
    return module


@pytest.mark.parametrize("kind", ["traced", "scripted"])
@pytest.mark.parametrize("make", ARCHITECTURES[:4], ids=lambda make: make.__name__)
def test_architecture_as_torchscript(tmp_path, make, kind):
    module, batch = initialized(make), torch.randn(2, *make.input_shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = torch.jit.trace(module, batch) if kind == "traced" else torch.jit.script(module)
        script.save(str(tmp_path / "model.pt"))
    parser = TorchParser(input_shape=make.input_shape)
    with torch.no_grad():
        truth = module(batch).numpy()
    found = evaluate(parser.parse(parser.load(tmp_path / "model.pt")), batch.numpy())
    assert np.abs(found - truth).max() <= 1e-4 * np.abs(truth).max()


@pytest.mark.parametrize("table", [{}, None], ids=["functional", "core"])
@pytest.mark.parametrize("make", [ARCHITECTURES[0], ARCHITECTURES[3]], ids=lambda make: make.__name__)
def test_a_program_that_is_decomposed_further(make, table):
    module, batch = initialized(make), torch.randn(2, *make.input_shape)
    program = torch.export.export(module, (batch,))
    program = program.run_decompositions() if table is None else program.run_decompositions(table)
    parser = TorchParser()
    model = parser.load(program)
    with torch.no_grad():
        truth = module(batch).numpy()
    bound = 1e-4 * np.abs(truth).max()
    assert np.abs(evaluate(parser.parse(model), batch.numpy()) - truth).max() <= bound
    assert np.abs(parser.predict(model, batch.numpy()[:1]) - truth[:1]).max() <= bound


@pytest.mark.parametrize("make", ARCHITECTURES, ids=lambda make: make.__name__)
def test_architecture(compare, transposes, make):
    graph = compare(initialized(make), make.input_shape, tolerance=1e-3)
    assert transposes(graph) == 0
    assert [name for name in NAMED[make.__name__] if name not in graph] == []
