"""Finding plugins and what they offer.  One bad plugin is listed with its reason and takes nothing down."""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from zlib import crc32

import pluggy

from snntk_core import hookspecs
from snntk_core.catalog import Catalog
from snntk_core.component import Component
from snntk_core.errors import PluginError, UnreadableSource, did_you_mean, listed, said
from snntk_core.parser import Parser
from snntk_core.quantizer import ActivationQuantizer, WeightQuantizer
from snntk_core.simulator import Simulator
from snntk_core.transform import Transform

GROUP = "snntk"


@dataclass(frozen=True)
class PluginInfo:
    """A plugin as `snntk --list-plugins` shows it.  ``error``: why it, or a name it claims, cannot be used."""

    name: str
    distribution: str = ""
    version: str = ""
    components: tuple[str, ...] = ()
    error: str | None = None
    details: str = ""


KINDS: tuple[tuple[str, str, tuple[type, ...]], ...] = (
    ("parser", "snntk_parsers", (Parser,)),
    ("transform", "snntk_transforms", (Transform,)),
    ("quantizer", "snntk_quantizers", (WeightQuantizer, ActivationQuantizer)),
    ("simulator", "snntk_simulators", (Simulator,)),
)


class Registry:
    """The plugins and their components.  Make one with `discover`; there is no global one."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(hookspecs)
        self._plugins: list[PluginInfo] = []
        self.parsers: Catalog[type[Parser]] = Catalog("parser")
        self.transforms: Catalog[type[Transform]] = Catalog("transform")
        self.quantizers: Catalog[type[WeightQuantizer | ActivationQuantizer]] = Catalog("quantizer")
        self.simulators: Catalog[type[Simulator]] = Catalog("simulator")
        self.recipes: Catalog[Path] = Catalog("recipe")

    @classmethod
    def discover(cls, *, only: Collection[str] | None = None, block: Collection[str] = ()) -> Registry:
        """Return a registry of the installed plugins.

        ``only`` and ``block`` narrow it by name; by default the environment variables ``SNNTK_PLUGINS`` and
        ``SNNTK_BLOCK``, comma-separated, do.
        """
        only = _names("SNNTK_PLUGINS") if only is None else only
        block = block or _names("SNNTK_BLOCK") or ()
        registry = cls()
        for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
            if (only is not None and point.name not in only) or point.name in block:
                continue
            distribution = point.dist.name if point.dist else ""
            version = point.dist.version if point.dist else ""
            try:
                plugin = point.load()
            except (Exception, SystemExit) as error:
                registry._broken(point.name, distribution, version, error)
            else:
                registry.register(plugin, point.name, distribution=distribution, version=version)
        return registry

    @property
    def plugins(self) -> tuple[PluginInfo, ...]:
        """Every plugin found, broken ones included; a name claimed twice is an error of all that claim it."""
        return tuple(replace(info, error=info.error or self._clash(info)) for info in self._plugins)

    def _catalog(self, kind: str) -> Catalog[Any]:
        return getattr(self, f"{kind}s")  # type: ignore[no-any-return]

    def _clash(self, info: PluginInfo) -> str | None:
        for component in info.components:
            kind, _, name = component.partition(" ")
            others = [owner for owner in self._catalog(kind).owners(name) if owner != info.name]
            if others:
                return f"the {kind} name {name!r} is also claimed by {listed(others)}; say {info.name}/{name}"
        return None

    def _broken(self, name: str, distribution: str, version: str, error: BaseException) -> PluginInfo:
        lines = str(error).strip().splitlines()
        kind = "" if isinstance(error, PluginError) else type(error).__name__
        reason = ": ".join(part for part in (kind, lines[-1] if lines else "") if part)
        details = "".join(traceback.format_exception(error))
        self._plugins.append(PluginInfo(name, distribution, version, (), reason, details))
        return self._plugins[-1]

    def register(self, plugin: object, name: str, *, distribution: str = "", version: str = "") -> PluginInfo:
        """Add a plugin object; returns how it is listed, which says so when it is broken."""
        if any(info.name == name for info in self._plugins):
            taken = PluginError(f"the plugin name {name!r} is taken by another installed plugin")
            return self._broken(name, distribution, version, taken)
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
            offers = list(self._offers(plugin))
            if not offers and not self._observes(plugin):
                raise PluginError("it offers nothing: no hook of snntk, marked with @hookimpl, returns anything")
            for kind, label, item in offers:
                self._catalog(kind).claim(name, label, item)
        except Exception as error:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            for catalog in (self.parsers, self.transforms, self.quantizers, self.simulators, self.recipes):
                catalog.withdraw(name)
            return self._broken(name, distribution, version, error)
        components = tuple(f"{kind} {label}" for kind, label, _ in offers)
        self._plugins.append(PluginInfo(name, distribution, version, components))
        return self._plugins[-1]

    def register_file(self, path: str | Path) -> PluginInfo:
        """Add the plugin written in one Python file, which is executed: only ever on the user's word."""
        path = Path(path)
        name = path.stem
        if not path.is_file():
            raise PluginError(f"There is no plugin file {path}.")
        # under a name of its own: a file called like a library must not stand in for it
        private = f"_snntk_plugin_{name}_{crc32(str(path.resolve()).encode()):08x}"
        spec = importlib.util.spec_from_file_location(private, path)
        if spec is None or spec.loader is None:
            raise PluginError(f"{path} is not a Python file.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[private] = module
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            sys.modules.pop(private, None)
            return self._broken(name, str(path), "", error)
        return self.register(module, name, distribution=str(path))

    def _observes(self, plugin: object) -> bool:
        offering = {"snntk_recipes", *(hook for _, hook, _ in KINDS)}
        return any(caller.name not in offering for caller in self._manager.get_hookcallers(plugin) or ())

    def _ask(self, plugin: object, hook: str) -> list[Any]:
        others = [other for other in self._manager.get_plugins() if other is not plugin]
        answers = self._manager.subset_hook_caller(hook, others)()
        return [item for answer in answers for item in answer]

    def _offers(self, plugin: object) -> Iterator[tuple[str, str, Any]]:
        for kind, hook, bases in KINDS:
            for item in self._ask(plugin, hook):
                yield kind, _checked(kind, item, bases).name, item
        for path in self._ask(plugin, "snntk_recipes"):
            if Path(path).suffix != ".toml" or not Path(path).is_file():
                raise PluginError(f"the recipe {path} is not a .toml file")
            yield "recipe", Path(path).stem, Path(path)

    def notify(self, hook: str, **arguments: object) -> tuple[str, ...]:
        """Call an observer hook of every plugin; returns what failed, one line each."""
        failures = []
        for plugin in self._manager.get_plugins():
            others = [other for other in self._manager.get_plugins() if other is not plugin]
            try:
                self._manager.subset_hook_caller(hook, others)(**arguments)
            except Exception as error:
                failures.append(f"{self._manager.get_name(plugin)} failed in {hook}: {said(error)}")
        return tuple(failures)

    def parser_for(self, source: object, name: str | None = None) -> type[Parser]:
        """Return the parser called ``name``, or the one that accepts ``source``.

        Raises `UnreadableSource` when none accepts it (saying what each reads) or several do (saying which).
        """
        if name is not None:
            return self.parsers[name]
        paths = source if isinstance(source, tuple) else (source,)
        for path in paths:
            if isinstance(path, str | Path) and not Path(path).exists():
                near = did_you_mean(Path(path).name, [p.name for p in Path(path).parent.glob("*")])
                raise UnreadableSource(f"There is no file {path}.{near}")
        takers, failures = self._asked(source)
        if len(takers) > 1:
            raise UnreadableSource(f"{describe(source)} can be read by {listed(takers)}. Say which with --parser.")
        if not takers:
            reads = "; ".join(f"{name} reads {parser.reads or 'its own'}" for name, parser in self.parsers.items())
            problems = "".join(f" {failure}" for failure in failures)
            raise UnreadableSource(
                f"No parser reads {describe(source)}. {reads or 'No parser is installed'}.{problems}"
            )
        return self.parsers[takers[0]]

    def _asked(self, source: object) -> tuple[list[str], list[str]]:
        """Return the parsers that accept ``source``, and a sentence for each that fails to say whether it does."""
        takers, failures = [], []
        for label, parser in self.parsers.items():
            try:
                if parser().accepts(source):
                    takers.append(label)
            except Exception as error:
                plugin = label.rpartition("/")[0] or self.parsers.owners(label)[0]
                failures.append(f"The parser {parser.name} of the plugin {plugin} failed to look: {said(error)}.")
        return takers, failures


def describe(source: object) -> str:
    """Return a source in a few words: its paths, or the type of a live model."""
    if isinstance(source, tuple):
        return " with ".join(map(describe, source))
    return str(source) if isinstance(source, str | Path) else f"a {type(source).__module__}.{type(source).__qualname__}"


def _names(variable: str) -> tuple[str, ...] | None:
    value = os.environ.get(variable)
    return tuple(name.strip() for name in value.split(",") if name.strip()) if value is not None else None


def _checked(kind: str, item: Any, bases: Iterable[type]) -> type[Component]:
    """Return ``item`` if it is a usable component class; raises `PluginError` with what is wrong."""
    title = getattr(item, "__name__", repr(item))
    if not isinstance(item, type) or not issubclass(item, tuple(bases)):
        raise PluginError(f"{title} is not a {' or '.join(base.__name__ for base in bases)} class")
    if not isinstance(getattr(item, "name", None), str):
        raise PluginError(f"the {kind} {title} has no name")
    if "__dataclass_params__" not in vars(item) or not vars(item)["__dataclass_params__"].frozen:
        raise PluginError(f"the {kind} {title} is not a frozen dataclass")
    missing = getattr(item, "__abstractmethods__", None)
    if missing:
        raise PluginError(f"the {kind} {title} lacks {listed(missing)}")
    return item  # type: ignore[return-value]
