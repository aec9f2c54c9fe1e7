"""A catalog: things of one kind by name, where nobody wins a name by luck."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from snntk_core.errors import AmbiguousName, PluginError, UnknownName

T = TypeVar("T")


class Catalog(Generic[T]):
    """Things of one kind by name.  A name that two plugins claim is good only as ``plugin/name``."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._claims: dict[str, dict[str, T]] = {}

    def claim(self, plugin: str, name: str, item: T) -> None:
        """Record that ``plugin`` offers ``item`` as ``name``; raises `PluginError` when it offers another as that."""
        if plugin in self._claims.get(name, {}):
            raise PluginError(f"it offers two {self.kind}s called {name!r}; rename one")
        self._claims.setdefault(name, {})[plugin] = item

    def withdraw(self, plugin: str) -> None:
        """Forget what ``plugin`` has claimed."""
        for name in [name for name, claims in self._claims.items() if plugin in claims]:
            del self._claims[name][plugin]
            if not self._claims[name]:
                del self._claims[name]

    def owners(self, name: str) -> tuple[str, ...]:
        """Return the plugins that claim ``name``."""
        return tuple(self._claims.get(name, {}))

    def __getitem__(self, name: str) -> T:
        """Return the item.  Raises `UnknownName` with the nearest name, or `AmbiguousName` with what to say."""
        plugin, _, bare = name.rpartition("/")
        claims = self._claims.get(bare, {})
        if plugin in claims:
            return claims[plugin]
        if plugin or not claims:
            raise UnknownName(self.kind, name, self.names())
        if len(claims) > 1:
            raise AmbiguousName(self.kind, name, [f"{owner}/{name}" for owner in claims])
        return next(iter(claims.values()))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def names(self) -> tuple[str, ...]:
        """Return every usable name, sorted: bare where one plugin claims it, else with the plugin."""
        found = []
        for name, claims in self._claims.items():
            found += [name] if len(claims) == 1 else [f"{plugin}/{name}" for plugin in claims]
        return tuple(sorted(found))

    def items(self) -> Iterator[tuple[str, T]]:
        """Yield every usable name with its item."""
        return ((name, self[name]) for name in self.names())
