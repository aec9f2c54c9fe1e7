"""The command: what is wrong is said in one sentence, with the right exit code and no traceback."""

from pathlib import Path

import numpy as np
import pytest

import snntk
from snntk.cli.main import COMMANDS, main
from snntk_core.testing.spiking_graphs import exact_batch, networks


def test_every_command_helps_with_an_example(capsys) -> None:
    for name in COMMANDS:
        assert main([name, "--help"]) == 0
        text = capsys.readouterr().out
        assert f"example:\n  snntk {name}" in text, name
    for option in ("--help", "--version"):
        assert main([option]) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["rnu"], 2, "There is no command 'rnu'. Did you mean 'run'?"),
        (["--lst-plugins"], 2, "There is no option --lst-plugins. Did you mean '--list-plugins'? See: snntk --help"),
        (["run", "a.layers.npz", "--dat", "d.npz"], 2, "There is no option --dat. Did you mean '--data'?"),
        (["run", "a.npz", "--data", "d", "--stepz=3"], 2, "There is no option --stepz. Did you mean '--steps'?"),
        (["run", "a.npz", "--qq", "d.npz"], 2, "There is no option --qq. See: snntk run --help"),
        (["run"], 2, "The following arguments are required: MODEL, --data. See: snntk run --help"),
        (["run", "a.layers.npz", "--data", "d.npz", "--steps", "0"], 2, "whole number of at least 1, got '0'"),
        (["run", "a.layers.npz", "--data", "d.npz"], 1, "There is no file d.npz."),
        (["inspect", "a.layers.npz"], 1, "There is no file a.layers.npz."),
        (["inspect", "a.layers.npz", "--plugin", "none.py"], 1, "There is no plugin file none.py."),
        (["simulate", "none.snntk", "--data", "d.npz"], 1, "There is no file none.snntk."),
        (["check", "a.layers.npz", "--for", "nmpy"], 2, "There is no simulator 'nmpy'. Did you mean 'numpy'?"),
        (["selftest", "toy_cod"], 2, "Did you mean 'toy_code'?"),
        (["new-plugin", "parser", "Bad Name"], 2, "lower case, words joined by hyphens"),
        (["new-plugin", "parser", "layers"], 1, "There is a parser called layers already."),
        (["new-plugin", "prser", "x"], 2, "invalid choice: 'prser'"),
    ],
)
def test_what_is_wrong_is_one_sentence(command, arguments: list[str], code: int, message: str) -> None:
    done = command(*arguments, plugins=arguments[0] in COMMANDS and "demo" not in arguments)
    assert done.code == code
    assert message in done.err
    assert done.err.startswith("snntk: ")
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err


def test_nothing_is_done_when_the_output_cannot_be_written(command, model: Path, data: Path) -> None:
    Path("folder.snntk").mkdir()
    Path("file").write_text("")
    done = command("run", model, "--data", data, "-o", "folder.snntk")
    assert (done.code, "is a folder" in done.err) == (1, True)
    done = command("convert", model, "--calibration", data, "-o", "file/net.snntk")
    assert (done.code, "is not a folder" in done.err) == (1, True)
    assert list(Path("folder.snntk").iterdir()) == []


def test_a_network_that_is_saved_already_is_simulated_not_run(command, model: Path, data: Path) -> None:
    assert command("convert", model, "--calibration", data).code == 0
    done = command("run", "net.layers.snntk", "--data", data)
    assert (done.code, "snntk simulate" in done.err) == (1, True)


def test_damaged_data_is_one_sentence(command, model: Path) -> None:
    Path("d.npz").write_bytes(b"PK\x03\x04 not really")
    done = command("run", model, "--data", "d.npz")
    assert (done.code, done.err.count("\n")) == (1, 1)
    np.savez("o.npz", x=np.array([{}], dtype=object))
    done = command("run", model, "--data", "o.npz")
    assert (done.code, "cannot be read" in done.err) == (1, True)


def test_a_defect_is_named_as_one_and_traced_only_with_debug(command, monkeypatch, model: Path) -> None:
    def broken(*_: object) -> None:
        raise TypeError("this is wrong")

    monkeypatch.setattr("snntk.cli.inspect.as_graph", broken)
    done = command("inspect", model)
    assert done.code == 1
    assert "This is a defect" in done.err
    assert "--debug" in done.err
    assert "Traceback" not in done.err
    assert "Traceback" in command("inspect", model, "--debug").err


