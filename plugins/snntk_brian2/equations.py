"""The equations of neurons, spiking pools and readouts, in Brian2's words.

A step lasts ``dt``.  Potentials are in volts: one volt is one unit of the network.  Multiplied by ``dt``, what stands
right of ``dv/dt`` loses its division by ``dt`` in exact algebra, so nothing is rounded that numpy does not round.
"""

from __future__ import annotations

from dataclasses import dataclass

from snntk_core import IntegrateFire, Op, SpikingMaxPool


@dataclass(frozen=True)
class Model:
    """What Brian2 is told of a group: the equations, when it spikes, what follows, and how long it then rests.

    ``threshold``: empty for what never spikes.  ``rest``: steps during which a neuron that spiked cannot spike.
    ``received``: what a spike that arrives does.
    """

    equations: str
    threshold: str = ""
    reset: str = ""
    rest: int = 0
    received: str = ""
    synapse: str = ""


READOUT = Model(
    """
    dv/dt = drive / dt : volt
    drive : volt
    """,
    received="v_post += w",
    synapse="w : volt (constant)",
)
COUNT = Model(
    """
    hits : 1
    largest : 1
    """,
    threshold="hits > 0",
    reset="""
    largest += 1
    hits = 0
    """,
    received="""
    hits_post += int(count >= largest_post)
    count += 1
    """,
    synapse="count : 1",
)
"""``count``: the spikes of an input so far; it raises the largest count when it had reached it before."""
GATE = Model(
    """
    hits : 1
    largest : 1
    """,
    threshold="hits > 0",
    reset="""
    top = floor(log(hits) / log(2))
    exact = top + int(2**(top + 1) <= hits) - int(2**top > hits)
    largest += exact + 1
    hits = 0
    """,
    received="""
    rank += taps
    hits_post += int(rank > largest_post) * 2**(rank - largest_post - 1)
    """,
    synapse="""
    rank : 1
    taps : 1 (shared, constant)
    """,
)
"""``rank``: ``taps * spikes so far + taps - 1 - place``, so no two inputs of a window have the same, and the largest is
the first with most spikes.  Only an input that spikes can become it, by 1 to ``taps`` more than the largest so far.
How much more is a power of two of its own, so a sum of them tells the largest, whatever the order of the spikes.
"""
MOST_TAPS = 52
"""A sum of so many different powers of two is exact in double precision."""


def neuron(op: IntegrateFire) -> Model:
    """Return the model of an integrate-and-fire neuron."""
    leak, rests = op.leak > 0, op.refractory > 0
    flow = "(drive - leak * v) / dt" if leak else "drive / dt"
    equations = [f"dv/dt = {flow} : volt" + (" (unless refractory)" if rests else "")]
    equations += ["drive : volt", "threshold : volt (constant)"]
    equations += ["leak : 1 (shared, constant)"] if leak else []
    return Model(
        "\n".join(equations),
        threshold="v >= threshold",
        reset="v -= threshold" if op.reset == "subtract" else "v = 0 * volt",
        rest=op.refractory + 1 if rests else 0,
        received=READOUT.received,
        synapse=READOUT.synapse,
    )


def model(op: Op) -> Model:
    """Return the model of neurons, of a spiking pool, or of a readout."""
    if isinstance(op, IntegrateFire):
        return neuron(op)
    if isinstance(op, SpikingMaxPool):
        return GATE if op.rule == "gate" else COUNT
    return READOUT
