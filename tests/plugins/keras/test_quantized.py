"""Files with quantized layers, ours and cnn2snn's, read as data: weights on their grids, formats on the nodes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import snntk
from snntk_core import QuantizedRelu, WeightedOp
from snntk_core.errors import ParseError
from snntk_core.ops import DepthwiseConv2D

h5py = pytest.importorskip("h5py", reason="h5py is not installed")


def quantizer(kind: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": config}


def written(path, layers, arrays, version="2.15.0"):
    """Write a .h5 as cnn2snn saved it: plain class names, arguments that a layer does not take left out."""
    entries = [
        {"class_name": kind, "config": {"name": f"layer_{i}", **config}} for i, (kind, config) in enumerate(layers)
    ]
    entries[0]["config"]["batch_input_shape"] = [None, 6, 6, 2]
    config = {"class_name": "Sequential", "config": {"name": "quantized", "layers": entries}}
    with h5py.File(path, "w") as file:
        file.attrs.update({"keras_version": version, "backend": "tensorflow", "model_config": json.dumps(config)})
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [f"layer_{i}".encode() for i in range(len(layers))]
        for i in range(len(layers)):
            own = group.create_group(f"layer_{i}")
            names = [f"layer_{i}/array_{j}:0" for j in range(len(arrays.get(i, ())))]
            own.attrs["weight_names"] = [name.encode() for name in names]
            for name, array in zip(names, arrays.get(i, ()), strict=True):
                own.create_dataset(name, data=array.astype(np.float32))
    return path


def model_of_cnn2snn(path, **changes: Any):
    rng = np.random.default_rng(0)
    layers = [
        ("QuantizedConv2D", {"filters": 4, "kernel_size": [3, 3], "strides": [1, 1], "padding": "same",
                             "use_bias": True, "quantizer": quantizer("MaxPerAxisQuantizer", bitwidth=4)}),
        ("QuantizedReLU", {"bitwidth": 4, "max_value": 6.0}),
        ("QuantizedSeparableConv2D", {"filters": 3, "kernel_size": [3, 3], "use_bias": False,
                                      "quantizer_dw": quantizer("MaxQuantizer", bitwidth=3),
                                      "quantizer": quantizer("StdPerAxisQuantizer", threshold=2.0, bitwidth=2)}),
        ("ActivationDiscreteRelu", {"bitwidth": 2}),
        ("Flatten", {}),
        ("QuantizedDense", {"units": 5, "use_bias": True, "quantizer": quantizer("StdWeightQuantizer", bitwidth=8)}),
    ]  # fmt: skip
    layers = [(kind, {**config, **changes.get(kind, {})}) for kind, config in layers]
    arrays = {
        0: [rng.normal(size=(3, 3, 2, 4)), rng.normal(size=4)],
        2: [rng.normal(size=(3, 3, 4, 1)), rng.normal(size=(1, 1, 4, 3))],
        5: [rng.normal(size=(48, 5)), rng.normal(size=5)],
    }
    return written(path, layers, arrays), arrays


def test_a_file_of_cnn2snn_is_a_graph_on_its_grids(tmp_path) -> None:
    path, arrays = model_of_cnn2snn(tmp_path / "model.h5")
    graph = snntk.parse(path)
    weighted = [node for node in graph if isinstance(node.op, WeightedOp)]
    assert [node.formats["weight"].bits for node in weighted] == [4, 3, 2, 8]
    assert [node.formats["weight"].axis for node in weighted] == [-1, None, -1, None]
    assert all(node.formats["weight"].honored_by(node.op.weight) for node in weighted)
    assert isinstance(weighted[1].op, DepthwiseConv2D)
    np.testing.assert_allclose(weighted[0].formats["weight"].scale * 7, np.abs(arrays[0][0]).max((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(weighted[1].formats["weight"].scale * 3, np.abs(arrays[2][0]).max(), rtol=1e-6)
    np.testing.assert_allclose(weighted[2].formats["weight"].scale, 2 * arrays[2][1].std((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(weighted[3].formats["weight"].scale * 127, 3 * arrays[5][0].std(), rtol=1e-6)
    np.testing.assert_array_equal(weighted[3].op.bias, arrays[5][1].astype(np.float32))
    first, second = (node for node in graph if isinstance(node.op, QuantizedRelu))
    assert (first.op.levels, first.op.rounding, float(first.op.step)) == (15, "half-down", np.float32(0.4))
    assert (second.op.levels, float(second.op.step)) == (3, 1.0)
    assert first.formats["output"].bits == 4


def test_weights_are_those_that_cnn2snn_computes_with(tmp_path) -> None:
    if "SNNTK_SHARED" not in __import__("os").environ:
        pytest.skip("SNNTK_SHARED does not name the folder of recorded outputs")
    from pathlib import Path

    oracle = np.load(Path(__import__("os").environ["SNNTK_SHARED"]) / "oracles" / "cnn2snn" / "weight_quantizers.npz")
    from snntk_keras.layers.quantized import on_grid

    seen = 0
    for key in oracle.files:
        case, _, last = key.rpartition("/")
        if last != "int":
            continue
        weight, kind, bits, *threshold = case.split("/")
        options = {"threshold": float(threshold[0][1:])} if threshold else {}
        values, found = on_grid(oracle[f"{weight}/w"], quantizer(kind, bitwidth=int(bits[1:]), **options))
        np.testing.assert_array_equal(found.encode(values), oracle[key], err_msg=case)
        np.testing.assert_allclose(values, oracle[f"{case}/quantized"], rtol=1e-6, err_msg=case)
        seen += 1
    assert seen == 128


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"QuantizedDense": {"quantizer": quantizer("WeightFloat")}}, "its weight quantizer is WeightFloat; known are"),
        ({"QuantizedDense": {"quantizer": None}}, "its weight quantizer is None"),
        ({"QuantizedDense": {"quantizer": [1]}}, "its weight quantizer is"),
        ({"QuantizedDense": {"quantizer": {"class_name": "MaxQuantizer", "config": 3}}}, "is not a table"),
        ({"QuantizedDense": {"quantizer": quantizer("MaxQuantizer", bitwidth=1)}}, "its bitwidth is '1'"),
        ({"QuantizedDense": {"quantizer": quantizer("MaxQuantizer", bitwidth=1e9)}}, "not a whole number from 2"),
        ({"QuantizedDense": {"quantizer": quantizer("StdWeightQuantizer", threshold="x")}}, "not a finite number"),
        ({"QuantizedReLU": {"max_value": -1.0}}, "its max_value is -1, which does not lie above 0"),
        ({"QuantizedReLU": {"bitwidth": 0}}, "its bitwidth is '0'"),
        ({"ActivationDiscreteRelu": {"bitwidth": None}}, "its bitwidth is 'None'"),
    ],
)
def test_a_hostile_file_gives_a_sentence(tmp_path, changes, words) -> None:
    path, _ = model_of_cnn2snn(tmp_path / "model.h5", **changes)
    with pytest.raises(ParseError, match=words):
        snntk.parse(path)


def test_missing_arrays_give_a_sentence(tmp_path) -> None:
    layers = [("Flatten", {}), ("QuantizedDense", {"units": 2, "quantizer": quantizer("MaxQuantizer")})]
    with pytest.raises(ParseError, match="the file holds 0 arrays for it"):
        snntk.parse(written(tmp_path / "model.h5", layers, {}))
