"""Which arrays of a weight file belong to which layer, in both layouts that Keras writes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from snntk_keras.hdf5 import WeightFile, child, numbered
from snntk_keras.model import Route, Unsupported, Variables, printable
from snntk_keras.structure import Layer, Network, leaves

CONTAINERS = ("layers", "_layer_checkpoint_dependencies")
EXTRA = ("mask", "threshold", "pruning_step")


def read_variables(file: WeightFile, network: Network) -> dict[Route, Variables]:
    """Return the arrays of every layer that has some.  Raises `Unsupported` for a file that holds no weights."""
    legacy = child(file.root, "model_weights")
    legacy = file.root if legacy is None else legacy
    names = file.texts(legacy, "layer_names")
    if names is not None:
        return dict(_by_name(file, legacy, names, network))
    container = _container(file.root)
    if container is None:
        raise Unsupported("it holds no weights that Keras wrote")
    return dict(_by_class(file, container, network))


def _container(group: Any) -> Any | None:
    return next((found for name in CONTAINERS if (found := child(group, name)) is not None), None)


# -- Keras 3 (and .keras of Keras 2): groups named after classes ------------------------------------------------------


def snake_case(name: str) -> str:
    """Return a class name as Keras spells it in a file."""
    name = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _by_class(file: WeightFile, container: Any, network: Network) -> Iterator[tuple[Route, Variables]]:
    groups = dict(_matched(file, container, network))
    for layer in network.layers:
        group = groups.get(layer.name)
        if group is None:
            continue
        if layer.network is not None:
            inner = _container(group)
            if inner is not None:
                yield from _by_class(file, inner, layer.network)
        else:
            yield from _own(file, group, layer)


def _matched(file: WeightFile, container: Any, network: Network) -> Iterator[tuple[str, Any]]:
    """Each layer's group: by the name the group carries, or by its class and how many of that class came before."""
    carried = {}
    for key in container:
        variables = child(container, f"{key}/vars")
        name = file.text(variables, "name") if variables is not None else None
        if name is not None:
            carried[name] = child(container, key)
    seen: dict[str, int] = {}
    for layer in network.layers:
        stem = snake_case(layer.kind)
        count = seen[stem] = seen.get(stem, -1) + 1
        if layer.name in carried:
            yield layer.name, carried[layer.name]
        elif not carried:
            found = child(container, f"{stem}_{count}" if count else stem)
            found = child(container, layer.name) if found is None else found
            if found is not None:
                yield layer.name, found


def _own(file: WeightFile, group: Any, layer: Layer) -> Iterator[tuple[Route, Variables]]:
    variables = child(group, "vars")
    if variables is not None:
        arrays = tuple(file.budget.read(item, f"{layer.name}/{number}") for number, item in numbered(variables))
        if arrays:
            yield layer.route, Variables(arrays)
    inner = child(group, "layer")
    if layer.wrapped is not None and inner is not None:
        yield from _own(file, inner, layer.wrapped)


# -- Keras 1 to 3 in .h5: groups named after the layers, their arrays listed by name ---------------------------------


def _by_name(
    file: WeightFile, group: Any, names: tuple[str, ...], network: Network
) -> Iterator[tuple[Route, Variables]]:
    known = set(names)
    for layer in network.layers:
        found = child(group, layer.name) if layer.name in known else None
        listed = file.texts(found, "weight_names") if found is not None else None
        if listed:
            variables = Variables(tuple(file.budget.read(child(found, name), name) for name in listed), listed)
            yield from shared_out(layer, variables)


def shared_out(layer: Layer, variables: Variables) -> Iterator[tuple[Route, Variables]]:
    """Yield what of a layer's arrays belongs to each layer inside it."""
    if layer.network is not None:
        taken: Mapping[Route, list[int]] = {leaf.route: [] for leaf in leaves(layer.network)}
        for index, name in enumerate(variables.names):
            owner = _owner(layer.network, name)
            if owner is not None:
                taken[owner.route].append(index)
        for leaf in leaves(layer.network):
            yield from shared_out(leaf, _picked(variables, taken[leaf.route]))
    elif layer.wrapped is not None:
        plain = [i for i, name in enumerate(variables.names) if _stem(name) not in EXTRA]
        yield from shared_out(layer.wrapped, _picked(variables, plain))
    elif variables.arrays:
        yield layer.route, variables


def _picked(variables: Variables, indices: list[int]) -> Variables:
    return Variables(tuple(variables.arrays[i] for i in indices), tuple(variables.names[i] for i in indices))


def _stem(name: str) -> str:
    return name.rpartition("/")[2].partition(":")[0]


def _owner(network: Network, name: str) -> Layer | None:
    """The layer inside a model that an array's name speaks of: the one whose route it spells most fully."""
    parts = name.split("/")[:-1]
    best, score = None, 0
    for leaf in leaves(network):
        own = leaf.name in parts or (leaf.wrapped is not None and leaf.wrapped.name in parts)
        fit = 1 + sum(step in parts for step in leaf.route[:-1]) if own else 0
        if fit == score and fit:
            raise Unsupported(f"the weights {printable(name)!r} may belong to {best.name!r} or {leaf.name!r}")
        if fit > score:
            best, score = leaf, fit
    if best is None and not parts:
        best = next((leaf for leaf in leaves(network) if name.startswith(f"{leaf.name}_")), None)
    return best
