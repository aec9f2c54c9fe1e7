"""A network as the files of another simulator or a device."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from snntk.given import checked_graph, installed
from snntk_core.errors import ArtifactError, Incompatible, SnntkError, listed
from snntk_core.graph import Graph
from snntk_core.provenance import traced
from snntk_core.registry import Registry
from snntk_core.simulator import Artifact, Exportable, Simulator

Check = Callable[[Iterable[Path]], None]
"""Raises for paths that may not be written."""


def export(
    graph: Graph, path: str | Path, *, simulator: str | Simulator = "nir", registry: Registry | None = None
) -> Artifact:
    """Write a graph for a simulator that runs elsewhere, and return the folder and the sha256 of each file.

    The graph is a spiking one, or a quantized one for a simulator that takes these.
    ``path``: the file, where one is written and the suffixes agree, as ``net.nir``; else the folder for all of them.
    Raises `Incompatible` with every node that the simulator cannot take, `MissingLibrary`, `SnntkError` for a simulator
    that writes nothing, and `ArtifactError` when the path cannot be written.

    >>> snntk.export(spiking, "net.nir", simulator="nir").files
    """
    registry, graph = registry or installed(), checked_graph(graph)
    found = registry.simulators[simulator]() if isinstance(simulator, str) else simulator
    return exported(graph, Path(path).expanduser(), found, registry, lambda paths: None)


def exported(graph: Graph, path: Path, simulator: Simulator, registry: Registry, check: Check) -> Artifact:
    """Write ``graph`` to ``path``; ``check`` is given what is about to be written."""
    if not graph.spiking and simulator.takes == "spiking":
        raise SnntkError("The network is not a spiking one. Convert it first: snntk.convert, or snntk convert.")
    if not is_exporter(simulator):
        raise SnntkError(f"The simulator {simulator.name} runs networks and writes none. {_exporters(registry)}")
    simulator.require()
    issues = simulator.capabilities.check(graph)
    if issues:
        raise Incompatible(simulator.name, traced(graph, issues))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with simulator.compile(graph) as program, TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as made:
            if not isinstance(program, Exportable):
                raise SnntkError(f"The simulator {simulator.name} says that it writes networks, and does not.")
            return _moved(Path(made), program.export(Path(made)).files, path, check)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be written: {error.strerror or error}.") from error


def is_exporter(simulator: Simulator | type[Simulator]) -> bool:
    """Whether a simulator writes networks for elsewhere: it has no clock."""
    return simulator.clock == "none"


def _exporters(registry: Registry) -> str:
    names = [label for label, simulator in registry.simulators.items() if is_exporter(simulator)]
    return f"Simulators that write: {listed(names)}."


def _moved(made: Path, files: Mapping[str, str], path: Path, check: Check) -> Artifact:
    """Move what was made in a folder to where it belongs, each file at once."""
    alone = len(files) == 1 and not path.is_dir() and path.suffix and path.suffix == Path(*files).suffix
    targets = {name: path if alone else path / name for name in files}
    check(targets.values())
    for name, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(made / name, target)  # noqa: PTH105
    folder = path.parent if alone else path
    return Artifact(folder, {str(targets[name].relative_to(folder)): digest for name, digest in files.items()})
