"""Which files a source means, what a prototxt of training becomes, weights in HDF5, and what is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from caffe_networks import caffemodel, data, layer, needs_caffe, prototxt, save, semantics

import snntk
from snntk_caffe import CaffeParser
from snntk_core import ParseError, Parser, Redirect, evaluate

pytestmark = needs_caffe
R = np.random.default_rng(1)


def product(name, bottom, features, units=3, **fields):
    blobs = [R.normal(size=(units, features)), R.normal(size=units)]
    return layer("InnerProduct", name, bottom, blobs=blobs, inner_product_param={"num_output": units, **fields})


NETWORK = [data(2, 3, 3), product("ip", "data", 18), layer("Softmax", "prob", "ip")]
X = R.normal(size=(4, 2, 3, 3))


def same(graph, layers=NETWORK, x=X):
    np.testing.assert_allclose(evaluate(graph, x), semantics(layers, x)[0], atol=1e-6)


# -- sources ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_both_files_in_either_order(tmp_path, order):
    files = save(tmp_path, NETWORK)
    same(snntk.parse(tuple(files[index] for index in order)))


@pytest.mark.parametrize("index", [0, 1])
def test_one_file_with_the_other_of_the_same_stem(tmp_path, index):
    files = save(tmp_path, NETWORK)
    (tmp_path / "solver.prototxt").write_text("net: 'net.prototxt'")
    (tmp_path / "older.caffemodel").write_bytes(b"")
    same(snntk.parse(files[index]))


@pytest.mark.parametrize("index", [0, 1])
def test_one_file_with_the_only_other(tmp_path, index):
    network, weights = save(tmp_path, NETWORK)
    files = network.rename(tmp_path / "deploy.prototxt"), weights.rename(tmp_path / "lenet_iter_10000.caffemodel")
    same(snntk.parse(files[index]))


def test_several_others_are_no_choice(tmp_path):
    network, weights = save(tmp_path, NETWORK)
    network.rename(tmp_path / "deploy.prototxt")
    (tmp_path / "solver.prototxt").write_text("")
    with pytest.raises(ParseError, match=r"net.caffemodel: there are several .prototxt files beside it; give both"):
        snntk.parse(weights)


def test_a_file_alone(tmp_path):
    network, weights = save(tmp_path, NETWORK)
    weights.unlink()
    with pytest.raises(ParseError, match=r"net.prototxt: there is no .caffemodel file beside it; give both"):
        snntk.parse(network)


@pytest.mark.parametrize(
    ("source", "accepted"),
    [
        ("net.caffemodel", True),
        (Path("NET.CAFFEMODEL.H5"), True),
        ("net.prototxt", True),
        (("net.prototxt", "a.caffemodel"), True),
        (("a.caffemodel.h5", Path("net.pbtxt")), True),
        ("net.h5", False),
        ("net.pbtxt", False),
        (("net.prototxt", "net.prototxt"), False),
        (("net.prototxt",) * 3, False),
        (None, False),
        ((), False),
        ({"net.prototxt"}, False),
    ],
)
def test_accepts(source, accepted):
    assert CaffeParser().accepts(source) is accepted


def test_it_hands_the_model_to_the_onnx_parser(tmp_path):
    model = CaffeParser().load(save(tmp_path, NETWORK))
    assert isinstance(model, Redirect)
    assert model.parser == "onnx"
    assert [item.name for item in model.source.graph.input] == ["data"]
    assert [item.name for item in model.source.graph.output] == ["prob"]
    for refused in (lambda: CaffeParser().parse(model), lambda: CaffeParser().predict(model, X)):
        with pytest.raises(ParseError, match="use that one"):
            refused()


# -- networks written for training -----------------------------------------------------------------------------------

TRAINING = """
layer { name: "mnist" type: "Data" top: "data" top: "label" include { phase: TRAIN } data_param { batch_size: 64 } }
layer { name: "mnist" type: "Data" top: "data" top: "label" include { phase: TEST } data_param { batch_size: 9 } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "drop" type: "Dropout" bottom: "pool" top: "pool" include { phase: TRAIN } }
layer { name: "ip" type: "InnerProduct" bottom: "pool" top: "ip" inner_product_param { num_output: 3 } }
layer { name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy" exclude { phase: TRAIN } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""


def trained(tmp_path, text, features=16, **options):
    kernel = layer("Convolution", "conv", "data", blobs=[R.normal(size=(4, 1, 3, 3)), R.normal(size=4)])
    _, weights = save(tmp_path, [kernel, product("ip", "pool", features)])
    network = tmp_path / "train.prototxt"
    network.write_text(text)
    return snntk.parse((network, weights), parser=CaffeParser(**options))


def test_a_network_for_training_is_deployed(tmp_path):
    graph = trained(tmp_path, TRAINING)
    assert graph.input_shape == (1, 6, 6)  # of 5 to 6, what the stride divides
    assert [node.name for node in graph] == ["data", "conv", "pool", "ip_flat", "ip", "loss"]
    assert type(graph["loss"].op).__name__ == "Softmax"


def test_the_crop_of_its_data_is_the_size(tmp_path):
    text = TRAINING.replace("data_param { batch_size: 9 }", "transform_param { crop_size: 5 }")
    assert trained(tmp_path, text).input_shape == (1, 5, 5)


def test_the_size_is_an_option(tmp_path):
    assert trained(tmp_path, TRAINING, input_shape=(1, 5, 6)).input_shape == (1, 5, 6)


def test_sizes_that_leave_a_choice_are_told(tmp_path):
    text = TRAINING.replace("kernel_size: 2 stride: 2", "kernel_size: 2 stride: 5")
    with pytest.raises(ParseError, match=r"'data' \(the input: .*images of \d+ to \d+ fit; .*input-shape"):
        trained(tmp_path, text, features=4)


def test_a_network_without_weights_behind_it_has_no_size(tmp_path):
    text = "\n".join(TRAINING.splitlines()[:5])
    with pytest.raises(ParseError, match="the weights do not tell it"):
        trained(tmp_path, text)


def test_an_output_is_not_normalized_twice(tmp_path):
    text = TRAINING + 'layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }'
    graph = trained(tmp_path, text)
    assert graph.outputs == ("prob",)
    assert "loss" not in graph


def test_a_label_that_is_computed_with_is_refused(tmp_path):
    text = TRAINING + 'layer { name: "sum" type: "Eltwise" bottom: "ip" bottom: "label" top: "sum" }'
    with pytest.raises(ParseError, match="'label'"):
        trained(tmp_path, text)


def test_stages_of_digits(tmp_path):
    text = TRAINING.replace('type: "Accuracy"', 'type: "Accuracy" include { stage: "val" }').replace(
        'top: "loss"', 'top: "loss" exclude { stage: "deploy" }'
    )
    text += 'layer { name: "softmax" type: "Softmax" bottom: "ip" top: "softmax" include { stage: "deploy" } }'
    assert trained(tmp_path, text).outputs == ("softmax",)


# -- weights ---------------------------------------------------------------------------------------------------------


def hdf5(path, layers):
    import h5py

    with h5py.File(path, "w") as file:
        for item in layers:
            group = file.create_group(f"data/{item['name']}")
            for index, blob in enumerate(item["blobs"]):
                group[str(index)] = blob
    return path


def test_weights_in_hdf5(tmp_path):
    pytest.importorskip("h5py", reason="h5py is not installed")
    network, weights = save(tmp_path, NETWORK)
    weights.unlink()
    hdf5(tmp_path / "net.caffemodel.h5", NETWORK)
    same(snntk.parse(network))


def test_hdf5_links_to_other_files_are_not_followed(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    network, _ = save(tmp_path, NETWORK)
    hdf5(tmp_path / "other.h5", NETWORK)
    with h5py.File(tmp_path / "linked.caffemodel.h5", "w") as file:
        file["data/ip/0"] = h5py.ExternalLink("other.h5", "data/ip/0")
        file["data/ip/1"] = np.zeros(3, np.float32)
    with pytest.raises(ParseError, match=r"'ip' .*nothing for it"):
        snntk.parse((network, tmp_path / "linked.caffemodel.h5"))


def test_hdf5_that_claims_more_than_it_holds(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    network, _ = save(tmp_path, NETWORK)
    with h5py.File(tmp_path / "bomb.caffemodel.h5", "w") as file:
        file.create_dataset("data/ip/0", (1 << 20, 1 << 20), np.float32, chunks=(1024, 1024), compression="gzip")
    with pytest.raises(ParseError, match="compressed, empty, or not in the file"):
        snntk.parse((network, tmp_path / "bomb.caffemodel.h5"))


def test_weights_of_old_files_have_four_axes(tmp_path):
    from snntk_caffe.messages import classes

    network, weights = save(tmp_path, NETWORK)
    blobs = []
    for blob in NETWORK[1]["blobs"]:
        shape = (1,) * (4 - blob.ndim) + blob.shape
        names = dict(zip(("num", "channels", "height", "width"), shape, strict=True))
        blobs.append({**names, "data": blob.reshape(-1)})
    weights.write_bytes(classes().NetParameter(layers=[{"name": "ip", "blobs": blobs}]).SerializeToString())
    same(snntk.parse((network, weights)))


def test_weights_in_double_precision(tmp_path):
    from snntk_caffe.messages import classes

    network, weights = save(tmp_path, NETWORK)
    blobs = [{"shape": {"dim": b.shape}, "double_data": b.reshape(-1)} for b in NETWORK[1]["blobs"]]
    weights.write_bytes(classes().NetParameter(layer=[{"name": "ip", "blobs": blobs}]).SerializeToString())
    same(snntk.parse((network, weights)))


# -- imports ---------------------------------------------------------------------------------------------------------

LOADED = """
import sys
from snntk_caffe import CaffeParser
assert not {"onnx", "google.protobuf", "caffe2onnx", "h5py"} & set(sys.modules)
assert CaffeParser().accepts("net.caffemodel")
CaffeParser().load(sys.argv[1])
import google.protobuf.internal.api_implementation as implementation
assert not {"tensorflow", "keras", "torch", "h5py"} & set(sys.modules)
assert "caffe2onnx.proto.caffe_upsample_pb2" not in sys.modules
assert implementation.Type() != "python", implementation.Type()
"""


def test_no_framework_is_imported_and_no_module_left_behind(tmp_path):
    layers = [data(3, 16, 16), product("ip", "data", 768, 1000), layer("ReLU", "relu", "ip")]
    assert len(caffemodel(layers)) > 3_000_000
    command = [sys.executable, "-c", LOADED, str(save(tmp_path, layers)[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_a_missing_converter_is_told_with_its_command(monkeypatch, tmp_path):
    from snntk_core.errors import MissingLibrary

    monkeypatch.setattr(CaffeParser, "requires", ("no_such_converter",))
    with pytest.raises(MissingLibrary, match=r"pip install --no-deps caffe2onnx==2.0.1"):
        CaffeParser().load(save(tmp_path, NETWORK))
    assert issubclass(CaffeParser, Parser)


def test_the_text_is_what_the_tests_say():
    assert 'layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"' in prototxt(NETWORK)
