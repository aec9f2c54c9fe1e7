"""NIR from the command line: a saved network written, read again and simulated, and what is refused on the way."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import snntk
from snntk.cli.main import main
from snntk_core import Dense, Graph, Input, IntegrateFire, Node, Readout, SpikeSource
from snntk_core.registry import Registry

pytest.importorskip("nir", reason="nir is not installed")
R = np.random.default_rng(0)


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        capsys.readouterr()
        code = main([*map(str, arguments)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def network(command) -> Graph:
    """A spiking network, saved as net.snntk beside data.npz."""
    nodes = (
        Node("input", SpikeSource((4,))),
        Node("hidden", Dense(R.normal(size=(4, 8)).astype("f4")), ("input",)),
        Node("fire", IntegrateFire(initial_potential=np.float32(0.5)), ("hidden",)),
        Node("scores", Dense(R.normal(size=(8, 3)).astype("f4")), ("fire",)),
        Node("output", Readout(), ("scores",)),
    )
    graph = Graph(nodes, meta={"steps": "12"})
    snntk.save(graph, "net.snntk")
    np.savez("data.npz", x=R.uniform(size=(5, 4)).astype("f4"), y=np.array([0, 1, 2, 1, 0]))
    return graph


def test_a_saved_network_is_written_read_and_simulated(command, network):
    code, out, _ = command("simulate", "net.snntk", "--simulator", "nir", "-o", "net.nir")
    assert code == 0
    digest = hashlib.sha256(Path("net.nir").read_bytes()).hexdigest()
    assert "net.snntk, written by nir" in out
    assert digest in out
    facts = json.loads(command("inspect", "net.nir", "--json")[1])
    assert facts["meta"]["steps"] == "12"
    assert [layer["kind"] for layer in facts["layers"]] == ["Input", "Affine", "IF", "Affine", "Output"]
    assert command("check", "net.nir")[0] == 0
    one, two = (
        json.loads(command("simulate", name, "--data", "data.npz", "--json")[1]) for name in ("net.snntk", "net.nir")
    )
    assert one["steps"] == two["steps"] == 12
    assert one["accuracy"] == two["accuracy"]
    assert one["rates"] == two["rates"]


def test_the_files_are_told_as_json_and_go_to_a_folder_or_a_file(command, network):
    arguments = ("simulate", "net.snntk", "--simulator", "nir", "--json", "-o")
    facts = json.loads(command(*arguments, "deep/made.nir")[1])
    assert (facts["folder"], [file["name"] for file in facts["files"]]) == ("deep", ["made.nir"])
    Path("there.nir").mkdir()
    for folder in ("out", "there.nir"):
        facts = json.loads(command(*arguments, folder)[1])
        path = Path(folder, "net.nir")
        assert facts["files"] == [
            {"name": "net.nir", "bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        ]
    assert sorted(path.name for path in Path().iterdir()) == ["data.npz", "deep", "net.snntk", "out", "there.nir"]


def test_options_and_steps_reach_the_file(command, network):
    arguments = ("simulate", "net.snntk", "--for", "nir", "-o", "net.nir", "--steps", 7, "--set", "nir.dt=0.5")
    assert command(*arguments)[0] == 0
    import nir

    metadata = nir.read("net.nir").metadata
    assert (int(metadata["steps"]), float(metadata["dt"])) == (7, 0.5)


@pytest.mark.filterwarnings("ignore:foreign.nir does not say everything")
def test_what_nir_leaves_open_is_said_on_the_command_line(command):
    import nir

    one = np.ones(3, np.float32)
    nodes = {
        "input": nir.Input(input_type={"input": np.array([4])}),
        "weights": nir.Linear(weight=R.normal(size=(3, 4)).astype("f4")),
        "fire": nir.IF(r=one, v_threshold=one, v_reset=0 * one),
        "output": nir.Output(output_type={"output": np.array([3])}),
    }
    edges = [("input", "weights"), ("weights", "fire"), ("fire", "output")]
    nir.write("foreign.nir", nir.NIRGraph(nodes=nodes, edges=edges))
    np.save("x.npy", R.uniform(size=(5, 4)))
    code, _, err = command("simulate", "foreign.nir", "--data", "x.npy")
    assert (code, err.count("\n")) == (1, 1)
    assert "NIR does not say whether a spike subtracts the threshold" in err
    for reset in ("subtract", "zero"):
        setting = f"nir.reset={reset}"
        code, out, _ = command("inspect", "foreign.nir", "--parser", "nir", "--set", setting)
        assert (code, "IntegrateFire" in out) == (0, True)
        for given in (("--set", setting), ("--parser", "nir", "--set", setting)):
            code, out, _ = command("simulate", "foreign.nir", "--data", "x.npy", *given, "--steps", 5)
            assert (code, "5 steps" in out) == (0, True)
    arguments = ("simulate", "foreign.nir", "--simulator", "nir", "--set", "nir.reset=subtract", "-o", "said.nir")
    assert command(*arguments)[0] == 0
    assert command("simulate", "said.nir", "--data", "x.npy")[0] == 0
    program = [sys.executable, "-m", "snntk", "inspect", "foreign.nir", "--set", "nir.reset=zero"]
    printed = subprocess.run(program, capture_output=True, text=True, check=True).stderr
    assert printed == (
        "snntk: foreign.nir does not say everything; it is assumed that one step lasts 1 and the neurons begin at "
        "a potential of zero.\n"
    )


REFUSED = {
    "accuracy": (["--data", "data.npz", "-o", "n.nir"], 2, "so there is no accuracy to report. Leave out --data"),
    "no output": ([], 2, "The simulator nir writes files. Say where: -o PATH."),
    "an input": (["-o", "net.snntk"], 1, "net.snntk/net.nir cannot be written"),
    "an unknown option": (["-o", "n.nir", "--set", "nir.step=3"], 2, "nir has no option 'step'. Did you mean 'steps'?"),
    "another component": (["-o", "n.nir", "--set", "rate.warm_up=3"], 2, "the components are nir."),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_in_a_sentence(command, network, name):
    before = {path: path.read_bytes() for path in Path().iterdir()}
    arguments, expected, message = REFUSED[name]
    code, _, err = command("simulate", "net.snntk", "--simulator", "nir", *arguments)
    assert (code, err.count("\n")) == (expected, 1)
    assert message in err
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_what_is_read_is_not_written_over(command, network):
    assert command("simulate", "net.snntk", "--simulator", "nir", "-o", "out")[0] == 0
    before = Path("out/net.nir").read_bytes()
    for output in ("out", "out/net.nir"):
        arguments = ("simulate", "out/net.nir", "--simulator", "nir", "--set", "nir.dt=0.25", "-o", output)
        code, _, err = command(*arguments)
        assert (code, "is read by this command" in err) == (1, True)
    assert Path("out/net.nir").read_bytes() == before
    assert [path.name for path in Path("out").iterdir()] == ["net.nir"]


def test_run_sends_to_the_command_that_writes(command, network):
    code, _, err = command("run", "digits.onnx", "--data", "data.npz", "--calibration", "data.npz", "--for", "nir")
    assert code == 2
    assert "nir writes networks and runs nothing here. Convert the model, then: snntk simulate NET.snntk" in err
    with pytest.raises(snntk.SnntkError, match="writes networks and runs nothing here"):
        snntk.simulate(network, np.ones((1, 4)), steps=3, simulator="nir", registry=Registry.discover())


def test_a_simulator_that_runs_needs_data_and_writes_nothing(command, network):
    code, _, err = command("simulate", "net.snntk", "--simulator", "numpy")
    assert (code, err) == (2, "snntk: The simulator numpy needs samples: --data FILE.\n")
    with pytest.raises(snntk.SnntkError, match=r"numpy runs networks and writes none\. Simulators that write: .*nir"):
        snntk.export(network, "net.nir", simulator="numpy", registry=Registry.discover())


def test_export_from_a_program(command, network):
    artifact = snntk.export(network, "made/net.nir", registry=Registry.discover())
    assert (artifact.directory, list(artifact.files)) == (Path("made"), ["net.nir"])
    assert artifact.files["net.nir"] == hashlib.sha256(Path("made/net.nir").read_bytes()).hexdigest()
    analog = Graph((Node("input", Input((4,))), Node("dense", Dense(np.eye(4)), ("input",))))
    with pytest.raises(snntk.SnntkError, match="not a spiking one"):
        snntk.export(analog, "no.nir", registry=Registry.discover())
    assert not Path("no.nir").exists()


def test_a_setting_goes_to_the_parser_or_the_simulator_that_has_it(command, network):
    """Parser and exporter are both called nir, as parser and simulator of torch are: each takes its own options."""
    assert command("simulate", "net.snntk", "--simulator", "nir", "-o", "net.nir")[0] == 0
    assert command("check", "net.nir", "--parser", "nir", "--set", "nir.reset=zero", "--for", "nir")[0] == 0
    assert command("check", "net.nir", "--set", "nir.readout=mean", "--for", "numpy")[0] == 0
    code, _, err = command("inspect", "net.nir", "--set", "nir.reste=zero")
    assert code == 2
    assert "nir has no option 'reste'. Did you mean 'reset'?" in err
