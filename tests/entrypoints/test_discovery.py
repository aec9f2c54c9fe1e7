"""Installed plugins in a process of their own: what is imported, and what a broken one does to the others."""

import json
import textwrap
from pathlib import Path

import pytest

HEAVY = (
    *("tensorflow", "torch", "onnx", "onnxruntime", "numba", "brian2", "h5py", "keras", "tf_keras", "sklearn", "scipy"),
    *("nir", "google.protobuf", "caffe2onnx", "threadpoolctl"),
)

GOOD = """
    from dataclasses import dataclass
    from snntk_core import NumberFormat, WeightQuantizer, hookimpl

    @dataclass(frozen=True)
    class Good(WeightQuantizer):
        '''Eight bits.'''

        name = "NAME"

        def format_for(self, array, role, node):
            return NumberFormat(8, 1.0)

    @hookimpl
    def snntk_quantizers():
        return [Good]
"""


def install(folder: Path, name: str, source: str) -> None:
    """Put a distribution with one plugin module into ``folder``, as pip would."""
    (folder / f"{name}.py").write_text(textwrap.dedent(source))
    info = folder / f"{name}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[snntk]\n{name} = {name}\n")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages with one good plugin."""
    folder = tmp_path / "site"
    folder.mkdir()
    install(folder, "good", GOOD.replace("NAME", "eight"))
    return folder


def listing(process, site: Path, *more: str) -> dict:
    """Return what ``--list-plugins --json`` says, by plugin."""
    done = process("--list-plugins", "--json", *more, path=site)
    assert (done.code, done.err) == (0, "")
    return {entry["name"]: entry for entry in json.loads(done.out)}


def test_an_installed_plugin_is_listed_with_its_distribution_and_version(process, site: Path) -> None:
    good = listing(process, site)["good"]
    assert (good["distribution"], good["version"], good["error"]) == ("good", "1.2", None)
    assert [(c["kind"], c["name"], c["summary"]) for c in good["components"]] == [("quantizer", "eight", "Eight bits.")]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("raise SystemExit('gone')", "SystemExit: gone"),
        ("def broken(:", "SyntaxError"),
        (GOOD.replace("snntk_quantizers", "snntk_quantisers"), "unknown hook 'snntk_quantisers'"),
        (GOOD.replace("return [Good]", "return [Good()]"), "Good() is not a WeightQuantizer"),
        (GOOD.replace("return [Good]", "return [1 / 0]"), "ZeroDivisionError"),
    ],
    ids=["import error", "exit", "syntax error", "misspelt hook", "instance", "raising hook"],
)
def test_a_broken_plugin_says_why_and_takes_nothing_down(process, site: Path, source: str, reason: str) -> None:
    install(site, "bad", source)
    entries = listing(process, site)
    assert reason in entries["bad"]["error"]
    assert entries["good"]["error"] is None
    done = process("--list-plugins", path=site)
    assert "broken: " in done.out
    assert "Traceback" not in done.out + done.err
    assert "1 broken" in done.out


def test_two_plugins_that_claim_one_name_are_both_shown(process, site: Path) -> None:
    install(site, "twin", GOOD.replace("NAME", "eight"))
    entries = listing(process, site)
    assert "also claimed by twin; say good/eight" in entries["good"]["error"]
    assert "also claimed by good; say twin/eight" in entries["twin"]["error"]
    recipe = site / "r.toml"
    recipe.write_text('[[quantize]]\nname = "eight"\n')
    code = "from snntk_core.registry import Registry; Registry.discover().quantizers['eight']"
    assert "Say which: good/eight, twin/eight" in process(code=code, path=site).err
    assert process(code=code.replace("'eight'", "'twin/eight'"), path=site).code == 0


def test_environment_variables_narrow_what_loads(process, site: Path) -> None:
    install(site, "other", GOOD.replace("NAME", "nine"))
    done = process("--list-plugins", "--json", path=site, SNNTK_PLUGINS="good, other", SNNTK_BLOCK="other")
    assert [entry["name"] for entry in json.loads(done.out)] == ["good"]


@pytest.mark.parametrize("arguments", [["--list-plugins"], ["--list-plugins", "--json"], ["--help"], ["run", "--help"]])
def test_listing_and_help_import_no_framework(process, arguments: list[str]) -> None:
    code = f"""
import sys
from snntk.cli.main import main
main({arguments})
print("LOADED", *sorted(name for name in {HEAVY} if name in sys.modules))
print("RICH", "rich" in sys.modules)
"""
    done = process(code=code)
    assert done.code == 0
    assert "LOADED\n" in done.out
    assert ("RICH True" in done.out) == (arguments == ["--list-plugins"])


def test_importing_snntk_imports_no_framework_and_no_plugin(process) -> None:
    code = f"""
import sys, snntk
assert not [name for name in {HEAVY} if name in sys.modules]
assert not [name for name in sys.modules if name.startswith("snntk_") and not name.startswith("snntk_core")]
assert "rich" not in sys.modules
"""
    assert process(code=code).code == 0


def test_importing_snntk_alone_imports_nothing_else(process) -> None:
    code = """
import sys, snntk
assert "numpy" not in sys.modules and "snntk_core" not in sys.modules
assert set(snntk.__all__) <= set(dir(snntk))
assert snntk.DataError.__module__ == "snntk_core.errors"
"""
    assert process(code=code).code == 0


@pytest.mark.parametrize("module", ["numpy", "pluggy", "snntk_core"])
def test_an_interrupt_while_importing_is_one_word(process, site: Path, module: str) -> None:
    (site / f"{module}.py").write_text("raise KeyboardInterrupt\n")
    done = process("--list-plugins", path=site)
    assert (done.code, done.out, done.err) == (130, "", "snntk: stopped\n")


@pytest.mark.parametrize("arguments", [["--list-plugins"], ["--list-plugins", "--json"], ["--help"], ["rnu"]])
@pytest.mark.parametrize("streams", [(1,), (1, 2)])
def test_closed_streams_are_no_failure(process, arguments: list[str], streams: tuple[int, ...]) -> None:
    code = f"""
import os, subprocess, sys
closing = " ".join(f"{{stream}}>&-" for stream in {streams})
command = f'exec "$0" -m snntk "$@" {{closing}}'
sys.exit(subprocess.run(["sh", "-c", command, sys.executable, *{arguments}]).returncode)
"""
    done = process(code=code)
    assert done.code == (2 if arguments == ["rnu"] else 0)
    assert "Traceback" not in done.err
    assert "defect" not in done.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_one_sentence(process) -> None:
    code = """
import subprocess, sys
with open("/dev/full", "w") as full:
    sys.exit(subprocess.run([sys.executable, "-m", "snntk", "--list-plugins"], stdout=full).returncode)
"""
    done = process(code=code)
    assert (done.code, done.err) == (1, "snntk: No space left on device.\n")


def test_a_reader_that_goes_away_is_no_failure(process) -> None:
    code = """
import os, sys
from snntk.cli.main import main
read, write = os.pipe()
os.dup2(write, 1)
os.close(write)
os.close(read)
code = main(["--list-plugins", "--json"])
os._exit(code)
"""
    done = process(code=code)
    assert (done.code, done.err) == (0, "")


def test_exit_codes_reach_the_shell(process) -> None:
    assert process("--version").out.startswith("snntk 0")
    assert process().code == 2
    assert process("rnu").code == 2
    done = process("inspect", "none.onnx")
    assert (done.code, done.err.count("\n")) == (1, 1)
