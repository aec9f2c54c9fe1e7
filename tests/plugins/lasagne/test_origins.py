"""What each layer of Lasagne became."""

from snntk_core.provenance import nodes_by_layer

BODY = [
    "l = DenseLayer(l, 5, name='hidden')",
    "l = DropoutLayer(l, name='drop')",
    "return DenseLayer(l, 3, nonlinearity=None, name='scores')",
]


def test_layers_of_a_script(compare):
    graph = compare(BODY, [(12, 5), (5,), (5, 3), (3,)], (12,))
    found = nodes_by_layer(graph)
    assert found["hidden"] == ("hidden", "hidden_rectify")
    assert found["drop"] == ("drop",)
    assert found["scores"] == ("scores",)
    assert graph.layers["hidden"] == "DenseLayer"
