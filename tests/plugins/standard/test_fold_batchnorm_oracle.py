"""fold-batchnorm against what quantizeml and cnn2snn recorded: the same weights, the same outputs."""

import os
from pathlib import Path

import numpy as np
import pytest

from snntk_core import (
    Add,
    BatchNorm,
    Context,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool,
    Graph,
    Input,
    MaxPool,
    Node,
    Op,
    Relu,
    evaluate,
)
from snntk_standard import FoldBatchnorm


def chain(shape: tuple[int, ...], *ops: Op) -> Graph:
    nodes = [Node("input", Input(shape))]
    for op in ops:
        nodes.append(Node(f"{type(op).__name__.lower()}{len(nodes)}", op, (nodes[-1].name,)))
    return Graph(tuple(nodes)).verify()


def kinds(graph: Graph) -> list[str]:
    return [type(node.op).__name__ for node in graph.nodes[1:]]


@pytest.fixture
def recorded() -> Path:
    if "SNNTK_SHARED" not in os.environ:
        pytest.skip("SNNTK_SHARED does not name the folder of recorded outputs")
    folder = Path(os.environ["SNNTK_SHARED"]) / "oracles" / "cnn2snn"
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}")
    return folder


def recorded_norm(data: np.lib.npyio.NpzFile, prefix: str) -> BatchNorm:
    keys = ("moving_mean", "moving_variance", "gamma", "beta")
    return BatchNorm(*(data[f"{prefix}/{key}"] for key in keys), 1e-3)


def separable(arrays: dict[str, np.ndarray]) -> list[Op]:
    depthwise = DepthwiseConv2D(arrays["depthwise_kernel"], padding="same")
    return [depthwise, Conv2D(arrays["pointwise_kernel"], arrays.get("bias"))]


def recorded_ops(layer: str, arrays: dict[str, np.ndarray]) -> list[Op]:
    bias = arrays.get("bias")
    match layer:
        case "Dense":
            return [Dense(arrays["kernel"], bias)]
        case "Conv2D":
            return [Conv2D(arrays["kernel"], bias, (2, 2), "same")]
        case "DepthwiseConv2D":
            return [DepthwiseConv2D(arrays["depthwise_kernel"], bias)]
        case "Conv2DTranspose":
            return [ConvTranspose2D(arrays["kernel"].transpose(0, 1, 3, 2), bias, (2, 2), "same")]
    return separable(arrays)


@pytest.mark.parametrize("bias", ["bias", "nobias"])
@pytest.mark.parametrize("layer", ["Dense", "Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose"])
def test_the_folded_weights_are_those_of_quantizeml(recorded: Path, layer: str, bias: str) -> None:
    data = np.load(recorded / "fold_batchnorms_quantizeml.npz")
    case = f"{layer}_{bias}"

    def arrays(state: str) -> dict[str, np.ndarray]:
        prefix = f"{case}/{state}/00_{layer}_l/"
        return {key.removeprefix(prefix): data[key] for key in data.files if key.startswith(prefix)}

    x, norm = data[f"{case}/x"], recorded_norm(data, f"{case}/before/01_BatchNormalization_bn")
    graph = chain(x.shape[1:], *recorded_ops(layer, arrays("before")), norm)
    np.testing.assert_allclose(evaluate(graph, x), data[f"{case}/y_before"], atol=1e-5)
    after = FoldBatchnorm().apply(graph, Context())
    expected = chain(x.shape[1:], *recorded_ops(layer, arrays("after")))
    assert kinds(after) == kinds(expected)
    for ours, theirs in zip(after, expected, strict=True):
        for name, array in theirs.op.arrays.items():
            np.testing.assert_allclose(ours.op.arrays[name], array, atol=2e-6)
    np.testing.assert_allclose(evaluate(after, x), data[f"{case}/y_after"], atol=1e-5)


@pytest.mark.parametrize("case", ["max_pos", "gap_pos", "gap_neg"])
def test_what_cnn2snn_does_by_inverting_pooling_folds_at_once(recorded: Path, case: str) -> None:
    data = np.load(recorded / "invert_bn_pooling.npz")
    x, pool = data[f"{case}/x"], MaxPool((2, 2)) if case == "max_pos" else GlobalAveragePool()
    conv = Conv2D(data[f"{case}/before/00_Conv2D_c/kernel"])
    graph = chain(x.shape[1:], conv, pool, recorded_norm(data, f"{case}/before/02_BatchNormalization_bn"), Relu())
    np.testing.assert_allclose(evaluate(graph, x), data[f"{case}/y"], atol=1e-5)
    after = FoldBatchnorm().apply(graph, Context())
    assert kinds(after) == ["Conv2D", type(pool).__name__, "Relu"]
    for name, key in (("weight", "kernel"), ("bias", "bias")):
        theirs = data[f"{case}/folded/00_Conv2D_c/{key}"]
        np.testing.assert_allclose(after["conv2d1"].op.arrays[name], theirs, atol=2e-6)
    np.testing.assert_allclose(evaluate(after, x), data[f"{case}/y_folded"], atol=1e-5)


def test_two_branches_and_a_normalized_output_fold_as_in_quantizeml(recorded: Path) -> None:
    data = np.load(recorded / "fold_batchnorms_functional.npz")
    norms = {name: recorded_norm(data, f"before/{name}") for name in (
        "03_BatchNormalization_bna", "06_BatchNormalization_bnb", "10_BatchNormalization_bno")}  # fmt: skip
    bna, bnb, bno = norms.values()
    nodes = (
        Node("input", Input((8, 8, 3))),
        Node("ca", Conv2D(data["before/01_Conv2D_ca/kernel"], padding="same"), ("input",)),
        Node("db", DepthwiseConv2D(data["before/02_DepthwiseConv2D_db/depthwise_kernel"],
                                   data["before/02_DepthwiseConv2D_db/bias"], padding="same"), ("input",)),
        Node("bna", bna, ("ca",)),
        Node("cb", Conv2D(data["before/04_Conv2D_cb/kernel"], data["before/04_Conv2D_cb/bias"]), ("db",)),
        Node("ra", Relu(), ("bna",)),
        Node("bnb", bnb, ("cb",)),
        Node("sum", Add(), ("ra", "bnb")),
        Node("flatten", Flatten(), ("sum",)),
        Node("fc", Dense(data["before/09_Dense_fc/kernel"], data["before/09_Dense_fc/bias"]), ("flatten",)),
        Node("bno", bno, ("fc",)),
    )  # fmt: skip
    graph = Graph(nodes).verify()
    np.testing.assert_allclose(evaluate(graph, data["x"]), data["y_before"], atol=2e-5)
    after = FoldBatchnorm().apply(graph, Context())
    np.testing.assert_allclose(evaluate(after, data["x"]), data["y_after"], atol=2e-5)
    for name, key in (("ca", "01_Conv2D_ca"), ("cb", "04_Conv2D_cb"), ("fc", "07_Dense_fc")):
        np.testing.assert_allclose(after[name].op.arrays["weight"], data[f"after/{key}/kernel"], atol=3e-6)
        np.testing.assert_allclose(after[name].op.arrays["bias"], data[f"after/{key}/bias"], atol=3e-6)
