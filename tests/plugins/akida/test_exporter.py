"""The exported integers compute what the quantized network computes; files are complete; overflow is refused."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prepared import IMAGE, PREPARED, conv, dense, depthwise, network, relu, taken

import snntk
from snntk.cli.main import main
from snntk_akida import AkidaExporter
from snntk_akida.lowering import Block
from snntk_core import (
    Dense,
    GlobalAveragePool,
    Graph,
    Input,
    MaxPool,
    Node,
    NumberFormat,
    QuantizedRelu,
    Scale,
    Softmax,
    WeightedOp,
    activations,
    apply,
)
from snntk_core.errors import Incompatible, OptionError


def potential(block: Block, codes: np.ndarray) -> np.ndarray:
    """Return P of a block in float64, where these integers are exact; ``padding`` stands around the input."""
    values, bare = codes.astype(np.float64) - block.padding, {"bias": None}
    for name, op in block.ops.items():
        if isinstance(op, WeightedOp):
            weight = block.codes[name].astype(np.float64)
            values = apply(replace(op, weight=weight, **bare), values)
            if block.padding:
                values = values + block.padding * weight.sum(axis=tuple(range(weight.ndim - 1)))
        else:
            positions = np.prod(values.shape[1:-1]) if isinstance(op, GlobalAveragePool) else 1
            values = apply(op, values) * positions
    return values


def integers(blocks: tuple[Block, ...], fed: np.ndarray) -> list[np.ndarray]:
    """Return the codes of each layer, and of the last one (P - threshold) / act_step if it has no activation."""
    found, codes = [], fed
    for block in blocks:
        if isinstance(next(iter(block.ops.values())), Dense):
            codes = codes.reshape(len(codes), -1)
        above = potential(block, codes) - block.threshold
        if block.bits:
            step = block.act_step.astype(np.float64) * 16 / 2**block.bits
            codes = np.clip(np.ceil(above / step), 0, 2**block.bits - 1)
        else:
            codes = above / block.act_step
        found.append(codes)
    return found


def with_powers_of_two(graph: Graph, bits: int) -> Graph:
    """Return the graph with powers of two for steps: then codes lie a whole number of potentials apart."""
    nodes = []
    for node in graph:
        if isinstance(node.op, WeightedOp):
            weight = node.op.arrays["weight"]
            exponent = np.ceil(np.log2(np.abs(weight).max() / (2 ** (bits - 1) - 1)))
            kept = NumberFormat(bits, np.float32(2.0**exponent))
            op = type(node.op)(**{**vars(node.op), "weight": kept.round(weight)})
            node = Node(node.name, op, node.inputs, {"weight": kept})
        nodes.append(node)
    return Graph(tuple(nodes)).verify()


def fed_and_real(graph: Graph, seed: int, scale: float, shift: float) -> tuple[np.ndarray, np.ndarray]:
    fed = np.random.default_rng(seed).integers(0, 256, size=(4, *graph.input_shape))
    return fed, (fed - shift) / scale


def rows(step: float) -> Graph:
    """Return a network with max pooling, a separable convolution, a mean, and two Dense layers."""
    return network(
        *(("c1", conv(3, 4)), ("p1", MaxPool((2, 2), padding="same")), ("r1", relu(4, step))),
        *(("s2d", depthwise(4)), ("s2", conv(4, 6, 1)), ("g2", GlobalAveragePool()), ("r2", relu(2, 2 * step))),
        *(("d3", dense(6, 5)), ("r3", relu(1, step)), ("d4", dense(5, 3)), ("sm", Softmax())),
        source=Input((8, 8, 3)),
    )


@given(
    seed=st.integers(0, 2**32 - 1),
    bits=st.sampled_from([2, 4, 8]),
    step=st.sampled_from([0.125, 0.5]),
    feed=st.sampled_from([(64.0, 0), (256.0, 0), (128.0, 128)]),
)
@settings(max_examples=25, deadline=None)
def test_integers_compute_the_quantized_network(seed: int, bits: int, step: float, feed: tuple[float, int]) -> None:
    graph = with_powers_of_two(rows(step), bits)
    program = AkidaExporter(*feed).compile(graph)
    fed, real = fed_and_real(graph, seed, *feed)
    found = integers(program.blocks, fed)
    expected = activations(graph, real, ["r1", "r2", "r3", "d4"])
    for codes, name in zip(found[:3], ("r1", "r2", "r3"), strict=True):
        np.testing.assert_array_equal(codes * graph[name].op.arrays["step"], expected[name])
    coarse = np.abs(found[3] - expected["d4"]) * program.blocks[3].act_step
    assert coarse.max() <= 1 + 1e-5  # the last threshold is a whole number


def test_a_mean_of_any_step_is_at_most_one_code_off() -> None:
    graph = rows(0.3)
    program = AkidaExporter(255.0).compile(graph)
    fed, real = fed_and_real(graph, 0, 255, 0)
    codes, expected = integers(program.blocks, fed)[0], activations(graph, real, ["r1"])["r1"]
    off = np.abs(codes - np.rint(expected / 0.3))
    assert off.max() <= 1
    assert off.mean() < 0.01


def test_a_scale_behind_the_input_says_how_it_is_fed() -> None:
    tail = (("c1", conv(1, 4)), ("r1", relu()))
    plain = network(*tail, source=IMAGE)
    scaled = network(("s", Scale(np.float32(1 / 64), np.float32(-0.5))), *tail, source=IMAGE)
    inside, outside = AkidaExporter().compile(scaled).blocks[0], AkidaExporter(64.0, 32).compile(plain).blocks[0]
    np.testing.assert_array_equal(inside.threshold, outside.threshold)
    np.testing.assert_array_equal(inside.act_step, outside.act_step)
    assert (inside.padding, outside.padding) == (32, 32)
    with pytest.raises(Incompatible, match="s: it says how the input is scaled, and so do options"):
        AkidaExporter(64.0).compile(scaled)
    uneven = network(("s", Scale(np.float32(1 / 64), np.float32(-0.3))), *tail, source=IMAGE)
    with pytest.raises(Incompatible, match="c1: it pads with zeros, and no integer input stands for zero"):
        AkidaExporter().compile(uneven)


def test_what_32_bits_cannot_hold_is_refused() -> None:
    graph = network(("d1", dense(4, 3)), ("r1", relu(4, 1e9)), ("d2", dense(3, 2)), source=Input((4,)))
    with pytest.raises(Incompatible, match=r"d1: its integers may reach .*, more than 32 bits hold"):
        AkidaExporter().compile(graph)
    with pytest.raises(OptionError, match="input_scale is above zero"):
        AkidaExporter.configure({"input_scale": 0.0})


def test_files_hold_all_of_it_and_are_those_of_the_manifest(tmp_path) -> None:
    graph = taken()
    program = AkidaExporter(255.0).compile(graph)
    artifact = program.export(tmp_path / "net")
    assert {p.name for p in artifact.directory.iterdir()} == set(artifact.files) == {"arrays.npz", "layers.json"}
    for name, digest in artifact.files.items():
        assert hashlib.sha256((artifact.directory / name).read_bytes()).hexdigest() == digest
    described = json.loads((artifact.directory / "layers.json").read_text(encoding="utf-8"))
    assert (described["input"], described["order"]) == ([8, 8, 1], [])
    assert [(layer["name"], layer["bits"]) for layer in described["layers"]] == [("c1", 4), ("s2", 4), ("d", 0)]
    assert described["layers"][0]["ops"] == [
        {"name": "c1", "op": "Conv2D", "padding": "same", "groups": 1},
        {"name": "p1", "op": "MaxPool", "kernel": [2, 2], "padding": "same"},
    ]
    with np.load(artifact.directory / "arrays.npz") as arrays:
        for block in program.blocks:
            for name, codes in block.codes.items():
                assert arrays[f"{block.name}/{name}/codes"].dtype == np.int8
                np.testing.assert_array_equal(arrays[f"{block.name}/{name}/codes"], codes)
            np.testing.assert_array_equal(arrays[f"{block.name}/threshold"], block.threshold)
            np.testing.assert_array_equal(arrays[f"{block.name}/act_step"], block.act_step)
    assert isinstance(graph["r1"].op, QuantizedRelu)


def test_the_facade_and_the_command_write_a_quantized_network(tmp_path, capsys) -> None:
    graph = taken()
    artifact = snntk.export(graph, tmp_path / "facade", simulator="akida")
    assert sorted(artifact.files) == ["arrays.npz", "layers.json"]
    with pytest.raises(Incompatible, match="c1: its weights are not quantized"):
        snntk.export(PREPARED["not prepared"].graph, tmp_path / "none", simulator="akida")
    saved = snntk.save(graph, tmp_path / "net.snntk")
    code = main(["simulate", str(saved), "--simulator", "akida", "-o", str(tmp_path / "command")])
    assert code == 0, capsys.readouterr()
    assert (tmp_path / "command" / "layers.json").is_file()
