"""What every shipped file keeps: documented names, abstract or final classes, no pickle, no machine's paths."""

from __future__ import annotations

import ast
import importlib
import re
from abc import ABC
from collections.abc import Iterator
from inspect import getmembers, isabstract, isclass

from snntk_core.errors import SnntkError

VAGUE = re.compile(r"(utils?|helpers?|common|misc|base_.*)")
MACHINE_PATH = re.compile(r"(?<![\w.])/(work|root|tmp|home|Users)/")
TEXTS = ("README.md", "CONTRIBUTING.md", "constraints.txt", "docs/**/*.md", "benchmarks/**/*.py", "plugins/**/*.toml")
UNSAFE = {"pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
UNPICKLING = {  # the one place, and why
    ("plugins/snntk_lasagne/unpickling.py", "pickle"): "Lasagne's users saved pickles; its opcodes and globals are "
    "checked first, and the only globals that resolve are stand-ins that make arrays of numbers",
}


def public(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Yield the public functions and classes of a file, and the public methods of the classes, with their names."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                        yield f"{node.name}.{inner.name}", inner


def test_public_names_are_documented(sources):
    bare = [f"{s.path}: {name}" for s in sources for name, node in public(s.tree) if not ast.get_docstring(node)]
    bare += [source.path for source in sources if source.text.strip() and not ast.get_docstring(source.tree)]
    assert bare == []


def test_core_functions_say_what_they_return(sources):
    bare = [
        f"{source.path}:{node.lineno} {node.name}"
        for source in sources
        if source.package == "snntk_core"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef) and node.returns is None
    ]
    assert bare == []


def test_classes_are_abstract_or_final(sources):
    ours = {}
    for source in sources:
        if not source.module.endswith("__main__"):
            for _, cls in getmembers(importlib.import_module(source.module), isclass):
                if cls.__module__ == source.module:
                    ours[cls] = source.path
    subclassed = [
        f"{path}: {cls.__name__} is a subclass of the concrete {base.__name__}"
        for cls, path in ours.items()
        for base in cls.__bases__
        if base in ours and base is not SnntkError and not (isabstract(base) or ABC in base.__bases__)
    ]
    assert subclassed == []


def test_no_super_and_no_hasattr(sources):
    used = [
        f"{source.path}:{node.lineno} {node.func.id}"
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("super", "hasattr")
    ]
    assert used == []


def test_modules_have_names_that_say_something(sources):
    assert [s.path for s in sources if VAGUE.fullmatch(s.module.rpartition(".")[2])] == []


def test_nothing_is_unpickled_or_evaluated(sources):
    found = []
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                unsafe = [name for name in names if name.split(".")[0] in UNSAFE]
                unsafe = [name for name in unsafe if (source.path, name) not in UNPICKLING]
                found += [f"{source.path}:{node.lineno} {name}" for name in unsafe]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
                found.append(f"{source.path}:{node.lineno} {node.func.id}")
            elif isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
                found.append(f"{source.path}:{node.lineno} allow_pickle")
    assert found == []


def test_modules_are_executed_in_one_place(sources):
    executing = [
        source.module for source in sources if re.search(r"^[^\"']*\bexec_module\(", source.text, re.MULTILINE)
    ]
    # a plugin file with --plugin, what a test imports, and a Lasagne script with --trust
    allowed = {"snntk_core.registry", "snntk_core.testing.component", "snntk_lasagne.running"}
    assert set(executing) <= allowed


def test_no_path_of_some_machine(root, sources):
    texts = {source.path: source.text for source in sources}
    for pattern in TEXTS:
        for path in root.glob(pattern):
            if "_build" not in path.parts:
                texts[path.relative_to(root).as_posix()] = path.read_text(encoding="utf-8")
    found = [
        f"{path}:{number} {line.strip()}"
        for path, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []
