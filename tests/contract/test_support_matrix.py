"""What the support matrix says is true: a network is compiled where nothing is said against it, and refused elsewhere.

A refusal names nodes of the network, says of each what to do, and needs no library.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from snntk_core import Graph, IntegrateFire, Runnable, Simulator
from snntk_core.errors import Incompatible, MissingLibrary
from snntk_core.registry import Registry
from snntk_core.testing.spiking_graphs import exact_batch, networks, neuron_examples, op_examples
from snntk_core.testing.stepped_reference import simulate_plainly
from snntk_core.testing.support_matrix import Support, feature_examples, spiking_targets, support_matrix

SIMULATORS = spiking_targets(found for _, found in Registry.discover().simulators.items())
EXAMPLES: dict[str, Graph] = {
    **{f"the op {op.__name__}": graph for op, graph in op_examples().items()},
    **{feature: graph for graphs in feature_examples().values() for feature, graph in graphs.items()},
}


ONLY_HERE = {feature for graphs in feature_examples().values() for feature in graphs} - {
    *neuron_examples(), *networks(), *(op.__name__ for op in op_examples())
}  # fmt: skip
"""Features that the compliance kit does not run."""
STEPS = 10


def assert_as_the_plain_loop(program: Runnable, graph: Graph, feature: str) -> None:
    batch = exact_batch(graph, 2)
    expected, got = simulate_plainly(graph, batch, STEPS), program.run(batch, duration=STEPS)
    for name, counts in expected.counts.items():
        np.testing.assert_array_equal(got.spike_counts[name], counts, err_msg=f"{feature}: {name}")
    np.testing.assert_allclose(got.scores, expected.scores, atol=1e-5, err_msg=feature)


def cases(*, taken: bool) -> Iterator[object]:
    for simulator in SIMULATORS:
        for feature, graph in EXAMPLES.items():
            if taken is not bool(simulator.capabilities.check(graph)):
                yield pytest.param(simulator, graph, id=f"{simulator.name}-{feature}")


@pytest.mark.parametrize(("simulator", "graph"), cases(taken=False))
def test_what_is_not_taken_is_refused_by_name_with_a_remedy(simulator: type[Simulator], graph: Graph) -> None:
    said = simulator.capabilities.check(graph)
    assert all(issue.node in graph for issue in said)
    assert all(issue.problem and issue.remedy for issue in said), said
    with pytest.raises(Incompatible) as caught:
        simulator().compile(graph)
    assert set(said) <= set(caught.value.issues)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("simulator", SIMULATORS, ids=lambda simulator: simulator.name)
def test_what_is_taken_compiles_and_runs_as_the_plain_loop(simulator: type[Simulator]) -> None:
    for needed in simulator.missing():
        pytest.skip(f"{needed} is not installed")
    for feature, graph in EXAMPLES.items():
        support = Support.of(simulator, feature, graph)
        if support.taken != "no":
            try:
                with simulator().compile(support.graph.verify()) as program:
                    if isinstance(program, Runnable) and feature in ONLY_HERE:
                        assert_as_the_plain_loop(program, support.graph, feature)
            except MissingLibrary as error:
                pytest.skip(str(error))
            except Incompatible as error:
                pytest.fail(f"{feature}: {error}")


def test_regular_spikes_are_asked_about_as_a_recipe_makes_them() -> None:
    graph = feature_examples()["Input and output"]["regular spikes"]
    for simulator in SIMULATORS:
        support = Support.of(simulator, "regular spikes", graph)
        neurons = {node.name: node.op.reset for node in support.graph if isinstance(node.op, IntegrateFire)}
        assert neurons["positive"] == neurons["negative"] == "subtract"
        assert (neurons["neuron1"] == "zero") == (support.taken == "zero" or simulator.name == "pynn-script")
        assert support.taken == {"loihi": "zero", "pynn": "zero", "pynn-script": "no"}.get(simulator.name, "yes")


def test_every_row_has_an_answer_of_every_simulator() -> None:
    tables = support_matrix(SIMULATORS)
    assert {row.feature for rows in tables.values() for row in rows} == {
        feature for graphs in feature_examples().values() for feature in graphs
    }
    for rows in tables.values():
        for row in rows:
            for simulator in SIMULATORS:
                support = row.support[simulator.name]
                assert (support.taken == "no") == bool(support.issues)
                assert support.issues == simulator.capabilities.check(support.graph)
                assert support.taken != "yes" or support.graph is row.graph
