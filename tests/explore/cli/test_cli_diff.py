"""`accelsim diff`: changes by layer, layers of one report only, and files that are no reports."""

import json

import pytest
from typer.testing import CliRunner

import accelsim
import workloads
from accelsim.trace.workload import Workload
from explore.cli import app
from explore.cli.diff import FIGURES, difference

ROW = {"name": "a", "cycles": 10, "compute_cycles": 8, "stall_cycles": 2, "energy_pj": 4.0, "dram_bytes": 64}


def report(*rows: dict[str, object], **more: object) -> dict[str, object]:
    return {"workload": "w", "hardware": "h", "layers": list(rows), **more}


def row(name: str, factor: int = 1) -> dict[str, object]:
    return {key: value if key == "name" else factor * value for key, value in (ROW | {"name": name}).items()}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory with two reports that share layer a, of which the second's figures are half."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.json").write_text(json.dumps(report(row("a", 2), row("same"), row("old", 3))))
    (tmp_path / "b.json").write_text(json.dumps(report(row("new"), row("same"), row("a"), hardware="h2")))
    return tmp_path


def invoke(*args: object):
    return CliRunner().invoke(app, ["diff", *map(str, args)])


def printed(*args: object) -> str:
    result = invoke(*args)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_json_has_every_change_by_hand(place):
    content = json.loads(printed("a.json", "b.json", "--json"))
    assert content["before"] == {"workload": "w", "hardware": "h"}
    assert content["after"] == {"workload": "w", "hardware": "h2"}
    assert (content["only_before"], content["only_after"]) == (["old"], ["new"])
    layer, same = content["layers"]
    assert (layer["name"], same["name"]) == ("a", "same")
    assert layer["cycles"] == {"before": 20, "after": 10, "change": -10, "relative": -0.5}
    assert layer["energy_pj"] == {"before": 8.0, "after": 4.0, "change": -4.0, "relative": -0.5}
    assert same["dram_bytes"] == {"before": 64, "after": 64, "change": 0, "relative": 0}
    assert content["totals"]["stall_cycles"] == {"before": 12, "after": 6, "change": -6, "relative": -0.5}


def test_what_grows_from_nothing_has_no_relative_change():
    nothing = ROW | {"stall_cycles": 0}
    found = difference(report(nothing), report(ROW))
    assert found["layers"][0]["stall_cycles"] == {"before": 0, "after": 2, "change": 2, "relative": None}
    assert difference(report(nothing), report(nothing))["layers"][0]["stall_cycles"]["relative"] == 0


def test_the_table_names_layers_of_one_report_only(place):
    text = printed("a.json", "b.json")
    lines = [line.split() for line in text.splitlines()]
    assert "w on h -> w on h2" in text
    assert ["a", "cycles", "20", "10", "-10", "-50.0", "%"] in lines
    assert ["DRAM", "128", "B", "64", "B", "-64", "B", "-50.0", "%"] in lines
    assert ["same", "no", "change"] in lines
    assert ["total", "cycles", "60", "30", "-30", "-50.0", "%"] in lines
    assert "only before: old" in text
    assert "only after: new" in text


def test_reports_of_run_and_of_the_library_are_taken(place):
    lenet = workloads.load("lenet5")
    small, large = (accelsim.simulate(lenet, f"dense/os-{side}") for side in ("16x16", "32x32"))
    small.to_json(place / "small.json")
    run = CliRunner().invoke(app, ["run", "lenet5", "--hw", "dense/os-32x32", "--json"])
    (place / "large.json").write_text(run.stdout)
    content = json.loads(printed("small.json", "large.json", "--json"))
    for key in FIGURES:
        assert content["totals"][key]["before"] == pytest.approx(getattr(small, key))
        assert content["totals"][key]["change"] == pytest.approx(getattr(large, key) - getattr(small, key))
    assert content == difference(small.to_dict(), large.to_dict())
    assert "no change" in printed("small.json", "small.json")


def test_reports_without_a_common_layer_still_compare(place):
    Workload("other", [accelsim.GemmTrace("z", M=2, N=2, K=2)]).save(place / "z.npz")
    run = CliRunner().invoke(app, ["run", "z.npz", "--hw", "dense/os-16x16", "--json"])
    (place / "z.json").write_text(run.stdout)
    text = printed("a.json", "z.json")
    assert "only before: a, same, old" in text
    assert "only after: z" in text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[1]", "a list"),
        ("[" * 5000, "not valid JSON"),
        ("{}", "workload"),
        (json.dumps({"runs": [], "accuracy": {}}), "workload"),
        (json.dumps(report()), "layers []"),
        (json.dumps(report() | {"layers": {"a": 1}}), "layers"),
        (json.dumps(report() | {"hardware": 3}), "hardware 3"),
        (json.dumps(report(3)), "layers[0] 3"),
        (json.dumps(report(ROW | {"name": 3})), "layers[0].name 3"),
        (json.dumps(report(ROW, ROW)), "layers[1].name 'a'"),
        (json.dumps(report(ROW, {"name": "b"})), "layers[1].cycles None"),
        (json.dumps(report(ROW | {"cycles": "9"})), "layers[0].cycles '9'"),
        (json.dumps(report(ROW | {"cycles": True})), "layers[0].cycles True"),
        (json.dumps(report(ROW | {"cycles": -1})), "layers[0].cycles -1"),
        (json.dumps(report(ROW | {"energy_pj": float("nan")})), "layers[0].energy_pj nan"),
        (json.dumps(report(ROW | {"energy_pj": float("inf")})), "layers[0].energy_pj inf"),
        (json.dumps(report(ROW | {"dram_bytes": 10**400})), "layers[0].dram_bytes 1000"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_files_that_are_no_reports_are_refused_in_one_line(place, text, says, first):
    (place / "bad.json").write_text(text)
    result = invoke(*(("bad.json", "b.json") if first else ("b.json", "bad.json")))
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert "bad.json" in result.stderr
    assert says in result.stderr


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "A.json"),
        (("a.json",), "B.json"),
        (("a.json", "none.json"), "none.json"),
        ((".", "a.json"), "folder"),
        (("a.json", "a.json/b"), "a.json/b"),
        (("a.json", "b.json", "c.json"), "c.json"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(place, args, says):
    result = invoke(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert says in result.stderr


def test_the_help_has_an_example_and_names_both_files():
    text = printed("--help")
    assert "Example: accelsim diff " in text
    assert "A.json" in text
    assert "B.json" in text