@pytest.mark.parametrize("library", ["brian2", "nest"])
def test_a_broken_library_is_one_sentence(process, tmp_path: Path, library: str) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / f"{library}.py").write_text("raise ImportError('libm.so.9: no such file')\n", encoding="utf-8")
    graph = networks()["perceptron"]
    snntk.save(graph, tmp_path / "net.snntk")
    np.savez(tmp_path / "data.npz", x=exact_batch(graph))
    done = process("simulate", "net.snntk", "--data", "data.npz", "--simulator", library, "--steps", 2, path=site)
    assert done.code == 1
    assert f"snntk: {library} is installed but cannot be imported (ImportError: libm.so.9: no such file)." in done.err
    assert "defect" not in done.err


def test_the_nearest_file_is_named(command, model: Path, data: Path) -> None:
    Path("mine.toml").write_text('extends = "rate"\n')
    for arguments in (
        ["run", model, "--data", "dat.npz"],
        ["convert", model, "--calibration", "dat.npz"],
        ["simulate", "net.layer.npz", "--data", data],
    ):
        done = command(*arguments)
        assert (done.code, "Did you mean '" in done.err) == (1, True), done.err
    done = command("run", model, "--data", data, "--recipe", "mime.toml")
    assert (done.code, "There is no file mime.toml. Did you mean 'mine.toml'?" in done.err) == (2, True)


def test_data_errors_name_the_file(command, model: Path, samples, labels, calibration) -> None:
    np.savez("short.npz", x=samples, y=labels[:40])
    np.savez("text.npz", x=samples, y=np.array(["cat"] * 60))
    np.savez("labels.npz", y=labels)
    np.savez("none.npz", x=calibration[:0])
    np.save("x.npy", samples)
    for arguments, message in (
        (["--data", "short.npz"], "short.npz: There are 60 samples but 40 labels."),
        (["--data", "text.npz"], "text.npz: The labels are text, not class numbers."),
        (["--data", "x.npy", "--calibration", "labels.npz"], "labels.npz has no array 'x' of samples; it holds y."),
        (["--data", "x.npy", "--calibration", "none.npz"], "none.npz: There are no calibration samples"),
    ):
        done = command("run", model, *arguments)
        assert (done.code, done.err.count("\n")) == (1, 1)
        assert done.err.startswith(f"snntk: {message}")


def test_an_interrupt_is_one_word(command, monkeypatch, model: Path) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("snntk.cli.inspect.as_graph", interrupted)
    done = command("inspect", model)
    assert (done.code, done.out, done.err) == (130, "", "snntk: stopped\n")


@pytest.mark.parametrize("command_name", ["inspect", "check", "evaluate", "simulate", "quantize"])
def test_a_saved_network_is_read_by_no_parser(command, spiking, data: Path, command_name: str) -> None:
    snntk.save(spiking, "net.snntk")
    more = ["--data", data] if command_name in ("evaluate", "simulate") else []
    done = command(command_name, "net.snntk", *more, "--parser", "layers")
    assert done.code == 2
    assert "net.snntk is a saved network, which no parser reads; leave out --parser." in done.err


@pytest.mark.parametrize("command_name", ["inspect", "check"])
def test_a_mistake_of_the_recipe_is_told_before_the_model_is_read(command, model: Path, command_name: str) -> None:
    Path("own.toml").write_text('extends = "rate"\n[parser]\nname = "layers"\ntrust = true\n[simulat]\nsteps = 3\n')
    done = command(command_name, model, "--recipe", "own.toml")
    assert done.code == 2
    assert "simulat" in done.err
    assert "trust" in done.err


def test_an_option_of_a_parser_that_does_not_read_the_model_is_refused(command, model: Path) -> None:
    Path("other.bin").write_bytes(model.read_bytes())
    done = command("inspect", "other.bin", "--set", "layers.depth=3")
    assert done.code == 2
    assert "An option of the parser layers is set, which does not read other.bin." in done.err


@pytest.mark.parametrize("wrong", [3, snntk.Graph])
def test_a_parser_is_a_name_or_an_instance(model: Path, registry, wrong: object) -> None:
    with pytest.raises(snntk.OptionError, match="A parser is its name or an instance"):
        snntk.parse(model, parser=wrong, registry=registry)
