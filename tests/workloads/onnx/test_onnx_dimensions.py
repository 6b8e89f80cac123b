"""Open sizes of inputs: by name, by input and axis, by axis, and "-1" for those that have no name."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import workloads
from accelsim.errors import ConfigError, FileFormatError
from explore.cli import app
from tests.workloads.onnx_builders import drawn, node, saved

WEIGHT = {"w": np.ones((4, 3, 3, 3), np.float32)}
MACS = 4 * 27 * 6 * 6  # of one image of 8 by 8


def conv(path, sides):
    return saved(path, [node("Conv", "x,w", "y")], {"x": sides}, ["y"], WEIGHT)


@pytest.mark.parametrize(
    ("sides", "given"),
    [
        (["N", 3, "H", "W"], {"H": 8, "W": 8}),
        (["N", 3, "S", "S"], {"S": 8}),
        ([-1, 3, -1, -1], {-1: 8}),
        ([-1, 3, -1, -1], {"-1": 8}),
        ([0, 3, 0, 0], {"-1": 8}),
        (["?", 3, "?", "?"], {"x:2": 8, "x:3": 8}),  # a name that is none says nothing of the other axes
        (["N", 3, None, None], {"-1": 8}),
        (["N", 3, None, None], {"": 8}),
        ([None, 3, None, None], {"x:2": 8, "x:3": 8}),
        ([None, 3, "H", None], {"H": 8, 3: 8}),
        (["N", 3, "H", "W"], {"2": 8, "3": 8}),
        ([-1, 3, 8, 8], {}),
        (["N", 3, 8, 8], None),
    ],
)
def test_how_a_size_is_given(tmp_path, sides, given):
    path = conv(tmp_path / "m.onnx", sides)
    assert workloads.from_onnx(path, dimensions=given).macs == MACS
    assert workloads.from_onnx(path, dimensions=given, batch=5).macs == (5 if sides[0] != 1 else 1) * MACS


def test_the_batch_may_be_named_too(tmp_path):
    path = conv(tmp_path / "m.onnx", ["N", 3, 8, 8])
    assert workloads.from_onnx(path, dimensions={"N": 4}).macs == 4 * MACS
    assert workloads.from_onnx(path, dimensions={"x:0": 4}).macs == 4 * MACS


def test_one_name_in_two_inputs_is_one_size(tmp_path):
    nodes = [node("Concat", "x,z", "c", axis=1), node("MatMul", "c,w", "y")]
    path = saved(tmp_path / "m.onnx", nodes, {"x": ["n", "t", 7], "z": ["n", "t", 7]}, ["y"], {"w": drawn(7, 5)})
    assert workloads.from_onnx(path, batch=2, dimensions={"t": 6}).traces[0].M == 2 * 12


def test_a_single_axis_without_a_name(tmp_path):
    path = saved(tmp_path / "m.onnx", [node("MatMul", "x,w", "y")], {"x": [-1]}, ["y"], {"w": drawn(16, 5)})
    assert workloads.from_onnx(path, dimensions={-1: 16}).macs == 80


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        (
            ["N", 3, "H", 8],
            r"dimension 2 of input 'x' is 'H'; .* dimensions=\{'H': \.\.\.\} \(--dim H=",
        ),
        (
            [-1, 3, 8, -1],
            r"dimension 3 of input 'x' is open; .* dimensions=\{'x:3': \.\.\.\} \(--dim x:3=",
        ),
    ],
)
def test_what_stays_open_is_named_with_what_sets_it(tmp_path, sides, message):
    with pytest.raises(FileFormatError, match=message):
        workloads.from_onnx(conv(tmp_path / "m.onnx", sides))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"h": 8}, "no open dimension 'h'; did you mean 'H'"),
        ({"z:2": 8}, "no open dimension 'z:2'"),
        ({"H": 0}, "dimension 'H' is 0"),
        ({"H": 8.5}, "dimension 'H' is 8.5"),
        ({"-1": 8}, "no open dimension '-1'"),
    ],
)
def test_sizes_that_cannot_be(tmp_path, given, message):
    with pytest.raises(ConfigError, match=message):
        workloads.from_onnx(conv(tmp_path / "m.onnx", ["N", 3, "H", 8]), dimensions=given)
    with pytest.raises(ConfigError, match="open_sizes is 'guess'"):
        workloads.from_onnx(conv(tmp_path / "m.onnx", ["N", 3, "H", 8]), open_sizes="guess")


def test_sizes_that_are_assumed_are_said(tmp_path):
    found = workloads.from_onnx(conv(tmp_path / "m.onnx", ["N", 3, "H", -1]), open_sizes="assume")
    assert found.macs == 4 * 27 * 222 * 222
    assert found.provenance["assumed_sizes"] == {"H": 224, "x:3": 224}
    steps = saved(tmp_path / "s.onnx", [node("MatMul", "x,w", "y")], {"x": ["n", "t", 7]}, ["y"], {"w": drawn(7, 5)})
    assert workloads.from_onnx(steps, open_sizes="assume").traces[0].M == 128


def test_an_assumed_size_that_does_not_fit_is_said_to_be_assumed(tmp_path):
    path = saved(tmp_path / "m.onnx", [node("MatMul", "x,w", "y")], {"x": [1, "t"]}, ["y"], {"w": drawn(16, 5)})
    with pytest.raises(FileFormatError, match=r"\(t = 128 is assumed; --dim sets what the model is for\)"):
        workloads.from_onnx(path, open_sizes="assume")


def test_only_models_with_open_sizes_take_any():
    with pytest.raises(ConfigError, match="workload 'lenet5' has no open sizes"):
        workloads.open_workload("lenet5", dimensions={"H": 8})


COMMANDS = {
    "run": ["--hw", "dense/os-16x16", "--json"],
    "compare": ["--hw", "dense/os-16x16", "--hw", "dense/ws-16x16", "--json"],
    "workload show": [],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_option_of_the_commands(tmp_path, command):
    path = conv(tmp_path / "m.onnx", ["N", 3, "H", None])
    words, options = command.split(), COMMANDS[command]
    result = CliRunner().invoke(app, [*words, str(path), *options, "--dim", "H=8", "--dim", "-1=8"])
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    if command == "run":
        assert json.loads(result.stdout)["layers"][0]["macs_dense"] == MACS
    if command == "workload show":
        assert f"{MACS:,} MACs" in result.stdout
    assumed = CliRunner().invoke(app, [*words, str(path), *options])
    assert assumed.exit_code == 0
    assert "H is 224, x:3 is 224 here; --dim H=... --dim x:3=... sets them" in assumed.stderr


@pytest.mark.parametrize("text", ["H", "H=", "H=a", "H=-1", "=x"])
def test_options_that_cannot_be(tmp_path, text):
    path = conv(tmp_path / "m.onnx", ["N", 3, "H", "H"])
    result = CliRunner().invoke(app, ["workload", "show", str(path), "--dim", text])
    assert result.exit_code == 2
    assert "NAME=SIZE" in result.stderr
