"""The rules of Akida's first version: each family finds what it is for, all at once, with what to do about it."""

import inspect
import json

import numpy as np
import pytest
from prepared import IMAGE, PREPARED, conv, dense, network, relu, taken

import snntk
import snntk_core.ops as ops
from snntk.cli.main import main
from snntk_akida import AkidaExporter
from snntk_akida.capabilities import VERSION_1
from snntk_core import (
    Conv1D,
    Dense,
    Dropout,
    FakeQuantize,
    Flatten,
    GlobalAveragePool,
    Graph,
    Input,
    MaxPool,
    Node,
    NumberFormat,
    Readout,
    Relu,
    Reshape,
    Scale,
    Softmax,
    SpikeSource,
)
from snntk_core.errors import Incompatible


def assert_found(issues: tuple[snntk.Issue, ...], expected: tuple[str, ...]) -> None:
    assert [issue.node for issue in issues] == [line.split(": ")[0] for line in expected], [*map(str, issues)]
    for issue, line in zip(issues, expected, strict=True):
        assert line.split(": ", 1)[1] in issue.problem
        assert issue.remedy, issue.node


@pytest.mark.parametrize("name", PREPARED)
def test_every_problem_is_listed_with_a_remedy(name: str) -> None:
    case = PREPARED[name]
    assert_found(snntk.check(case.graph, "akida"), case.issues)
    with pytest.raises(Incompatible) as refused:
        AkidaExporter().compile(case.graph)
    assert [issue.node for issue in refused.value.issues] == [line.split(": ")[0] for line in case.issues]


