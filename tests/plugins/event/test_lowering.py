"""Which layers become lists of events and rows of weights, and which only the core's ops compute."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snntk_core import (
    Add,
    AveragePool,
    Concat,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool,
    Graph,
    IntegrateFire,
    Node,
    Op,
    Pad,
    Readout,
    Scale,
    SpikeSource,
    SpikingMaxPool,
    Transpose,
    Upsample,
)
from snntk_event.lowering import lower
from snntk_event.packing import pack

EIGHTS = np.ones((3, 3, 8, 8), np.float32)
CHAINS: dict[str, tuple[Op, ...]] = {
    "convolution": (Conv2D(EIGHTS, strides=(2, 2), padding="same"),),
    "dilated": (Conv2D(EIGHTS, dilation=(2, 2)),),
    "grouped": (Conv2D(EIGHTS[:, :, :4], groups=2),),
    "depthwise": (DepthwiseConv2D(EIGHTS[..., :2]),),
    "transposed": (ConvTranspose2D(EIGHTS, strides=(2, 2)),),
    "pool and convolution": (AveragePool((2, 2)), Conv2D(EIGHTS)),
    "scale, pad, convolution": (
        Scale(np.arange(1, 9, dtype=np.float32)),
        Pad(((1, 1), (2, 0), (0, 0))),
        Conv2D(EIGHTS),
    ),
    "upsampling and convolution": (Upsample((2, 2)), Conv2D(EIGHTS)),
    "convolution and pool": (Conv2D(EIGHTS, np.ones(8, np.float32)), AveragePool((2, 2))),
    "dense after flatten": (AveragePool((2, 2)), Flatten(), Dense(np.ones((128, 5), np.float32))),
    "dense after a permutation": (Transpose((2, 0, 1)), Flatten(), Dense(np.ones((512, 5), np.float32))),
    "global pool": (GlobalAveragePool(), Dense(np.ones((8, 5), np.float32))),
}


def network(*chain: Op) -> Graph:
    """Return a network with a chain of ops between two neurons."""
    nodes = [Node("input", SpikeSource((8, 8, 8))), Node("before", IntegrateFire(), ("input",))]
    for op in (*chain, IntegrateFire(), Readout()):
        nodes.append(Node(f"node{len(nodes)}", op, (nodes[-1].name,)))
    return Graph(tuple(nodes)).verify()


@pytest.mark.parametrize("title", CHAINS)
def test_has_terms(title):
    layers = lower(network(*CHAINS[title])).layers
    assert all(layer.terms is not None for layer in layers)


def test_shortcuts_and_branches_are_terms_of_one_layer():
    nodes = (
        Node("input", SpikeSource((8, 8, 8))),
        Node("one", IntegrateFire(), ("input",)),
        Node("other", IntegrateFire(), ("input",)),
        Node("both", Concat(), ("one", "other")),
        Node("conv", Conv2D(np.ones((3, 3, 16, 8), np.float32), padding="same"), ("both",)),
        Node("sum", Add(), ("conv", "one")),
        Node("neuron", IntegrateFire(), ("sum",)),
        Node("readout", Readout(), ("neuron",)),
    )
    layer = {layer.name: layer for layer in lower(Graph(nodes)).layers}["neuron"]
    assert sorted((term.view.source, term.columns is None) for term in layer.terms) == [
        ("one", False),
        ("one", True),
        ("other", True),
    ]


def test_borders_with_another_divisor_are_computed_densely():
    layers = lower(network(AveragePool((3, 3), (1, 1), "same"), Conv2D(EIGHTS))).layers
    assert [layer.terms is None for layer in layers] == [False, True, False]


@pytest.mark.parametrize(("chain", "counted"), [((), True), ((Scale(np.float32(-1)),), False)])
def test_pools_count_spikes_that_are_all_worth_the_same(chain, counted):
    layers = lower(network(*chain, SpikingMaxPool((2, 2)))).layers
    assert (layers[1].windows is not None) == counted
    assert (layers[2].terms is not None) == counted


def test_tables_that_leave_the_view_or_lack_positions_never_reach_the_compiled_loops():
    layers = lower(network(Conv2D(EIGHTS, padding="same"))).layers
    (term,) = next(layer.terms for layer in layers if layer.name == "node3")
    positions = len(term.segment_starts) - 1
    assert pack((term,), 64, positions).block
    beyond = replace(term, segments=term.segments + np.array([0, 1, 0], np.int32) * 10_000)
    for wrong, count in ((term, positions + 1), (beyond, positions)):
        with pytest.raises(ValueError, match="tables of a term"):
            pack((wrong,), 64, count)
