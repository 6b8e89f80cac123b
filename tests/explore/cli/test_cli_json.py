"""`--json` of every command: it is there, its help says what is in it, and stdout holds nothing else."""

import json

import pytest
import typer
from typer.testing import CliRunner

import accelsim
import explore.cli.demo
import explore.studies.registry
import workloads
from accelsim.hardware.loading import config_names
from explore.cli import app


def commands(group=None, path=()):
    """Every command by its words."""
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands())


def content(*args: object):
    """What a command prints, which must be JSON alone."""
    result = CliRunner().invoke(app, [*map(str, args), "--json"])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_it_and_its_help_says_what_is_in_it(name):
    assert any("--json" in parameter.opts for parameter in COMMANDS[name].params)
    assert "JSON" in CliRunner().invoke(app, [*name.split(), "--help"]).stdout.split("Options:")[0]


def test_hw_list():
    listed = content("hw", "list")
    assert [one["name"] for one in listed] == config_names()
    machine = accelsim.load_hardware(listed[0]["name"])
    assert listed[0]["peak_macs"] == machine.array.peak_macs
    assert listed[0]["peak_tops"] == pytest.approx(2 * machine.array.peak_macs * machine.clock_mhz * 1e6 / 1e12)


def test_workload_list(monkeypatch):
    monkeypatch.setattr(workloads, "list_models", lambda: ["lenet5"], raising=False)
    listed = content("workload", "list")
    assert listed["networks"] == [{"name": "lenet5", "layers": 4, "weights": 430_500, "macs": 2_293_000}]
    assert all("@" in name for name in listed["published"])


def test_workload_show():
    shown = content("workload", "show", "lenet5", "--density", "0.25")
    assert (shown["workload"], shown["macs"]) == ("lenet5", 2_293_000)
    assert [layer["density"] for layer in shown["layers"]] == [0.25] * 4
    assert {layer["name"]: (layer["M"], layer["N"], layer["K"]) for layer in shown["layers"]}["conv2"] == (64, 50, 500)
    assert content("workload", "show", "lenet5")["layers"][0]["density"] is None


def test_study(tmp_path, monkeypatch):
    def run(out, quick, jobs, progress):
        progress(1, 2)
        out.mkdir(parents=True)
        (out / "table.csv").write_text("a\n1\n")
        return "what came out"

    monkeypatch.setitem(explore.studies.registry.STUDY_RUNS._values, "mine", run)
    assert content("study", "mine", "--out", tmp_path / "s") == {
        "study": "mine", "folder": str(tmp_path / "s"), "text": "what came out", "files": ["table.csv"],
    }  # fmt: skip


def test_demo_prints_its_report_and_nothing_on_the_way(tmp_path, monkeypatch):
    def run_demo(out, fast, *, seed, console):
        assert console is None
        out.mkdir()
        (out / "report.json").write_text('{"accuracy": {"baseline": 0.99}}\n')

    monkeypatch.setattr("explore.demo.study.run_demo", run_demo)
    assert content("demo", "--out", tmp_path / "d") == {"accuracy": {"baseline": 0.99}}


def test_schema_is_json_with_and_without(tmp_path):
    plain = CliRunner().invoke(app, ["schema"])
    assert json.loads(plain.stdout) == content("schema")
    result = CliRunner().invoke(app, ["schema", "--out", str(tmp_path / "s.json")])
    assert result.stdout == f"wrote {tmp_path / 's.json'}\n"
    assert json.loads((tmp_path / "s.json").read_text()) == content("schema")
