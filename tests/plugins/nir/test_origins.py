"""What each NIR node became."""

import numpy as np

from snntk_core.provenance import nodes_by_layer
from snntk_nir import NirParser


def test_nodes_of_a_graph(chain):
    import nir

    one = np.ones(4, np.float32)
    fire = nir.IF(r=one, v_threshold=one, v_reset=0 * one, metadata={"reset": "subtract"})
    weights = nir.Linear(weight=np.ones((4, 6), np.float32))
    graph = NirParser().parse(NirParser().load(chain((6,), weights, fire, nir.Scale(scale=one))))
    found = nodes_by_layer(graph)
    assert graph.layers["n1"] == "IF"
    assert found["n0"] == ("n0",)
    assert found["n1"][0] == "n1"
    assert set(found) == {"input", "n0", "n1", "n2", "output"}
    assert all(found.values())
