"""Small NIR graphs, and a simulation of both sides."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from snntk_core import Graph, evaluate
from snntk_nir import NirExporter, NirParser

nir = pytest.importorskip("nir", reason="nir is not installed")


@pytest.fixture
def reread(tmp_path) -> Callable[..., Graph]:
    """Write a graph as a NIR file and read it again."""

    def again(graph, parser=None, **options):
        with NirExporter(**options).compile(graph) as program:
            artifact = program.export(tmp_path)
        assert list(artifact.files) == ["net.nir"]
        parser = parser or NirParser()
        return parser.parse(parser.load(tmp_path / "net.nir"))

    return again


@pytest.fixture
def chain() -> Callable[..., "nir.NIRGraph"]:
    """Build a NIRGraph of nodes one after the other, without type checks."""

    def built(shape, *nodes, metadata=None):
        first = nir.Input(input_type={"input": np.array(shape)})
        last = nir.Output(output_type={"output": np.array([1])})
        named = {"input": first, **{f"n{i}": node for i, node in enumerate(nodes)}, "output": last}
        names = list(named)
        edges = list(itertools.pairwise(names))
        return nir.NIRGraph(named, edges, metadata=metadata or {}, type_check=False)

    return built


@pytest.fixture
def compare(chain) -> Callable[..., Graph]:
    """Check that the graph of a chain computes what the forward pass over its nodes gives; return the graph."""

    def compared(shape, *nodes, metadata=None, parser=None):
        parser = parser or NirParser()
        model = parser.load(chain(shape, *nodes, metadata=metadata))
        graph = parser.parse(model)
        batch = np.random.default_rng(2).uniform(-0.5, 1.5, (3, *shape)).astype(np.float32)
        truth, found = parser.predict(model, batch), evaluate(graph, batch)
        assert truth.shape == found.shape
        assert truth.any()
        np.testing.assert_allclose(found, truth, rtol=1e-4, atol=1e-5)
        return graph

    return compared
