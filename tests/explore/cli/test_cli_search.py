"""`accelsim search`: the tables, the JSON, the page, and exit codes."""

import json

import pytest
import yaml
from typer.testing import CliRunner

import accelsim
from explore.cli import app
from tests.explore.search.conftest import GOALS, MACHINE, SET, TOPOLOGY


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A search file of 36 points beside what it names."""
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(MACHINE))
    (tmp_path / "net.csv").write_text(TOPOLOGY)
    content = {"workloads": ["net.csv"], "hardware": ["small.yaml"], "set": SET, **GOALS}
    (tmp_path / "file.yaml").write_text(
        yaml.safe_dump({**content, "constraints": ["area_um2 <= 1e6"]}, sort_keys=False)
    )
    return tmp_path / "file.yaml"


def invoke(*args: object):
    return CliRunner().invoke(app, [str(a) for a in args])


def test_front_importances_and_page(file, tmp_path):
    out = tmp_path / "out"
    result = invoke("search", file, "--out", out, "--trials", 30, "--jobs", 1)
    assert result.exit_code == 0, result.stderr
    assert "that keep area_um2 <= 1e+06" in result.stdout
    assert "share of each field" in result.stdout
    assert "30 of 36 points evaluated by nsga2" in result.stdout
    assert invoke("report", out).exit_code == 0
    page = (out / "report.html").read_text()
    assert "What decides" in page
    assert "that keep area_um2" in page
    assert invoke("plot", "pareto", out, "--out", tmp_path / "p.svg").exit_code == 0
    front = invoke("pareto", out, "--minimize", "cycles", "--minimize", "area_um2", "--json")
    printed = json.loads(invoke("search", file, "--out", out, "--trials", 30, "--resume", "--json").stdout)
    assert {row["id"] for row in json.loads(front.stdout)} == set(printed["front"])


def test_json_alone_stands_on_stdout_and_options_replace_the_files(file, tmp_path):
    result = invoke("search", file, "--out", tmp_path / "out", "--trials", 8, "--jobs", 1, "--json",
                    "--minimize", "energy_pj", "--constraint", "array.rows >= 4", "--seed", 3)  # fmt: skip
    printed = json.loads(result.stdout)
    asked = {"minimize": ["energy_pj"], "maximize": [], "constraints": ["array.rows >= 4"]}
    assert printed["search"] == {**asked, "sampler": "nsga2", "seed": 3, "batch": 8}
    assert printed["points"] == 36
    kept = [row for row in printed["rows"] if row["status"] == "done" and row["settings"]["array.rows"] >= 4]
    least = min(row["energy_pj"] for row in kept)
    assert printed["front"] == [row["id"] for row in kept if row["energy_pj"] == least]
    assert result.stderr == ""


def test_a_sweep_reads_the_same_file(file, tmp_path):
    result = invoke("sweep", file, "--out", tmp_path / "out", "--jobs", 1, "--json", "--set", "array.cols=4")
    assert len(json.loads(result.stdout)["rows"]) == 12


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--minimize", "cycls"], "file.yaml': unknown objective 'cycls'; did you mean 'cycles'"),
        (["--constraint", "area <= 3"], "did you mean 'area_um2'"),
        (["--sampler", "tpee"], "did you mean 'tpe'"),
        (["--trials", "0"], "trials is 0"),
        (["--scheduler", "nonsense"], "scheduler 'nonsense' does not answer"),
    ],
)
def test_what_is_wrong_is_one_line_and_leaves_nothing(file, tmp_path, options, says):
    result = invoke("search", file, "--out", tmp_path / "out", *options)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert says in result.stderr
    assert not (tmp_path / "out" / "results.sqlite").exists() or "scheduler" in says


def test_the_front_of_the_python_call_is_that_of_the_command(file, tmp_path):
    found = accelsim.search(
        [str(file.parent / "net.csv")], [str(file.parent / "small.yaml")], set=SET, trials=8, jobs=1, **GOALS,
        constraints=["area_um2 <= 1e6"],
    )  # fmt: skip
    printed = json.loads(invoke("search", file, "--out", tmp_path / "out", "--trials", 8, "--jobs", 1, "--json").stdout)
    assert sorted(printed["front"]) == found.front["id"].tolist()
