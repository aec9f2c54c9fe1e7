"""The rewrites against what cnn2snn and quantizeml recorded: the same weights, outputs, structures and refusals."""

import numpy as np
import pytest
from recorded import (
    Layers,
    arrays,
    chain,
    facts,
    folded_layer,
    functional,
    lenet,
    pooled,
    quantized_lenet,
    scaled_network,
)

from snntk_core import Context, Graph, QuantizedRelu, evaluate
from snntk_core.homogeneity import weights_homogeneity
from snntk_equalize import (
    ArrangeBlocks,
    EqualizeLayers,
    FoldAdjacentBatchnorm,
    InvertBatchnormPooling,
    NormalizeSeparable,
    RescaleActivations,
)


def names(graph: Graph) -> list[str]:
    return [node.name for node in graph][1:]


def assert_weights(graph: Graph, expected: Graph, tolerance: float) -> None:
    assert str(graph) == str(expected)
    for ours, theirs in zip(graph, expected, strict=True):
        assert ours.op.arrays.keys() == theirs.op.arrays.keys(), ours.name
        for name, array in theirs.op.arrays.items():
            np.testing.assert_allclose(ours.op.arrays[name], array, rtol=tolerance, atol=tolerance, err_msg=ours.name)


@pytest.mark.parametrize("bias", ["bias", "nobias"])
@pytest.mark.parametrize("kind", ["Dense", "Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose"])
def test_adjacent_normalization_folds_as_in_quantizeml(kind: str, bias: str) -> None:
    data, case = arrays("fold_batchnorms_quantizeml"), f"{kind}_{bias}"
    before, x = Layers(data, f"{case}/before"), data[f"{case}/x"]
    graph = chain(x.shape[1:], **folded_layer(before, kind), bn=before.norm("bn"))
    after = FoldAdjacentBatchnorm().apply(graph, Context())
    assert_weights(after, chain(x.shape[1:], **folded_layer(Layers(data, f"{case}/after"), kind)), 2e-6)
    np.testing.assert_allclose(evaluate(graph, x), data[f"{case}/y_before"], atol=1e-5)
    np.testing.assert_allclose(evaluate(after, x), data[f"{case}/y_after"], atol=1e-5)


def test_branches_and_an_output_fold_as_in_quantizeml() -> None:
    data = arrays("fold_batchnorms_functional")
    graph = functional(Layers(data, "before"))
    after = FoldAdjacentBatchnorm().apply(graph, Context())
    assert_weights(after, functional(Layers(data, "after")), 3e-6)
    np.testing.assert_allclose(evaluate(graph, data["x"]), data["y_before"], atol=2e-5)
    np.testing.assert_allclose(evaluate(after, data["x"]), data["y_after"], atol=2e-5)


@pytest.mark.parametrize("case", ["max_pos", "gap_pos", "gap_neg"])
def test_normalization_trades_places_with_pooling_as_in_cnn2snn(case: str) -> None:
    data = arrays("invert_bn_pooling")
    before, folded, x = Layers(data, f"{case}/before"), Layers(data, f"{case}/folded"), data[f"{case}/x"]
    inverted = Layers(data, f"{case}/inverted")
    graph = pooled(before, case)
    after = InvertBatchnormPooling().apply(graph, Context())
    assert names(after) == ["conv", "norm", "pool", "relu"]
    for name in ("mean", "variance", "scale", "offset"):
        np.testing.assert_array_equal(after["norm"].op.arrays[name], inverted.norm("bn").arrays[name])
    np.testing.assert_allclose(evaluate(graph, x), data[f"{case}/y"], atol=1e-5)
    np.testing.assert_allclose(evaluate(after, x), data[f"{case}/y_inverted"], atol=1e-5)
    both = FoldAdjacentBatchnorm().apply(after, Context())
    assert names(both) == ["conv", "pool", "relu"]
    for name, array in folded.conv("c").arrays.items():
        np.testing.assert_allclose(both["conv"].op.arrays[name], array, atol=2e-6)
    np.testing.assert_allclose(evaluate(both, x), data[f"{case}/y_folded"], atol=1e-5)


