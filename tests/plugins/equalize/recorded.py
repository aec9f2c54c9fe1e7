"""What cnn2snn and quantizeml recorded, as graphs.  It lies in the folder that the variable SNNTK_SHARED names."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snntk_core import (
    Add,
    BatchNorm,
    ClippedRelu,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Graph,
    Input,
    MaxPool,
    Node,
    Op,
    QuantizedRelu,
    Relu,
    Softmax,
)

Arrays = Mapping[str, np.ndarray]


def folder() -> Path:
    """Return the folder of the recordings; skips the test where they are not at hand."""
    if "SNNTK_SHARED" not in os.environ:
        pytest.skip("SNNTK_SHARED does not name the folder of recorded outputs")
    found = Path(os.environ["SNNTK_SHARED"]) / "oracles" / "cnn2snn"
    if not found.is_dir():
        pytest.skip(f"there is no {found}")
    return found


def arrays(name: str) -> dict[str, np.ndarray]:
    """Return the arrays of one recorded file."""
    with np.load(folder() / f"{name}.npz") as data:
        return dict(data)


def facts(name: str) -> dict[str, Any]:
    """Return one recorded JSON file."""
    return json.loads((folder() / f"{name}.json").read_text(encoding="utf-8"))


def chain(shape: tuple[int, ...], **ops: Op) -> Graph:
    """Return a chain of named ops on an input."""
    nodes = [Node("input", Input(shape))]
    for name, op in ops.items():
        nodes.append(Node(name, op, (nodes[-1].name,)))
    return Graph(tuple(nodes)).verify()


class Layers:
    """The layers recorded under a prefix, by their names."""

    def __init__(self, data: Arrays, prefix: str) -> None:
        self.found: dict[str, dict[str, np.ndarray]] = {}
        for key, array in data.items():
            if key.startswith(f"{prefix}/"):
                layer, variable = key.removeprefix(f"{prefix}/").split("/")
                self.found.setdefault(layer.split("_", 2)[2], {})[variable] = array

    def __contains__(self, name: str) -> bool:
        return name in self.found

    def dense(self, name: str) -> Dense:
        return Dense(self.found[name]["kernel"], self.found[name].get("bias"))

    def conv(self, name: str, **options: Any) -> Conv2D:
        return Conv2D(self.found[name]["kernel"], self.found[name].get("bias"), **options)

    def depthwise(self, name: str, **options: Any) -> DepthwiseConv2D:
        bias = None if "pointwise_kernel" in self.found[name] else self.found[name].get("bias")
        return DepthwiseConv2D(self.found[name]["depthwise_kernel"], bias, **options)

    def pointwise(self, name: str) -> Conv2D:
        return Conv2D(self.found[name]["pointwise_kernel"], self.found[name].get("bias"))

    def transposed(self, name: str) -> ConvTranspose2D:
        kernel = self.found[name]["kernel"].transpose(0, 1, 3, 2)
        return ConvTranspose2D(kernel, self.found[name].get("bias"), (2, 2), "same")

    def norm(self, name: str) -> BatchNorm:
        mean, variance, gamma, beta = (
            self.found[name][key] for key in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        return BatchNorm(mean, variance, gamma, beta, 1e-3)


def folded_layer(layers: Layers, kind: str) -> dict[str, Op]:
    """Return the one layer of ``fold_batchnorms_quantizeml``."""
    match kind:
        case "Dense":
            return {"l": layers.dense("l")}
        case "Conv2D":
            return {"l": layers.conv("l", strides=(2, 2), padding="same")}
        case "DepthwiseConv2D":
            return {"l": layers.depthwise("l")}
        case "Conv2DTranspose":
            return {"l": layers.transposed("l")}
    return {"depthwise": layers.depthwise("l", padding="same"), "l": layers.pointwise("l")}


def functional(layers: Layers) -> Graph:
    """Return the network of two branches of ``fold_batchnorms_functional``; folded where no norm is recorded."""
    ops: list[tuple[str, Op | None, tuple[str, ...]]] = [
        ("input", Input((8, 8, 3)), ()),
        ("ca", layers.conv("ca", padding="same"), ("input",)),
        ("db", layers.depthwise("db", padding="same"), ("input",)),
        ("bna", layers.norm("bna") if "bna" in layers else None, ("ca",)),
        ("cb", layers.conv("cb"), ("db",)),
        ("ra", Relu(), ("bna" if "bna" in layers else "ca",)),
        ("bnb", layers.norm("bnb") if "bnb" in layers else None, ("cb",)),
        ("sum", Add(), ("ra", "bnb" if "bnb" in layers else "cb")),
        ("flatten", Flatten(), ("sum",)),
        ("fc", layers.dense("fc"), ("flatten",)),
        ("bno", layers.norm("bno") if "bno" in layers else None, ("fc",)),
    ]
    return Graph(tuple(Node(name, op, inputs) for name, op, inputs in ops if op is not None)).verify()


def pooled(layers: Layers, case: str) -> Graph:
    """Return a network of ``invert_bn_pooling`` before its normalization moves."""
    pool = MaxPool((2, 2)) if case.startswith("max") else GlobalAveragePool()
    shape = (8, 8, 3)
    return chain(shape, conv=layers.conv("c"), pool=pool, norm=layers.norm("bn"), relu=Relu())


def lenet(layers: Layers) -> Graph:
    """Return the float network of ``modelA``, its layers in the recorded order; ``s2`` is the pointwise half."""
    return chain(
        (14, 14, 1),
        c1=layers.conv("c1", padding="same"),
        b1=layers.norm("b1"),
        p1=MaxPool((2, 2)),
        r1=Relu(),
        s2_depthwise=layers.depthwise("s2", padding="same"),
        s2=layers.pointwise("s2"),
        p2=MaxPool((2, 2), padding="same"),
        b2=layers.norm("b2"),
        r2=Relu(),
        dr=Dropout(),
        fl=Flatten(),
        d3=layers.dense("d3"),
        r3=Relu(),
        d4=layers.dense("d4"),
        sm=Softmax(),
    )


def quantized_lenet(layers: Layers, weight_bits: int, input_bits: int, activation_bits: int) -> Graph:
    """Return the network of ``calibration`` in fake quantization, its recorded weights rounded as cnn2snn does."""
    levels = 2**activation_bits - 1
    relu = QuantizedRelu(np.float32(6 / levels), levels, "half-down")
    ops: dict[str, Op] = {
        "c1": layers.conv("c1", padding="same"),
        "p1": MaxPool((2, 2)),
        "r1": relu,
        "s2_depthwise": layers.depthwise("s2", padding="same"),
        "s2": layers.pointwise("s2"),
        "p2": MaxPool((2, 2), padding="same"),
        "r2": relu,
        "fl": Flatten(),
        "d3": layers.dense("d3"),
        "r3": relu,
        "d4": layers.dense("d4"),
    }
    bits = {"c1": input_bits}
    return chain((14, 14, 1), **{name: _rounded(op, bits.get(name, weight_bits)) for name, op in ops.items()})


def _rounded(op: Any, bits: int) -> Op:
    if "weight" not in op.arrays:
        return op
    top = 2 ** (bits - 1) - 1
    axes = None if isinstance(op, DepthwiseConv2D) else tuple(range(op.weight.ndim - 1))
    factor = top / np.abs(op.weight).max(axis=axes)
    weight = np.clip(np.rint(op.weight * factor), -top, top) / factor
    return type(op)(weight.astype(np.float32), op.bias, **({"padding": op.padding} if op.weight.ndim == 4 else {}))


def scaled_network(layers: Layers, case: str) -> Graph:
    """Return a network of ``cross_layer_scaling_v2.1.6``."""
    if case == "conv_sep_dense":
        return chain(
            (10, 10, 2),
            c1=layers.conv("c1"),
            r1=Relu(),
            p1=MaxPool((2, 2)),
            s2_depthwise=layers.depthwise("s2", padding="same"),
            s2=layers.pointwise("s2"),
            r2=Relu(),
            gap=GlobalAveragePool(),
            d3=layers.dense("d3"),
            r3=Relu(),
            d4=layers.dense("d4"),
        )
    if case == "relu6_blocks_flatten_blocks":
        six = ClippedRelu(np.float32(0), np.float32(6))
        return chain(
            (10, 10, 2),
            c1=layers.conv("c1"),
            r1=six,
            c2=layers.conv("c2"),
            r2=Relu(),
            fl=Flatten(),
            d3=layers.dense("d3"),
            d4=layers.dense("d4"),
        )
    return chain((7,), d1=layers.dense("d1"), r1=Relu(), d2=layers.dense("d2"))
