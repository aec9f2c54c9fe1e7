"""What plugins offer, as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from snntk_core.component import Component
from snntk_core.parser import Parser
from snntk_core.quantizer import ActivationQuantizer, WeightQuantizer
from snntk_core.registry import KINDS, PluginInfo, Registry


@dataclass(frozen=True)
class Offer:
    """One component of a plugin; a preset recipe has no ``component`` but a ``path``."""

    kind: str
    name: str
    component: type[Component] | None = None
    path: str = ""


def offers(registry: Registry, info: PluginInfo) -> Iterator[Offer]:
    """Yield what a plugin offers, in its order."""
    kinds = {kind for kind, _, _ in KINDS}
    for entry in info.components:
        kind, _, name = entry.partition(" ")
        found: Any = getattr(registry, f"{kind}s")[f"{info.name}/{name}"]
        yield Offer(kind, name, found) if kind in kinds else Offer(kind, name, path=str(found))


def described(registry: Registry, info: PluginInfo) -> dict[str, Any]:
    """Return a plugin and its components, ready for JSON."""
    return {
        "name": info.name,
        "version": info.version,
        "distribution": info.distribution,
        "error": info.error,
        "components": [_described(offer) for offer in offers(registry, info)],
    }


def _described(offer: Offer) -> dict[str, Any]:
    component = offer.component
    entry: dict[str, Any] = {"kind": offer.kind, "name": offer.name}
    if component is None:
        return {**entry, "path": offer.path}
    missing = component.missing()
    return {
        **entry,
        "summary": component.summary(),
        "reads": component.reads if issubclass(component, Parser) else "",
        "quantizes": quantizes(component),
        "options": [asdict(option) for option in component.options()],
        "missing": list(missing),
        "install": (component.install or f"pip install {' '.join(missing)}") if missing else "",
    }


def quantizes(component: type[Component]) -> str:
    """Return what a quantizer rounds, and an empty string for another component."""
    if issubclass(component, WeightQuantizer):
        return "weights"
    return "activations" if issubclass(component, ActivationQuantizer) else ""
