import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snntk_core import Dense, Graph, Input, Node, Parser, Relu, hookimpl


@dataclass(frozen=True)
class LayerList(Parser):
    """Reads lists of (weight, bias) layers with ReLU after each, live or from a .json file."""

    name = "layer-list"
    reads = ".json and lists of (weight, bias)"
    examples = (lambda: [(np.array([[1.0, -2.0], [0.5, 1.5]]), np.array([0.25, 1.0]))],)

    def accepts(self, source):
        layers = isinstance(source, list) and source and all(isinstance(layer, tuple) for layer in source)
        return bool(layers) or (isinstance(source, str | Path) and Path(source).suffix == ".json")

    def load(self, source):
        layers = source if isinstance(source, list) else json.loads(Path(source).read_text())
        return [(np.float32(weight), np.float32(bias)) for weight, bias in layers]

    def parse(self, model):
        nodes = [Node("input", Input(model[0][0].shape[:1]))]
        for i, (weight, bias) in enumerate(model):
            nodes += [Node(f"dense{i}", Dense(weight, bias), nodes[-1].name), Node(f"relu{i}", Relu(), f"dense{i}")]
        return Graph(nodes)

    def predict(self, model, batch):
        for weight, bias in model:
            batch = (batch @ weight + bias).clip(min=0)
        return batch


@hookimpl
def snntk_parsers():
    return [LayerList]
