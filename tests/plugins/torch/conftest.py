"""Small PyTorch modules, made with fixed seeds, compared with torch on every way they can be given."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest

from snntk_core import Graph, evaluate
from snntk_core.ops import Transpose
from snntk_torch import TorchParser

torch = pytest.importorskip("torch", reason="torch is not installed")


def prepared(module: "torch.nn.Module") -> "torch.nn.Module":
    """Return a module in eval mode whose normalizations have statistics worth testing."""
    generator = torch.Generator().manual_seed(7)
    for part in module.modules():
        if isinstance(part, torch.nn.modules.batchnorm._BatchNorm) and part.running_mean is not None:
            part.running_mean.uniform_(-0.5, 0.5, generator=generator)
            part.running_var.uniform_(0.5, 2.0, generator=generator)
    return module.eval()


def difference(graph: Graph, module: "torch.nn.Module", shape: tuple[int, ...], samples: int = 3) -> float:
    """Return the largest difference of outputs, relative to the largest output."""
    batch = np.random.default_rng(3).standard_normal((samples, *shape)).astype(np.float32)
    with torch.no_grad():
        truth = module(torch.from_numpy(batch.copy()))
    truth = (truth[0] if isinstance(truth, tuple) else truth).numpy()
    found = evaluate(graph, batch)
    assert found.shape == truth.shape
    return float(np.abs(found - truth).max() / max(np.abs(truth).max(), 1e-6))


@pytest.fixture
def compare() -> Callable[..., Graph]:
    """Check that the graph of a live module computes what torch computes, and return the graph."""

    def check(module, shape, *, tolerance=1e-5) -> Graph:
        module, parser = prepared(module), TorchParser()
        graph = parser.parse(parser.load((module, shape)))
        assert difference(graph, module, shape) <= tolerance
        return graph

    return check


@pytest.fixture
def compare_files(tmp_path) -> Callable[..., None]:
    """Check a module as exported program file, free and fixed in its batch, traced and scripted; predict as well."""

    def check(module, shape, *, tolerance=1e-5, script=True) -> None:
        module, parser = prepared(module), TorchParser(input_shape=shape)
        batch = torch.zeros(2, *shape)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            free = ({0: torch.export.Dim("batch")},)
            torch.export.save(torch.export.export(module, (batch,), dynamic_shapes=free), tmp_path / "free.pt2")
            torch.export.save(torch.export.export(module, (batch,)), tmp_path / "fixed.pt2")
            torch.jit.trace(module, batch).save(str(tmp_path / "traced.pt"))
            if script:
                torch.jit.script(module).save(str(tmp_path / "scripted.pt"))
        for path in sorted(tmp_path.glob("*.pt*")):
            model = parser.load(path)
            graph = parser.parse(model)
            assert difference(graph, module, shape) <= tolerance, path.name
            x = np.random.default_rng(4).standard_normal((3, *shape)).astype(np.float32)
            own = parser.predict(model, x)
            with torch.no_grad():
                truth = module(torch.from_numpy(x.copy()))
            truth = truth[0] if isinstance(truth, tuple) else truth
            np.testing.assert_allclose(own, truth.numpy(), rtol=1e-5, atol=1e-5, err_msg=path.name)

    return check


@pytest.fixture
def transposes() -> Callable[[Graph], int]:
    """Count the transposes of a graph."""
    return lambda graph: sum(isinstance(node.op, Transpose) for node in graph)
