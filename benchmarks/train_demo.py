"""Train the network that `snntk demo` converts, and write it with its data.

    python benchmarks/train_demo.py [FOLDER]        (needs torch, scikit-learn and onnx)

The data is scikit-learn's handwritten digits: 1,797 images of 8x8 pixels with values 0 to 16.  A fixed shuffle makes
500 of them the test set and 200 the calibration set; the network is trained on the other 1,097.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from torch import nn

SEED = 0
EPOCHS = 60
FOLDER = Path(__file__).resolve().parents[1] / "entrypoints" / "snntk" / "demo"


def digits() -> dict[str, np.ndarray]:
    """Return the split: x, y (500 test), calibration (200), train_x, train_y; images (n, 1, 8, 8) in [0, 1]."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(SEED).permutation(len(images))
    x, y = (images[order] / 16).astype(np.float32).reshape(-1, 1, 8, 8), labels[order].astype(np.int64)
    return {"x": x[:500], "y": y[:500], "calibration": x[500:700], "train_x": x[700:], "train_y": y[700:]}


def network() -> nn.Sequential:
    """Two convolutions with batch normalization, max pooling, two dense layers."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(32 * 16, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
        nn.Softmax(dim=1),
    )


def train(model: nn.Sequential, x: torch.Tensor, y: torch.Tensor) -> None:
    """Fit the logits (everything before the softmax) with Adam on shifted images."""
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        model.train()
        for batch in torch.randperm(len(x)).split(64):
            shift = [int(s) for s in torch.randint(-1, 2, (2,))]
            images = torch.roll(nn.functional.pad(x[batch], (1, 1, 1, 1)), shift, (2, 3))[:, :, 1:-1, 1:-1]
            optimizer.zero_grad()
            nn.functional.cross_entropy(model[:-1](images), y[batch]).backward()
            optimizer.step()
        schedule.step()
    model.eval()


def as_onnx(model: nn.Sequential) -> onnx.ModelProto:
    """Return the model as ONNX, layer by layer, with a symbolic batch."""
    nodes, weights, last = [], [], "digit"

    def add(operator: str, name: str, *arrays: torch.Tensor, **attributes: object) -> None:
        nonlocal last
        names = [f"{name}.{index}" for index in range(len(arrays))]
        weights.extend(numpy_helper.from_array(a.detach().numpy(), n) for a, n in zip(arrays, names, strict=True))
        nodes.append(helper.make_node(operator, [last, *names], [name], name=name, **attributes))
        last = name

    for index, layer in enumerate(model):
        name = f"{type(layer).__name__.lower()}_{index}"
        if isinstance(layer, nn.Conv2d):
            add("Conv", name, layer.weight, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        elif isinstance(layer, nn.BatchNorm2d):
            arrays = (layer.weight, layer.bias, layer.running_mean, layer.running_var)
            add("BatchNormalization", name, *arrays, epsilon=layer.eps)
        elif isinstance(layer, nn.ReLU):
            add("Relu", name)
        elif isinstance(layer, nn.MaxPool2d):
            add("MaxPool", name, kernel_shape=[2, 2], strides=[2, 2])
        elif isinstance(layer, nn.Flatten):
            add("Flatten", name, axis=1)
        elif isinstance(layer, nn.Linear):
            add("Gemm", name, layer.weight, layer.bias, transB=1)
        elif isinstance(layer, nn.Softmax):
            add("Softmax", name, axis=1)
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("digit", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, ["batch", 10])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="snntk")


def main(folder: Path = FOLDER) -> None:
    """Train, print the accuracy and write ``digits.onnx`` and ``digits.npz``."""
    torch.manual_seed(SEED)
    data, model = digits(), network()
    train(model, torch.from_numpy(data["train_x"]), torch.from_numpy(data["train_y"]))
    with torch.no_grad():
        right = model(torch.from_numpy(data["x"])).argmax(1).numpy() == data["y"]
    print(f"{right.mean():.1%} of {len(right)} test digits")
    folder.mkdir(parents=True, exist_ok=True)
    proto = as_onnx(model)
    onnx.checker.check_model(proto)
    onnx.save(proto, folder / "digits.onnx")
    np.savez_compressed(folder / "digits.npz", x=data["x"], y=data["y"], calibration=data["calibration"])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