@pytest.mark.parametrize("name", PREPARED)
def test_the_command_lists_them_too(name: str, tmp_path, capsys) -> None:
    path = snntk.save(PREPARED[name].graph, tmp_path / "net.snntk")
    assert main(["check", str(path), "--for", "akida", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert [issue["node"] for issue in found] == [line.split(": ")[0] for line in PREPARED[name].issues]


def test_every_rule_speaks_up_in_one_of_the_ten_networks() -> None:
    heard = {
        rule.__name__
        for case in PREPARED.values()
        for node in case.graph
        for rule in VERSION_1.rules
        if type(node.op) in VERSION_1.ops and list(rule(case.graph, node))
    }
    silent = {rule.__name__ for rule in VERSION_1.rules} - heard
    assert silent == {"steps_of_outputs"}  # a wrong axis and steps for depthwise channels are tested below


def test_every_rule_says_what_it_is() -> None:
    for rule in VERSION_1.rules:
        assert (inspect.getdoc(rule) or "").endswith("."), rule.__name__


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_a_network_in_blocks_is_taken(bits: int, tmp_path) -> None:
    graph = taken(bits)
    assert snntk.check(graph, "akida") == ()
    assert main(["check", str(snntk.save(graph, tmp_path / "net.snntk")), "--for", "akida"]) == 0


@pytest.mark.parametrize(
    "graph",
    [
        network(("d1", dense(5, 4)), ("r1", relu()), ("d2", dense(4, 2)), source=Input((5,))),
        network(("d1", dense(5, 4)), ("r1", relu(1)), ("d2", dense(4, 2)), source=Input((5,))),
        network(("c", conv(1, 4)), ("r", relu()), ("p", MaxPool((2, 2), padding="same")), source=IMAGE),
        network(("c", conv(1, 4)), ("g", GlobalAveragePool()), ("r", relu()), ("d", dense(4, 2)), source=IMAGE),
        network(("s", Scale(np.full((), 2.0), np.full((1,), -1.0))), ("c", conv(1, 4)), ("n", Dropout()), ("r", relu()),
                ("f", Flatten()), ("d", dense(256, 3)), source=IMAGE),
        network(("c", conv(1, 4, 8, padding="valid")), ("r", relu()), ("d", dense(4, 2)), ("v", Reshape((2,))),
                ("same", Reshape((2,))), ("sm", Softmax()), source=IMAGE),
        network(("c", conv(1, 4, padding=((1, 1), (1, 1)))), ("r", relu()), source=IMAGE),
        network(("c", conv(3, 4)), ("r", relu()), source=Input((3, 8, 8), (1, 2, 0))),
    ],
    ids=["vectors", "one bit", "pooling last", "mean", "rescaled", "reshaped", "explicit same", "channels first"],
)  # fmt: skip
def test_other_blocks_are_taken(graph: Graph) -> None:
    assert snntk.check(graph, "akida") == ()


@pytest.mark.parametrize(
    ("layer", "kept", "problem"),
    [
        ("s2d", NumberFormat(4, np.full(4, 0.5), 2), "depthwise weights have more than one step"),
        ("d", NumberFormat(4, np.full(96, 0.5), 0), "steps along axis 0"),
        ("d", NumberFormat(4, 0.5, full_range=True), "not symmetric"),
        ("d", NumberFormat(4, 0.5, signed=False), "not symmetric"),
    ],
)
def test_steps_and_codes_must_be_those_of_akida(layer: str, kept: NumberFormat, problem: str) -> None:
    nodes = []
    for node in taken():
        op = node.op
        if node.name == layer:
            op = type(op)(**{**vars(op), "weight": kept.round(op.arrays["weight"])})
        nodes.append(Node(node.name, op, node.inputs, {"weight": kept} if node.name == layer else node.formats))
    (issue,) = snntk.check(Graph(tuple(nodes)).verify(), "akida")
    assert issue.node == layer
    assert problem in issue.problem


def test_sequences_are_refused_and_signed_activations() -> None:
    kernel = Conv1D(np.ones((3, 1, 2), np.float32))
    graph = network(("c", kernel), ("q", FakeQuantize(0.5)), source=Input((8, 1)))
    expected = ("x: 2 axes", "c: Conv1D is not supported", "q: FakeQuantize is not supported")
    assert_found(snntk.check(graph, "akida"), expected)


def test_a_spiking_network_is_the_wrong_kind() -> None:
    graph = Graph((Node("x", SpikeSource((4,))), Node("d", Dense(np.ones((4, 2))), "x"), Node("out", Readout(), "d")))
    found = snntk.check(graph.verify(), "akida")
    assert str(found[0]) == "x: SpikeSource is not supported. Take the quantized network, before it is made spiking."


@pytest.mark.parametrize("target", ["akida", "akida1", "integer"])
def test_there_is_a_way_out_for_every_op_that_is_not_taken(target: str) -> None:
    capabilities = snntk.Registry.discover().simulators[target].capabilities
    kinds = [kind for name in ops.__all__ if inspect.isclass(kind := getattr(ops, name)) and issubclass(kind, ops.Op)]
    refused = {kind for kind in kinds if not inspect.isabstract(kind)} - capabilities.ops - {ops.ActivationOp}
    assert len(refused) >= 6
    assert {kind.__name__ for kind in refused if not capabilities.remedies.get(kind)} == set()


FEW_BITS = """
[[transform]]
name = "arrange-blocks"

[[quantize]]
name = "max-per-axis"
bits = 4

[[quantize]]
name = "quantized-relu"
bits = 4
"""


def test_a_recipe_is_judged_by_what_it_makes_of_a_network(tmp_path, capsys) -> None:
    rows = (("c", conv(1, 4)), ("r", Relu()), ("f", Flatten()), ("d", dense(256, 3)))
    nodes = [Node("x", IMAGE)]
    for name, op in rows:
        nodes.append(Node(name, op, nodes[-1].name))
    floating = Graph(tuple(nodes)).verify()
    recipe, path = tmp_path / "few.toml", snntk.save(floating, tmp_path / "net.snntk")
    recipe.write_text(FEW_BITS, encoding="utf-8")
    assert {issue.node for issue in snntk.check(floating, "akida")} >= {"c", "r"}
    assert snntk.check(floating, "akida", recipe) == ()
    command = ["check", str(path), "--for", "akida", "--recipe", str(recipe)]
    assert main(command) == 0
    capsys.readouterr()
    assert main([*command, "--set", "quantized-relu.bits=8", "--json"]) == 3
    assert [issue["node"] for issue in json.loads(capsys.readouterr().out)] == ["r"]
