"""What every clock-stepped simulator of spiking networks refuses, in the same words."""

from __future__ import annotations

import pytest

from snntk_brian2.simulator import Brian2Simulator
from snntk_core import Graph, Input, MaxPool, Node, Readout, Relu, Simulator, SpikeSource
from snntk_core.errors import Incompatible
from snntk_event.simulator import EventSimulator
from snntk_nest.simulator import NestSimulator
from snntk_numpy.simulator import NumpySimulator
from snntk_torchsim.simulator import TorchSimulator

SIMULATORS = [NumpySimulator, EventSimulator, TorchSimulator, Brian2Simulator, NestSimulator]


@pytest.fixture(autouse=True)
def library(simulator: type[Simulator]) -> None:
    for needed in simulator.requires:
        pytest.importorskip(needed, reason=f"{needed} is not installed")


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_what_is_not_spiking_is_refused_with_every_issue(simulator: type[Simulator]) -> None:
    nodes = (Node("in", Input((4, 4, 1))), Node("max", MaxPool((2, 2)), ("in",)), Node("relu", Relu(), ("max",)))
    with pytest.raises(Incompatible) as caught:
        simulator().compile(Graph(nodes))
    for part in ("not spiking", "max: MaxPool", "relu: Relu"):
        assert part in str(caught.value)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_a_second_output_and_a_readout_that_is_read_are_refused(simulator: type[Simulator]) -> None:
    source, out = Node("in", SpikeSource((2,))), Node("out", Readout(), ("in",))
    with pytest.raises(Incompatible, match="second output"):
        simulator().compile(Graph((source, out, Node("more", Readout(), ("in",))), ("out", "more")))
    with pytest.raises(Incompatible, match="reads this readout"):
        simulator().compile(Graph((source, out, Node("more", Readout(), ("out",)))))
