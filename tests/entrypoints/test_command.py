"""The command: what every subcommand does."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import snntk
from snntk_core import Scale


def test_run_reports_accuracy_layers_steps_and_operations(command, model: Path, data: Path) -> None:
    done = command("run", model, "--data", data)
    assert (done.code, done.err) == (0, "")
    for words in (
        "net.layers.npz as a spiking network",
        ", preferred of those installed",
        "32 steps, all of which count",
        "80 samples",
        "ANN, rewritten",
        "SNN, T = 32",
        "percentage points",
        "relu_1",
        "toy-code",
        "synaptic operations (accumulates)",
        "ANN (multiply-accumulates)",
        "45 nm",
    ):
        assert words in done.out, words
    assert max(map(len, done.out.splitlines())) <= 100
    assert "\x1b" not in done.out


def test_run_without_labels_reports_agreement(command, model: Path, samples, calibration) -> None:
    np.save("x.npy", samples)
    np.save("c.npy", calibration)
    done = command("run", model, "--data", "x.npy", "--calibration", "c.npy", "--steps", 4)
    assert done.code == 0
    assert "without labels" in " ".join(done.out.split())
    assert "accuracy   agrees" not in done.out


def test_run_writes_json_and_the_network(command, model: Path, data: Path) -> None:
    done = command("run", model, "--data", data, "--steps", 8, "--json", "deep/r.json", "-o", "deep/net.snntk")
    assert done.code == 0
    report = json.loads(Path("deep/r.json").read_text())
    assert set(report["accuracy"]["spiking"]) == {"1", "2", "4", "8"}
    assert snntk.open("deep/net.snntk").spiking
    assert sorted(path.name for path in Path("deep").iterdir()) == ["net.snntk", "r.json"]


def test_run_prints_json_alone(command, model: Path, data: Path) -> None:
    done = command("run", model, "--data", data, "--steps", 2, "--samples", 7, "--json", "-")
    report = json.loads(done.out)
    assert (report["total_latency_steps"], report["accuracy"]["samples"]) == (2, 7)


def test_set_changes_an_option_of_the_recipe(command, model: Path, data: Path) -> None:
    def rate(*more: str) -> float:
        done = command("run", model, "--data", data, "--json", "-", *more)
        return json.loads(done.out)["layers"][0]["rate"]

    assert rate("--set", "toy-code.margin=4.0") < rate() / 2


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("toy-code.margn=1", "Did you mean 'margin'"),
        ("toy-code.margin=high", "takes float, got 'high'"),
        ("toy-cod.margin=1", "Did you mean 'toy-code'"),
        ("margin", "COMPONENT.OPTION=VALUE, got 'margin'"),
    ],
)
def test_a_wrong_setting_is_a_usage_error(command, model: Path, data: Path, setting: str, message: str) -> None:
    done = command("run", model, "--data", data, "--set", setting)
    assert done.code == 2
    assert message in done.err


def test_convert_saves_and_simulate_runs_it(command, model: Path, data: Path) -> None:
    done = command("convert", model, "--calibration", data, "-o", "made/net.snntk")
    assert done.code == 0
    assert "Saved made/net.snntk" in done.out
    done = command("simulate", "made/net.snntk", "--data", data, "--steps", 16, "-o", "p.npz")
    assert done.code == 0
    assert "SNN, T = 16" in done.out
    with np.load("p.npz") as written:
        assert written["scores"].shape == (60, 5)
        np.testing.assert_array_equal(written["predictions"], written["scores"].argmax(axis=1))


def test_simulate_prints_json(command, model: Path, data: Path, samples) -> None:
    assert command("convert", model, "--calibration", data).code == 0
    facts = json.loads(command("simulate", "net.layers.snntk", "--data", data, "--steps", 8, "--json").out)
    assert facts["samples"] == 60
    assert facts["accuracy"]["8"] > 0.5
    np.save("x.npy", samples)
    assert json.loads(command("simulate", "net.layers.snntk", "--data", "x.npy", "--json").out)["accuracy"] is None
    text = command("simulate", "net.layers.snntk", "--data", "x.npy", "--samples", 1).out
    assert "accuracy" not in text
    assert "x.npy, 1 sample\n" in text
    assert "32 steps, which is the default" in text


def test_simulate_takes_the_steps_that_the_network_was_converted_for(command, model: Path, data: Path) -> None:
    assert command("convert", model, "--calibration", data, "-o", "net.snntk").code == 0
    graph = snntk.open("net.snntk")
    snntk.save(replace(graph, meta={**graph.meta, "steps": "5"}), "net.snntk")
    assert "5 steps, which the network was converted for" in command("simulate", "net.snntk", "--data", data).out
    assert "7 steps\n" in command("simulate", "net.snntk", "--data", data, "--steps", 7).out


def test_json_is_printed_or_written_by_every_command(command, model: Path, data: Path) -> None:
    assert command("convert", model, "--calibration", data, "-o", "net.snntk").code == 0
    commands = (
        ["run", model, "--data", data],
        ["convert", model, "--calibration", data, "-o", "other.snntk"],
        ["simulate", "net.snntk", "--data", data],
        ["inspect", model],
        ["check", model],
        ["selftest", "toy_simulator"],
        ["--list-plugins"],
    )
    for arguments in commands:
        for printed in (["--json"], ["--json", "-"]):
            json.loads(command(*arguments, *printed).out)
        Path("r.json").unlink(missing_ok=True)
        done = command(*arguments, "--json", "r.json")
        assert done.code == 0, done.err
        json.loads(Path("r.json").read_text())
        assert done.out
        assert not done.out.startswith(("{", "[", "\n"))


def test_the_simulator_has_one_pair_of_names(command, model: Path, data: Path) -> None:
    assert command("convert", model, "--calibration", data, "-o", "net.snntk").code == 0
    for arguments in (["run", model, "--data", data], ["simulate", "net.snntk", "--data", data], ["check", model]):
        for option in ("--for", "--simulator"):
            assert command(*arguments, option, "numpy").code == 0
            assert "Did you mean 'numpy'?" in command(*arguments, option, "nmpy").err


def test_the_default_simulator_takes_settings(command, model: Path, data: Path) -> None:
    done = command("run", model, "--data", data, "--set", "numpy.nothing=1")
    assert (done.code, "numpy has no option 'nothing'" in done.err) == (2, True)


def test_inspect_shows_nodes_parameters_and_products(command, model: Path) -> None:
    done = command("inspect", model)
    assert done.code == 0
    assert "analog network" in done.out
    facts = json.loads(command("inspect", model, "--json").out)
    assert facts["parameters"] == 12 * 32 + 32 + 32 * 24 + 24 + 24 * 5 + 5
    assert facts["multiply_accumulates"] == 12 * 32 + 32 * 24 + 24 * 5
    assert [node["op"] for node in facts["nodes"]] == ["Input", "Dense", "Relu", "Dense", "Relu", "Dense"]


def test_inspect_shows_what_the_layers_of_the_source_became(command, model: Path) -> None:
    done = command("inspect", model)
    assert "What the layers of the source became" in done.out
    assert [line.split() for line in done.out.splitlines()[-4:]] == [
        ["data", "input", "input"],
        ["pair", "0", "weights", "dense_0,", "relu_1"],
        ["pair", "1", "weights", "dense_1,", "relu_2"],
        ["pair", "2", "weights", "dense_2"],
    ]
    facts = json.loads(command("inspect", model, "--json").out)
    assert facts["layers"][1] == {"name": "pair 0", "kind": "weights", "nodes": ["dense_0", "relu_1"]}
    assert facts["nodes"][2]["origin"] == ["pair 0"]


def test_inspect_writes_the_arrays_of_the_nodes(command, model: Path, registry) -> None:
    pytest.importorskip("h5py", reason="h5py is not installed")
    assert command("inspect", model, "--parameters", "weights.h5").code == 0
    graph = snntk.parse(model, registry=registry)
    assert snntk.load_parameters(graph, "weights.h5")
    done = command("inspect", model, "--parameters", model)
    assert (done.code, "is read by this command" in done.err) == (1, True)


def test_inspect_after_a_stage_applies_the_recipe_up_to_it(command, model: Path) -> None:
    done = command("inspect", model, "--after", "spikify")
    assert "IntegrateFire" in done.out
    assert "random samples" in done.out
    assert "IntegrateFire" not in command("inspect", model, "--after", "simplify").out
    done = command("inspect", model, "--after", "never")
    assert done.code == 2


def test_check_ends_with_three_when_there_are_issues(command, model: Path, data: Path) -> None:
    assert command("check", model, "--for", "numpy").code == 0
    assert command("convert", model, "--calibration", data).code == 0
    graph = snntk.open("net.layers.snntk")
    snntk.save(graph.insert_after("relu_1", "scaled", Scale(np.float32(1))), "scaled.snntk")
    done = command("check", "scaled.snntk", "--for", "numpy")
    assert done.code == 3
    assert "scaled" in done.out
    done = command("check", "scaled.snntk", "--json")
    assert (done.code, json.loads(done.out)[0]["node"]) == (3, "scaled")
    done = command("simulate", "scaled.snntk", "--data", data)
    assert done.code == 3
    assert done.err.startswith("snntk: numpy cannot take this network:")


def test_list_plugins_shows_components_and_options(command) -> None:
    entries = {entry["name"]: entry for entry in json.loads(command("--list-plugins", "--json").out)}
    (code, recipe) = entries["toy_code"]["components"]
    assert (code["kind"], code["name"], recipe["kind"]) == ("transform", "toy-code", "recipe")
    assert code["options"] == [
        {"name": "margin", "type": "float", "default": 1.0, "help": "threshold as a multiple of the largest activation"}
    ]
    done = command("--list-plugins")
    assert "margin" in done.out
    assert "3 plugins, 4 components" in done.out
    assert "rate.toml of " in done.out
    assert recipe["path"] not in done.out
    assert not done.out.startswith("\n")


def test_list_plugins_says_what_is_missing_and_what_is_broken(command) -> None:
    Path("needy.py").write_text(
        "from dataclasses import dataclass\n"
        "from snntk_core import WeightQuantizer, NumberFormat, hookimpl\n"
        "@dataclass(frozen=True)\n"
        "class Needy(WeightQuantizer):\n"
        '    """Needs what nobody has."""\n'
        "    name = 'needy'\n    requires = ('no_such_library',)\n    install = 'pip install no-such-library'\n"
        "    def format_for(self, array, role, node): return NumberFormat(8, 1.0)\n"
        "@hookimpl\ndef snntk_quantizers(): return [Needy]\n"
    )
    Path("bad.py").write_text("import no_such_library\n")
    done = command("--list-plugins", "--plugin", "needy.py", "--plugin", "bad.py")
    assert done.code == 0
    assert "needs no_such_library; run: pip install no-such-library" in " ".join(done.out.split())
    assert "broken: ModuleNotFoundError: No module named 'no_such_library'" in done.out
    assert "Traceback" not in done.out
    assert "Traceback" in command("--list-plugins", "--debug", "--plugin", "bad.py").out
    done = command("inspect", "x.layers.npz", "--plugin", "bad.py")
    assert (done.code, "bad.py cannot be used" in done.err) == (1, True)


@pytest.mark.parametrize("kind", ["parser", "transform", "quantizer", "simulator"])
def test_a_new_plugin_passes_its_selftest_as_it_is(command, kind: str) -> None:
    done = command("new-plugin", kind, "my-own", plugins=False)
    assert done.code == 0
    files = sorted(path.name for path in Path("snntk-my-own").iterdir())
    assert files == ["README.md", "pyproject.toml", "snntk_my_own.py", "test_snntk_my_own.py"]
    assert 'my-own = "snntk_my_own"' in Path("snntk-my-own/pyproject.toml").read_text()
    done = command("selftest", "snntk_my_own", "--plugin", "snntk-my-own/snntk_my_own.py", "--json", plugins=False)
    outcomes = json.loads(done.out)["snntk_my_own"]
    assert (done.code, len(outcomes) > 5) == (0, True)
    assert command("new-plugin", kind, "my-own", plugins=False).code == 1


def test_selftest_ends_with_one_when_a_check_fails(command) -> None:
    assert command("selftest", "toy_simulator").code == 0
    Path("bad.py").write_text("raise SystemExit(3)\n")
    done = command("selftest", "bad", "--plugin", "bad.py")
    assert (done.code, "check_loads" in done.out) == (1, True)
