"""Every shipped parser says of each node which layers of the source it stands for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from test_compliance import EXAMPLES, REGISTRY

from snntk_core.parser import Parser
from snntk_core.pipeline import load

SOURCES = [
    pytest.param(parser, example, id=f"{parser.name}-{index}")
    for _, parser in REGISTRY.parsers.items()
    for index, example in enumerate(parser.examples or EXAMPLES.get(parser.name, ()))
]


@pytest.mark.parametrize(("parser", "example"), SOURCES)
def test_every_node_stands_for_layers_of_the_source(parser: type[Parser], example: Callable[[], object]) -> None:
    missing = parser.missing()
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")
    graph = load(example(), REGISTRY, parser()).graph
    assert graph.layers
    assert all(graph.layers.values())
    for node in graph:
        assert node.origin, node.name
        assert set(node.origin) <= set(graph.layers), node.name
