"""Programs with several inputs: one network that reads them joined, equal to what torch gives for each apart."""

import warnings

import numpy as np
import pytest

from snntk_core import evaluate
from snntk_core.joining import JoinedInputs
from snntk_torch import TorchParser

torch = pytest.importorskip("torch", reason="torch is not installed")
nn = torch.nn
PARSER = TorchParser()


class Maps(nn.Module):
    """Two images of different channels, joined behind a layer of their own."""

    def __init__(self):
        super().__init__()
        self.left, self.right, self.last = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(3, 3, 1), nn.Linear(140, 6)

    def forward(self, x, y):
        both = torch.cat([torch.relu(self.left(x)), torch.relu(self.right(y))], dim=1)
        return self.last(both.flatten(1))


class Mixed(nn.Module):
    """An image and two numbers."""

    def __init__(self):
        super().__init__()
        self.image, self.last = nn.Conv2d(2, 4, 3, padding=1), nn.Linear(82, 6)

    def forward(self, image, numbers):
        return self.last(torch.cat([self.image(image).flatten(1), numbers], dim=1))


CASES = {"maps": (Maps, [(2, 5, 4), (3, 5, 4)], (5, 5, 4)), "mixed": (Mixed, [(2, 5, 4), (2,)], (42,))}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("free", [True, False])
@pytest.mark.parametrize("saved", [True, False])
def test_the_joined_network_gives_what_torch_gives(tmp_path, case, free, saved):
    kind, shapes, together = CASES[case]
    torch.manual_seed(4)
    module = kind().eval()
    batch = {0: torch.export.Dim("batch")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = tuple(torch.zeros(2, *shape) for shape in shapes)
        source = torch.export.export(module, given, dynamic_shapes=(batch, batch) if free else None)
        if saved:
            torch.export.save(source, tmp_path / "m.pt2")
            source = tmp_path / "m.pt2"
    parts = [np.random.default_rng(i).normal(size=(3, *shape)).astype(np.float32) for i, shape in enumerate(shapes)]
    joined = JoinedInputs(("a", "b"), tuple(shapes), 0).join(parts)
    with torch.no_grad():
        truth = module(*map(torch.from_numpy, parts)).numpy()
    model = PARSER.load(source)
    graph = PARSER.parse(model)
    assert graph.input_shape == together
    assert graph.meta["inputs"].endswith(("joined along axis 0 of a sample", "one after the other"))
    assert np.abs(evaluate(graph, joined) - truth).max() <= 1e-5 * np.abs(truth).max()
    np.testing.assert_allclose(PARSER.predict(model, joined), truth, rtol=1e-5, atol=1e-5)
