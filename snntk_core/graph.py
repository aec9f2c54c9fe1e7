"""The graph: nodes in topological order.  Immutable; every edit returns a new graph that shares the weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

from snntk_core.errors import GraphError, ShapeError, UnknownName
from snntk_core.node import Node
from snntk_core.number_format import NumberFormat
from snntk_core.ops import Input, Op, SpikeSource
from snntk_core.shapes import Shape
from snntk_core.validity import spiking_problems, structure_problems, value_problems


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in topological order and the names of the outputs (by default the last node).

    ``meta``, and ``layers``, the source's layers with what it calls their kind, are provenance: nothing depends on it.
    """

    nodes: tuple[Node, ...]
    outputs: tuple[str, ...] = ()
    meta: Mapping[str, str] = field(default_factory=dict)
    layers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        nodes = tuple(self.nodes)
        outputs = (self.outputs,) if isinstance(self.outputs, str) else tuple(self.outputs)
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "outputs", outputs or tuple(node.name for node in nodes[-1:]))
        object.__setattr__(self, "meta", MappingProxyType(dict(self.meta)))
        object.__setattr__(self, "layers", MappingProxyType(dict(self.layers)))

    # -- looking ----------------------------------------------------------------------------------------------------

    @cached_property
    def _by_name(self) -> Mapping[str, Node]:
        return {node.name: node for node in self.nodes}

    @cached_property
    def _users(self) -> Mapping[str, tuple[Node, ...]]:
        found: dict[str, list[Node]] = {node.name: [] for node in self.nodes}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                found.setdefault(name, []).append(node)
        return {name: tuple(users) for name, users in found.items()}

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """The output shape of every node, without batch.  Raises `GraphError` naming the node that does not fit."""
        shapes: dict[str, Shape] = {}
        for node in self.nodes:
            try:
                shapes[node.name] = node.op.infer(*(shapes[name] for name in node.inputs))
            except ShapeError as error:
                raise GraphError([f"{node.name}: {error}"]) from error
        return MappingProxyType(shapes)

    def __getitem__(self, name: str) -> Node:
        if name not in self._by_name:
            raise UnknownName("node", name, self._by_name)
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def users(self, name: str) -> tuple[Node, ...]:
        """Return the nodes that read ``name``, in order."""
        return self._users.get(name, ())

    @property
    def source(self) -> Node:
        """The one node where data enters."""
        found = [node for node in self.nodes if isinstance(node.op, Input | SpikeSource)]
        if len(found) != 1:
            raise GraphError([f"a graph has one input, this one has {len(found)}"])
        return found[0]

    @property
    def input_shape(self) -> Shape:
        """The shape of one sample in the model's own layout."""
        op = self.source.op
        assert isinstance(op, Input | SpikeSource)
        return op.shape

    @property
    def spiking(self) -> bool:
        """Whether data enters as current: the graph is a spiking network."""
        return any(isinstance(node.op, SpikeSource) for node in self.nodes)

    def __str__(self) -> str:
        shapes = self.shapes
        width = max((len(node.name) for node in self.nodes), default=0)
        lines = []
        for node in self.nodes:
            mark = "*" if node.name in self.outputs else " "
            formats = "".join(f" {key}:{fmt.bits}b" for key, fmt in node.formats.items())
            lines.append(
                f"{mark}{node.name:<{width}}  {type(node.op).__name__}{list(shapes[node.name])}"
                f" <- {', '.join(node.inputs) or '-'}{formats}"
            )
        return "\n".join(lines)

    # -- editing ----------------------------------------------------------------------------------------------------

    def _with(self, nodes: Iterable[Node], outputs: Iterable[str] | None = None) -> Graph:
        return replace(self, nodes=tuple(nodes), outputs=self.outputs if outputs is None else tuple(outputs))

    def _redirect(self, nodes: Iterable[Node], old: str, new: str, *, keep: str = "") -> Graph:
        moved = (
            node if node.name == keep else replace(node, inputs=tuple(new if i == old else i for i in node.inputs))
            for node in nodes
        )
        return self._with(moved, (new if name == old else name for name in self.outputs))

    def replace(
        self, name: str, op: Op, *, formats: Mapping[str, NumberFormat] | None = None, origin: Iterable[str] = ()
    ) -> Graph:
        """Return the graph with another op at ``name``; the old formats go unless given again.

        The node now stands for the layers ``origin`` too.
        """
        new = replace(self[name], op=op, formats=formats or {}, origin=(*self[name].origin, *origin))
        return self._with(new if node.name == name else node for node in self.nodes)

    def insert_after(self, name: str, new: str, op: Op, *, origin: Iterable[str] | None = None) -> Graph:
        """Return the graph with a node ``new`` behind ``name``; users and outputs read the new node.

        It stands for the layers ``origin``, by default those of ``name``.
        """
        self._require_free(new)
        nodes: list[Node] = []
        for node in self.nodes:
            nodes.append(node)
            if node.name == self[name].name:
                nodes.append(Node(new, op, (name,), origin=tuple(node.origin if origin is None else origin)))
        return self._redirect(nodes, name, new, keep=new)

    def insert_before(
        self, name: str, new: str, op: Op, *, position: int = 0, origin: Iterable[str] | None = None
    ) -> Graph:
        """Return the graph with a node ``new`` on one input of ``name``; other users of that input are untouched.

        It stands for the layers ``origin``, by default those of ``name``.
        """
        self._require_free(new)
        target = self[name]
        inputs = list(target.inputs)
        added = Node(new, op, (inputs[position],), origin=tuple(target.origin if origin is None else origin))
        inputs[position] = new
        nodes: list[Node] = []
        for node in self.nodes:
            nodes += [added, replace(node, inputs=tuple(inputs))] if node.name == name else [node]
        return self._with(nodes)

    def bypass(self, name: str) -> Graph:
        """Return the graph without ``name``; its users and the outputs read its one input instead."""
        (source,) = self[name].inputs
        return self._redirect((node for node in self.nodes if node.name != name), name, source)

    def rename(self, old: str, new: str) -> Graph:
        """Return the graph with ``old`` called ``new`` everywhere."""
        self._require_free(new)
        nodes = (replace(node, name=new) if node.name == self[old].name else node for node in self.nodes)
        return self._redirect(nodes, old, new)

    def without_unused(self) -> Graph:
        """Return the graph without nodes that no output depends on; the input stays."""
        needed = set(self.outputs)
        for node in reversed(self.nodes):
            if node.name in needed or isinstance(node.op, Input | SpikeSource):
                needed.update((node.name, *node.inputs))
        return self._with(node for node in self.nodes if node.name in needed)

    def free_name(self, stem: str) -> str:
        """Return ``stem``, or ``stem`` with the first number that makes it new."""
        name, count = stem, 2
        while name in self:
            name, count = f"{stem}_{count}", count + 1
        return name

    def _require_free(self, name: str) -> None:
        if name in self:
            raise GraphError([f"there is already a node {name!r}"])

    # -- proving ----------------------------------------------------------------------------------------------------

    def verify(self) -> Graph:
        """Return the graph itself if it is valid; raises `GraphError` with every problem found."""
        problems = structure_problems(self)
        if not problems:
            _ = self.shapes
            problems = value_problems(self) + (spiking_problems(self) if self.spiking else [])
        if problems:
            raise GraphError(problems)
        return self
