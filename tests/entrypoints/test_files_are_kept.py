"""The command never writes over what it reads, and files are whole, named by their own name and as the umask says."""

import os
from pathlib import Path

import pytest

from snntk.cli.output import check_target, replacing
from snntk_core.errors import SnntkError


@pytest.fixture
def here(command, model: Path, data: Path) -> Path:
    """A folder with a model, data and a saved network; the model's other name is a link."""
    assert command("convert", model, "--calibration", data, "-o", "c.snntk").code == 0
    Path("link.layers.npz").symlink_to(model)
    Path("folder").mkdir()
    Path("folder/x_test.npz").write_bytes(data.read_bytes())
    Path("r.toml").write_text('extends = "rate"\n')
    Path("report.json").write_text("{}")
    return Path.cwd()


@pytest.mark.parametrize(
    "arguments",
    [
        ["convert", "net.layers.npz", "--calibration", "data.npz", "-o", "net.layers.npz"],
        ["convert", "link.layers.npz", "--calibration", "data.npz", "-o", "net.layers.npz"],
        ["convert", "net.layers.npz", "--calibration", "data.npz", "-o", "./data.npz"],
        ["convert", "net.layers.npz", "--calibration", "data.npz", "--recipe", "r.toml", "-o", "r.toml"],
        ["simulate", "c.snntk", "--data", "data.npz", "-o", "c.snntk"],
        ["simulate", "c.snntk", "--data", "folder", "-o", "folder/x_test.npz"],
        ["run", "net.layers.npz", "--data", "data.npz", "-o", "data.npz"],
        ["run", "net.layers.npz", "--data", "data.npz", "--json", "report.json", "-o", "report.json"],
        ["inspect", "report.json", "--json", "report.json"],
        ["convert", "c.snntk", "--calibration", "data.npz"],
    ],
    ids=" ".join,
)
def test_what_is_read_is_not_written_over(command, here: Path, arguments: list[str]) -> None:
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    done = command(*arguments)
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert "cannot be written" in done.err
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before


def test_json_does_not_take_the_model_for_its_file(command, model: Path) -> None:
    before = model.read_bytes()
    done = command("check", "--json", model, model)
    assert (done.code, "takes the name of a .json file" in done.err) == (2, True)
    assert model.read_bytes() == before


@pytest.mark.parametrize(("mask", "mode"), [(0o077, 0o600), (0o002, 0o664)])
def test_files_get_what_the_umask_leaves(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        with replacing(tmp_path / "r.json") as file:
            file.write(b"{}")
    finally:
        os.umask(before)
    assert (tmp_path / "r.json").stat().st_mode & 0o777 == mode


def test_a_failure_to_write_names_the_file_that_was_asked_for(tmp_path: Path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", ".r.json.123.tmp")

    monkeypatch.setattr(Path, "replace", full)
    with (
        pytest.raises(SnntkError, match=r"r.json cannot be written: No space left on device.$") as caught,
        replacing(tmp_path / "r.json") as file,
    ):
        file.write(b"{}")
    assert ".tmp" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="the system has no /proc")
def test_a_place_where_no_file_can_be_made_is_refused_before_anything_is_done() -> None:
    with pytest.raises(SnntkError, match=r"^/proc/x.json cannot be written"):
        check_target("/proc/x.json")