def test_blocks_are_arranged_as_syncretize_does() -> None:
    data, recorded = arrays("modelA"), facts("errors_and_structures")["syncretize layer order"]
    graph = lenet(Layers(data, "float"))
    after = ArrangeBlocks().apply(graph, Context())
    halves = [name for name in names(graph) if name != "s2_depthwise"]
    assert halves == recorded["seq"]
    assert [name for name in names(after) if name != "s2_depthwise"] == recorded["sync"]
    np.testing.assert_allclose(evaluate(graph, data["x"]), data["y_float"], atol=1e-6)
    np.testing.assert_allclose(evaluate(after, data["x"]), data["y_sync"], atol=1e-6)


def test_separable_convolutions_are_normalized_as_in_cnn2snn() -> None:
    data = arrays("modelA")
    after = NormalizeSeparable().apply(lenet(Layers(data, "float")), Context())
    assert_weights(after, lenet(Layers(data, "normalized_separable")), 1e-6)
    np.testing.assert_allclose(evaluate(after, data["x"]), data["y_normalized"], atol=1e-6)


def test_homogeneity_is_that_of_cnn2snn() -> None:
    data = arrays("modelA")
    found = weights_homogeneity(lenet(Layers(data, "float")))
    expected = dict(zip(data["homogeneity_names"].tolist(), data["homogeneity"].tolist(), strict=True))
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("case", ["conv_sep_dense", "relu6_blocks_flatten_blocks", "dead_channel"])
def test_one_sweep_equalizes_as_cross_layer_scaling_does(case: str) -> None:
    data, recorded = arrays("cross_layer_scaling_v2.1.6"), facts("cross_layer_scaling_v2.1.6")[case]
    graph, x = scaled_network(Layers(data, f"{case}/before"), case), data[f"{case}/x"]
    after = EqualizeLayers(sweeps=1, through_flatten=False).apply(graph, Context())
    assert_weights(after, scaled_network(Layers(data, f"{case}/after"), case), 2e-6)
    np.testing.assert_allclose(evaluate(graph, x), data[f"{case}/y_before"], atol=1e-5)
    np.testing.assert_allclose(evaluate(after, x), data[f"{case}/y_after"], atol=1e-5)
    for each, key in ((graph, "homogeneity_before"), (after, "homogeneity_after")):
        found = weights_homogeneity(each)
        assert {name: found[name] for name in recorded[key]} == pytest.approx(recorded[key], rel=1e-5)


def test_a_zero_filter_keeps_its_network_where_cnn2snn_gives_nan() -> None:
    data, case = arrays("cross_layer_scaling_v2.1.6"), "zero_source_filter"
    assert np.isnan(data[f"{case}/y_after"]).any()
    graph, x = scaled_network(Layers(data, f"{case}/before"), case), data[f"{case}/x"]
    after = EqualizeLayers().apply(graph, Context()).verify()
    np.testing.assert_allclose(evaluate(after, x), data[f"{case}/y_before"], atol=1e-5)
    assert str(after) == str(graph)
    assert np.any(after["d1"].op.arrays["weight"] != graph["d1"].op.arrays["weight"])


def test_activations_are_rescaled_as_in_cnn2snn() -> None:
    data, recorded = arrays("calibration"), facts("errors_and_structures")["activations_rescaling max_values"]
    graph = quantized_lenet(Layers(data, "before"), 2, 8, 4)
    after = RescaleActivations(measure="quantized").apply(graph, Context(data["cal"]))
    for name, (before, expected) in recorded.items():
        for each, reach in ((graph, before), (after, expected)):
            op = each[name].op
            assert isinstance(op, QuantizedRelu)
            assert float(op.step * op.levels) == pytest.approx(reach, rel=1e-6)
