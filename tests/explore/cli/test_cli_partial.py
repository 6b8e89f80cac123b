"""What is not simulated, on the command line: refused by name, or with --partial said in every output."""

import csv
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

import workloads
from accelsim.trace.coverage import without_head
from accelsim.trace.workload import Workload
from explore.cli import app
from tests.partial_networks import EXPECTED, PARTIAL, SHARE, WHOLE, told

HW = ("--hw", "dense/os-16x16")
TWO = (*HW, "--hw", "sparse/csr-rows-16x16")
RECORD = {"name": "head", "operation": "com.example::Mystery", "macs": 24_000}
COMMANDS = {"run": HW, "compare": TWO, "workload show": ()}


def invoke(*args: object):
    return CliRunner().invoke(app, [str(a) for a in args])


def printed(*args: object) -> str:
    result = invoke(*args)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def saved(tmp_path) -> tuple[Path, Path]:
    """The partial network and the whole one as files of the same name."""
    paths = tmp_path / "partial" / "net.npz", tmp_path / "whole" / "net.npz"
    for path, network in zip(paths, (PARTIAL, WHOLE), strict=True):
        network.save(path)
    return paths


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """An ONNX model of a convolution and an operator of a domain that nobody knows."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Entangle", ["c"], ["y"], name="end", domain="com.example"),
    ]
    weight = numpy_helper.from_array(np.ones((4, 3, 1, 1), np.float32), "w")
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [1, 3, 8, 8]), ("y", None))]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [weight])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
    path = tmp_path_factory.mktemp("model") / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


@pytest.mark.parametrize(("command", "options"), COMMANDS.items())
def test_tables_say_it_in_one_line_and_are_the_same_but_for_it(saved, command, options):
    text, same = (printed(*command.split(), path, *options) for path in saved)
    lines = [line for line in text.splitlines() if told(line)]
    assert [told(line) for line in lines] == [[EXPECTED]]
    assert "".join(line for line in text.splitlines(keepends=True) if not told(line)) == same
    assert "not simulated" not in same


@pytest.mark.parametrize("command", ["run", "compare"])
def test_json_has_the_records(saved, command):
    texts = [printed(command, path, *COMMANDS[command], "--json") for path in saved]
    content, same = map(json.loads, texts)
    assert (content.pop("not_simulated"), content.pop("not_simulated_share")) == ([RECORD], SHARE)
    assert content == same
    assert "not_simulated" not in texts[1]


def test_files_of_run_say_it(saved, tmp_path):
    for path, name in zip(saved, "ab", strict=True):
        printed("run", path, *HW, "--out", tmp_path / name)
    table, same = ((tmp_path / name / "layers.csv").read_text() for name in "ab")
    assert told(table.splitlines()[0]) == [EXPECTED]
    assert without_head(table) == same
    assert [row["name"] for row in csv.DictReader(without_head(table).splitlines())] == ["fc1", "fc2"]
    report, whole = (json.loads((tmp_path / name / "report.json").read_text()) for name in "ab")
    assert report["not_simulated"] == [RECORD]
    assert {key: value for key, value in report.items() if not key.startswith("not_simulated")} == whole


def test_files_of_compare_say_it(saved, tmp_path):
    for path, name in zip(saved, "ab", strict=True):
        printed("compare", path, *TWO, "--out", tmp_path / name)
    table, same = ((tmp_path / name / "compare.csv").read_text() for name in "ab")
    assert told(table.splitlines()[0]) == [EXPECTED]
    assert without_head(table) == same
    reports = sorted((tmp_path / "a").rglob("report.json"))
    assert [json.loads(path.read_text())["not_simulated"] for path in reports] == [[RECORD], [RECORD]]


def test_diff_says_of_which_report_something_is_missing(saved, tmp_path):
    for path, name in zip(saved, "ab", strict=True):
        printed("run", path, *HW, "--out", tmp_path / name)
    partial, whole = (tmp_path / name / "report.json" for name in "ab")
    text = printed("diff", whole, partial)
    assert [line.partition(": ")[0] for line in text.splitlines() if told(line)] == ["after"]
    assert told(text) == [EXPECTED]
    content = json.loads(printed("diff", whole, partial, "--json"))
    assert content["after"]["not_simulated"] == [RECORD]
    assert content["after"]["not_simulated_share"] == SHARE
    assert content["before"] == {"workload": "net", "hardware": "os-16x16"}
    assert "not simulated" not in printed("diff", whole, whole)


@pytest.mark.parametrize("change", [{"not_simulated": 7}, {"not_simulated": [{"name": "a"}]},
                                    {"not_simulated_share": "all"}, {"not_simulated_share": 2}])  # fmt: skip
def test_diff_refuses_a_report_that_holds_something_else(saved, tmp_path, change):
    printed("run", saved[0], *HW, "--out", tmp_path)
    path = tmp_path / "report.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    result = invoke("diff", path, path)
    assert result.exit_code == 2
    assert next(iter(change)) in result.stderr


@pytest.mark.parametrize(("command", "options"), COMMANDS.items())
def test_a_model_is_refused_by_name_or_goes_on_with_partial(model, command, options):
    result = invoke(*command.split(), model, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "com.example::Entangle" in result.stderr
    assert "--partial" in result.stderr
    text = printed(*command.split(), model, *options, "--partial")
    assert text.count("not simulated: end (com.example::Entangle), share unknown\n") == 1


@pytest.mark.parametrize("command", ["run", "compare"])
def test_a_partial_model_says_it_in_json(model, command):
    content = json.loads(printed(command, model, *COMMANDS[command], "--partial", "--json"))
    record = {"name": "end", "operation": "com.example::Entangle", "macs": None}
    assert (content["not_simulated"], content["not_simulated_share"]) == ([record], None)


@pytest.mark.parametrize(("command", "options"), COMMANDS.items())
def test_partial_is_for_models_that_an_importer_lowers(saved, command, options):
    for name in ("lenet5", saved[0]):
        result = invoke(*command.split(), name, *options, "--partial")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "--partial" in result.stderr
        assert str(name)[:200] in result.stderr


def test_an_importer_of_anybody_gets_partial_where_it_takes_it(tmp_path, monkeypatch):
    from workloads.registry import FILE_IMPORTERS

    asked = []

    class LossyImporter(workloads.Importer):
        name, suffixes, takes_partial = "lossy", (".lossy",), True

        def load(self, path: Path, *, batch: int, values: bool, partial: str) -> Workload:
            asked.append(partial)
            return PARTIAL

    monkeypatch.setattr(FILE_IMPORTERS, "_values", dict(FILE_IMPORTERS._values))  # as it was, behind the test
    workloads.register_importer(LossyImporter)
    path = tmp_path / "net.lossy"
    path.write_text("")
    assert told(printed("workload", "show", path, "--partial")) == [EXPECTED]
    workloads.open_workload(path)
    assert asked == ["allow", "refuse"]
