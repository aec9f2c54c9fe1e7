"""Files that are broken or want to break something: one sentence, no traceback, no memory, no foreign file."""

from __future__ import annotations

import os
import tracemalloc

import numpy as np
import pytest
from caffe_networks import caffemodel, data, layer, needs_caffe, prototxt, save

import snntk
from snntk_core import Graph, SnntkError

if needs_caffe.args[0]:  # the files below are written with its message classes
    pytest.skip(needs_caffe.kwargs["reason"], allow_module_level=True)
R = np.random.default_rng(5)
FILES = int(os.environ.get("SNNTK_FUZZ", "60"))  # of each kind of mutation
WEIGHT, BIAS = R.normal(size=(4, 2, 3, 3)), R.normal(size=4)
LAYERS = [
    data(2, 7, 7),
    layer("Convolution", "conv", "data", blobs=[WEIGHT, BIAS], convolution_param={"num_output": 4, "kernel_size": 3}),
    layer("BatchNorm", "norm", "conv", "conv", blobs=[BIAS, BIAS**2, [2.0]]),
    layer("Scale", "scale", "conv", "conv", blobs=[BIAS, BIAS], scale_param={"bias_term": True}),
    layer("ReLU", "relu", "conv", "conv"),
    layer("Pooling", "pool", "conv", pooling_param={"kernel_size": 2, "stride": 2, "pad": 1, "pool": "AVE"}),
    layer("Eltwise", "sum", "pool pool", eltwise_param={"coeff": [1, 0.5]}),
    layer(
        "InnerProduct", "ip", "sum", blobs=[R.normal(size=(3, 36)), R.normal(size=3)],
        inner_product_param={"num_output": 3},
    ),
    layer("Softmax", "prob", "ip"),
]  # fmt: skip
TEXT, BYTES = prototxt(LAYERS).encode(), caffemodel(LAYERS)


def attempt(folder, text=TEXT, weights=BYTES) -> Graph | str:
    """Parse two files; the graph, or the one sentence that refuses them."""
    network, model = folder / "net.prototxt", folder / "net.caffemodel"
    network.write_bytes(text)
    model.write_bytes(weights)
    return attempt_files(folder, network, model)


def attempt_files(folder, *paths) -> Graph | str:
    before = set(folder.iterdir())
    try:
        return snntk.parse(paths).verify()
    except SnntkError as error:
        sentence = str(error)
    assert sentence.isprintable()
    assert sentence.endswith(".")
    assert "report this" not in sentence
    assert set(folder.iterdir()) == before
    return sentence


def test_the_network_itself_is_taken(tmp_path):
    assert isinstance(attempt(tmp_path), Graph)


def flipped(content, generator):
    content = bytearray(content)
    for _ in range(int(generator.integers(1, 6))):
        content[int(generator.integers(len(content)))] ^= 1 << int(generator.integers(8))
    return bytes(content)


@pytest.mark.parametrize("part", range(4))
def test_flipped_bits(tmp_path, part):
    for seed in range(part, FILES, 4):
        attempt(tmp_path, weights=flipped(BYTES, np.random.default_rng(seed)))
        attempt(tmp_path, text=flipped(TEXT, np.random.default_rng(seed)))


def test_truncation(tmp_path):
    for cut in np.linspace(0, 1, FILES, endpoint=False):
        attempt(tmp_path, weights=BYTES[: int(len(BYTES) * cut)])
        attempt(tmp_path, text=TEXT[: int(len(TEXT) * cut)])


def test_swapped_members(tmp_path):
    """Layers in another order, without one, or with the weights of another."""
    lines = TEXT.splitlines()
    for seed in range(FILES):
        generator = np.random.default_rng(seed)
        order = generator.permutation(len(lines))[: int(generator.integers(1, len(lines) + 1))]
        attempt(tmp_path, text=b"\n".join(lines[index] for index in order))
        one, other = generator.choice(len(LAYERS), 2, replace=False)
        swapped = [dict(item) for item in LAYERS]
        swapped[one]["blobs"], swapped[other]["blobs"] = LAYERS[other]["blobs"], LAYERS[one]["blobs"]
        attempt(tmp_path, weights=caffemodel(swapped))


