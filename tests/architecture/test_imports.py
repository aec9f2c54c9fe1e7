"""Who may import whom, and what is never imported at start-up."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys

from snntk_core.registry import Registry
from snntk_core.testing.component import HEAVY

START_UP = """
import contextlib, io, json, sys
import snntk
early = sorted(sys.modules)
from snntk.cli.main import main
with contextlib.redirect_stdout(io.StringIO()):
    code = main(["--list-plugins"])
print(json.dumps([code, early, sorted(sys.modules)]))
"""


def imported(tree: ast.AST) -> set[str]:
    """Return the top packages that the import statements in ``tree`` name."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def at_module_level(tree: ast.Module) -> set[str]:
    """Return what importing the file imports: no function bodies, no blocks for type checkers."""
    names: set[str] = set()
    for node in tree.body:
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not typing_only and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            statements = [node] if not isinstance(node, ast.ClassDef) else []
            names |= {name for statement in statements for name in imported(statement)}
    return names


def test_import_contracts_hold(root):
    lint = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"
    done = subprocess.run([sys.executable, "-c", lint], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_import_contracts_name_every_package(project, sources):
    packages = {source.package for source in sources}
    assert set(project["tool"]["importlinter"]["root_packages"]) == packages
    independent = project["tool"]["importlinter"]["contracts"][1]["modules"]
    assert set(independent) == packages - {"snntk_core"}
    assert set(project["project"]["entry-points"]["snntk"].values()) == packages - {"snntk_core", "snntk"}


def test_plugins_import_only_the_core(sources):
    wrong = [
        f"{source.path} imports {name}"
        for source in sources
        for name in imported(source.tree)
        if name.startswith("snntk") and name not in (source.package, "snntk_core")
    ]
    assert wrong == []


def test_no_library_at_module_level(sources):
    required = {m.partition(".")[0] for _, parser in Registry.discover().parsers.items() for m in parser.requires}
    heavy = {*HEAVY, *required, "pytest", "rich"}
    wrong = [f"{s.path} imports {name}" for s in sources for name in at_module_level(s.tree) & (heavy - allowed(s))]
    assert wrong == []


def allowed(source) -> set[str]:
    """Return what a file may import as it loads: compiled loops are functions of numba, see decision 0022."""
    return {"numba"} if ".kernels." in source.module else set()


def test_compiled_loops_load_inside_functions_only(sources):
    kernels = re.compile(r"^(from|import) snntk_\w+\.kernels\.", re.MULTILINE)
    outside = [source for source in sources if not allowed(source)]
    assert [s.path for s in outside if any(kernels.match(ast.unparse(node)) for node in s.tree.body)] == []


def test_rich_is_imported_in_one_module(sources):
    assert [source.module for source in sources if "rich" in imported(source.tree)] == ["snntk.cli.render"]


def test_start_up_loads_no_framework():
    done = subprocess.run([sys.executable, "-c", START_UP], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    code, early, late = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    assert [name for name in HEAVY if name in late] == []
    assert [name for name in ("rich", "argparse", "pytest") if name in early] == []
