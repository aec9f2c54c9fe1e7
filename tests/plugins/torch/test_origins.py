"""What each place of the module tree became."""

from snntk_core.provenance import nodes_by_layer


def test_modules_and_functions(compare):
    import torch

    class Network(torch.nn.Module):
        def __init__(self):
            torch.nn.Module.__init__(self)
            self.features = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.Dropout())
            self.scores = torch.nn.Linear(12, 5)

        def forward(self, x):
            x = torch.nn.functional.relu(self.features(x))
            return torch.nn.functional.relu(self.scores(torch.flatten(x, 1)))

    graph = compare(Network(), (2, 4, 4))
    assert dict(nodes_by_layer(graph)) == {
        "x": ("x",),
        "features.0": ("features.0",),
        "features.1": ("features.1",),
        "features.2": ("features.2",),
        "relu": ("relu", "relu_2"),
        "flatten": ("flatten",),
        "scores": ("scores",),
    }
    assert graph.layers["features.0"] == "conv2d"