NUMBERS = ["0", "-1", "1", "2", "3", "65536", "4294967295", "9223372036854775807", "1e30", "nan", "true", '"a"', ""]


def test_absurd_numbers(tmp_path):
    words = TEXT.split(b" ")
    places = [index for index, word in enumerate(words) if word.isdigit()]
    tracemalloc.start()
    for seed in range(FILES * 2):
        generator = np.random.default_rng(seed)
        changed = list(words)
        for place in generator.choice(places, int(generator.integers(1, 3))):
            changed[place] = str(generator.choice(NUMBERS)).encode()
        attempt(tmp_path, text=b" ".join(changed))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20


@pytest.mark.parametrize("content", [b"", b"\0" * 99, b"\xff\xfe", b"PK\x03\x04", b"{" * 10_000, b"a: {" * 10_000])
def test_other_files(tmp_path, content):
    assert isinstance(attempt(tmp_path, text=content), str)
    if content:
        assert isinstance(attempt(tmp_path, weights=content), str)


def test_absurd_shapes_allocate_nothing(tmp_path):
    from snntk_caffe.messages import classes

    tracemalloc.start()
    for dims in ([2**31, 2**31], [2**62, 2**62], [-1, 36], [0], [], [3] * 40):
        net = classes().NetParameter.FromString(BYTES)
        del net.layer[7].blobs[0].shape.dim[:]
        net.layer[7].blobs[0].shape.dim.extend(dims)
        assert "'ip'" in attempt(tmp_path, weights=net.SerializeToString())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


def test_a_name_cannot_steer_the_terminal(tmp_path):
    message = attempt(tmp_path, text=TEXT.replace(b'name: "prob" type: "Softmax"', b'name: "\\033[2J" type: "\\007"'))
    assert isinstance(message, str)


def test_a_blob_that_is_made_twice_is_refused(tmp_path):
    assert "one blob twice" in attempt(tmp_path, text=TEXT.replace(b'top: "prob"', b'top: "prob" top: "prob"'))


def test_the_mask_of_a_pooling_may_be_left_unread(tmp_path):
    graph = attempt(tmp_path, text=TEXT.replace(b'top: "pool"', b'top: "pool" top: "mask"'))
    assert isinstance(graph, Graph), graph


def test_layers_without_number_are_refused(tmp_path):
    many = TEXT + b"\n".join(b'layer { name: "r" type: "ReLU" bottom: "prob" top: "prob" }' for _ in range(3000))
    assert "at most" in attempt(tmp_path, text=many)
    maximum = b'\nlayer { name: "m" type: "Eltwise" bottom: "prob" bottom: "prob" bottom: "prob" bottom: "prob" '
    maximum += b'top: "prob" eltwise_param { operation: MAX } }'
    assert "becomes more than" in attempt(tmp_path, text=TEXT + maximum * 1000)


def test_pieces_that_are_larger_than_their_array_are_not_read(tmp_path):
    """The HDF5 library allocates a piece whole, however few numbers of it the array has."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    network, _ = save(tmp_path, LAYERS)
    with h5py.File(tmp_path / "net.caffemodel.h5", "w") as file:
        piece = file.create_dataset("data/ip/0", (3,), "f4", maxshape=(None,), chunks=(1 << 28,), compression="gzip")
        piece.id.write_direct_chunk((0,), bytes(99))
    assert "pieces" in attempt_files(tmp_path, network, tmp_path / "net.caffemodel.h5")


@pytest.mark.parametrize("seed", range(2))
def test_hdf5_with_flipped_bits(tmp_path, seed):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    network, _ = save(tmp_path, LAYERS)
    whole, model = tmp_path / "whole.h5", tmp_path / "net.caffemodel.h5"
    with h5py.File(whole, "w") as file:
        for item in LAYERS:
            for index, blob in enumerate(item["blobs"]):
                file[f"data/{item['name']}/{index}"] = blob
    for step in range(FILES):
        generator = np.random.default_rng([seed, step])
        content = flipped(whole.read_bytes(), generator)
        model.write_bytes(content[: int(generator.integers(len(content)))] if seed else content)
        attempt_files(tmp_path, network, model)
