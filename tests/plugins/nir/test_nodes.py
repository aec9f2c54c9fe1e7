"""Every NIR node and option: the graph computes what NIR's equations give, or the node is refused by name."""

import warnings

import numpy as np
import pytest

from snntk_core import ParseError
from snntk_core.ops import DepthwiseConv2D, IntegrateFire, Transpose
from snntk_core.testing.stepped_reference import simulate_plainly
from snntk_nir import NirParser

nir = pytest.importorskip("nir", reason="nir is not installed")
RANDOM = np.random.default_rng(0)
SUBTRACT = {"reset": "subtract", "initial_potential": 0.0, "fires": "at"}


def values(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def conv(out, into, kernel=3, stride=1, padding=0, dilation=1, groups=1):
    return nir.Conv2d(None, values(out, into // groups, kernel, kernel), stride, padding, dilation, groups, values(out))


def pool(kind, kernel=2, stride=2, padding=0):
    return kind(*(np.array([n, n]) for n in (kernel, stride, padding)))


def flatten(shape, begin=0, end=-1):
    return nir.Flatten(input_type={"input": np.array(shape)}, start_dim=begin, end_dim=end)


def fire(*shape, threshold=1.0, r=1.0, **metadata):
    ones = np.ones(shape, np.float32)
    return nir.IF(r * ones, np.float32(threshold) * ones, metadata={**SUBTRACT, **metadata})


NODES = {
    "affine": ((5,), [nir.Affine(values(3, 5), values(3))]),
    "linear": ((5,), [nir.Linear(values(3, 5))]),
    "conv": ((2, 6, 7), [conv(4, 2)]),
    "conv, stride": ((2, 6, 7), [conv(4, 2, stride=2, padding=1)]),
    "conv, same": ((2, 6, 7), [conv(4, 2, 4, padding="same")]),
    "conv, valid": ((2, 6, 7), [conv(4, 2, padding="valid", dilation=2)]),
    "conv, each axis": ((2, 6, 7), [conv(4, 2, stride=(2, 1), padding=(0, 2))]),
    "conv, groups": ((4, 6, 7), [conv(6, 4, groups=2)]),
    "conv, depthwise": ((4, 6, 7), [conv(8, 4, groups=4)]),
    "conv 1d": ((2, 9), [nir.Conv1d(None, values(4, 2, 3), 2, 1, 1, 1, values(4))]),
    "scale": ((2, 4, 4), [nir.Scale(values(2, 4, 4))]),
    "sum": ((2, 6, 6), [pool(nir.SumPool2d)]),
    "sum, padded": ((2, 6, 6), [pool(nir.SumPool2d, 3, 2, 1)]),
    "mean": ((2, 6, 6), [pool(nir.AvgPool2d, 3, 1, 1)]),
    "flatten": ((2, 3, 4), [flatten((2, 3, 4)), nir.Affine(values(3, 24), values(3))]),
    "flatten from 1": ((2, 3, 4), [flatten((2, 3, 4), 1)]),
    "flatten a vector": ((4,), [flatten((4,))]),
    "integrator": ((5,), [nir.Affine(values(3, 5), values(3)), nir.I(np.full(3, 2, np.float32))]),
    "fire": ((2, 3, 3), [fire(2, 3, 3)]),
    "fire, thresholds": ((4,), [fire(4, threshold=[0.5, 1, 2, 4])]),
    "fire, map of thresholds": ((2, 3, 3), [fire(2, 3, 3, threshold=np.abs(values(2, 3, 3)) + 0.1)]),
    "fire, r": ((4,), [fire(4, r=0.5)]),
    "fire to zero": ((4,), [fire(4, reset="zero")]),
    "fire above": ((4,), [fire(4, reset="zero", fires="above")]),
    "fire after flatten": ((2, 3, 3), [conv(2, 2), flatten((2, 1, 1)), fire(2, threshold=[0.5, 2])]),
}


@pytest.mark.parametrize("name", NODES)
def test_node(compare, name):
    shape, nodes = NODES[name]
    compare(shape, *nodes, metadata={"dt": 1.0})


def test_no_transposes_remain(compare):
    nodes = [conv(4, 2, padding=1), fire(4, 6, 6), pool(nir.SumPool2d), flatten((4, 3, 3)),
             nir.Affine(values(3, 36), values(3))]  # fmt: skip
    graph = compare((2, 6, 6), *nodes, metadata={"dt": 1.0})
    assert not [node.name for node in graph if isinstance(node.op, Transpose)]


def test_depthwise_is_recognized(compare):
    graph = compare((4, 6, 7), conv(4, 4, groups=4))
    assert isinstance(graph["n0"].op, DepthwiseConv2D)


@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("dt", [1.0, 0.25])
def test_leaky_neurons_step_as_forward_euler_does(chain, reset, dt):
    tau, r, threshold = np.full(4, 2.0), np.full(4, 3.0), np.full(4, 0.7)
    node = nir.LIF(tau, r, 0 * tau, threshold, metadata={"reset": reset, "fires": "above", "initial_potential": 0.1})
    graph = NirParser(dt=dt).parse(NirParser().load(chain((4,), node)))
    x = np.random.default_rng(4).uniform(-0.2, 1.5, (5, 4))
    v, counts = np.full((5, 4), 0.1), np.zeros((5, 4), int)
    for _ in range(40):
        v = v + dt / tau * (r * x - v)
        fired = v > threshold
        counts += fired
        v = np.where(fired, v - threshold if reset == "subtract" else 0, v)
    np.testing.assert_array_equal(simulate_plainly(graph, x, 40).counts["n0"], counts)
    assert counts.any()


def test_exactly_at_the_threshold(chain):
    """NIR's own equation fires above the threshold; who fires at it says so."""
    x = np.ones((1, 2))
    for fires, expected in (("at", 4), ("above", 2)):
        graph = NirParser().parse(NirParser().load(chain((2,), fire(2, reset="zero", fires=fires))))
        np.testing.assert_array_equal(simulate_plainly(graph, x, 4).counts["n0"], expected)


def test_the_option_wins_over_the_metadata(chain):
    graph = NirParser(reset="zero").parse(NirParser().load(chain((2,), fire(2))))
    assert next(node.op for node in graph if isinstance(node.op, IntegrateFire)).reset == "zero"


def test_what_is_assumed_is_said(chain):
    bare = nir.IF(np.ones(3, np.float32), np.ones(3, np.float32))
    parser = NirParser(reset="subtract")
    with pytest.warns(UserWarning, match=r"a potential of zero"):
        graph = parser.parse(parser.load(chain((3,), bare)))
    assert "potential of zero" in graph.meta["assumed"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said = NirParser().parse(NirParser().load(chain((3,), fire(3), metadata={"dt": 1.0, "steps": 20})))
    assert said.meta["steps"] == "20"
    assert "assumed" not in said.meta


def test_a_leaky_readout_is_its_mean_on_request(compare, chain):
    ones = np.ones(3, np.float32)
    nodes = [nir.Linear(values(3, 5)), nir.LI(2 * ones, 3 * ones, 0 * ones)]
    with pytest.raises(ParseError, match="readout"):
        NirParser().parse(NirParser().load(chain((5,), *nodes)))
    compare((5,), *nodes, parser=NirParser(readout="mean"))


ONES = np.ones(4, np.float32)
REFUSED = {
    "no reset": ([nir.IF(ONES, ONES)], ["'n0' (IF)", "does not say", "reset"]),
    "time": ([fire(4, r=10_000.0)], ["'n0' (IF)", "r is 10000", "dt"]),
    "leaky without time": ([nir.LIF(2 * ONES, ONES, 0 * ONES, ONES, metadata=SUBTRACT)], ["'n0' (LIF)", "dt"]),
    "v_reset": ([nir.IF(ONES, ONES, ONES, metadata=SUBTRACT)], ["'n0'", "v_reset"]),
    "synapses": ([nir.CubaLIF(ONES, ONES, ONES, ONES, ONES)], ["'n0' (CubaLIF)", "LIF"]),
    "threshold": ([nir.Threshold(ONES)], ["'n0' (Threshold)", "IF"]),
    "delay": ([nir.Delay(ONES)], ["'n0' (Delay)"]),
    "potentials": ([nir.I(ONES), nir.Linear(values(2, 4))], ["'n0' (I)", "spikes"]),
    "two weights": ([nir.Linear(values(3, 4)), nir.Linear(values(2, 3))], ["n1 follows n0", "no neuron"]),
    "shape": ([nir.Linear(values(3, 5))], ["'n0' (Linear)", "(3, 5)"]),
    "negative threshold": ([fire(4, threshold=-1.0)], ["above zero"]),
    "not finite": ([nir.Linear(np.full((3, 4), np.nan, np.float32))], ["n0", "not finite"]),
    "word": ([fire(4, reset="explode")], ["'n0'", "explode"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(chain, name):
    nodes, words = REFUSED[name]
    with pytest.raises(ParseError) as caught:
        NirParser().parse(NirParser().load(chain((4,), *nodes)))
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert [word for word in words if word not in message] == []


def test_leaks_that_cannot_be(chain):
    mixed = np.array([2, 3, 4, 5.0])
    for node, words in (
        (nir.LIF(mixed, ONES, 0 * ONES, ONES, metadata=SUBTRACT), "tau differs"),
        (nir.LIF(2 * ONES, ONES, ONES, ONES, metadata=SUBTRACT), "v_leak"),
        (nir.LIF(ONES / 2, ONES, 0 * ONES, ONES, metadata=SUBTRACT), "not longer"),
    ):
        with pytest.raises(ParseError, match=words):
            NirParser(dt=1.0).parse(NirParser().load(chain((4,), node)))


def test_loops_and_several_ends():
    ends = {"input": nir.Input({"input": np.array([4])}), "output": nir.Output({"output": np.array([4])})}
    nodes = {**ends, "a": fire(4), "b": nir.Linear(values(4, 4))}
    edges = [("input", "a"), ("a", "b"), ("b", "a"), ("a", "output")]
    with pytest.raises(ParseError, match="loop"):
        NirParser().parse(NirParser().load(nir.NIRGraph(nodes, edges, type_check=False)))
    nodes = {**ends, "other": nir.Input({"input": np.array([4])}), "a": fire(4)}
    edges = [("input", "a"), ("other", "a"), ("a", "output")]
    with pytest.raises(ParseError, match="2 Input nodes"):
        NirParser().parse(NirParser().load(nir.NIRGraph(nodes, edges, type_check=False)))
