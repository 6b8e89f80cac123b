"""`accelsim plot`: a figure of what a command left, its answer on stdout, and one line otherwise."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

import accelsim
from explore.cli import app, run
from plots.saving import render
from tests.plots.reports import SPARSE, of_layers


def called(*arguments):
    return CliRunner().invoke(app, ["plot", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path):
    run.write(of_layers(3, SPARSE), tmp_path / "run")
    return tmp_path / "run"


def test_the_file_is_the_figure_and_the_answer_is_said(folder, tmp_path):
    axis = of_layers(3, SPARSE).plot("layers", width_in=3.3)
    for kind in ("svg", "png"):
        result = called("layers", folder, "--width", 3.3, "--out", tmp_path / f"l.{kind}")
        assert result.exit_code == 0, result.output
        answer, path = result.stdout.splitlines()
        assert answer == " ".join(axis.figure.get_suptitle().split())
        assert path == str(tmp_path / f"l.{kind}")
        assert (tmp_path / f"l.{kind}").read_bytes() == render(axis.figure)[kind]


def test_options_reach_the_figure(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = called("timeline", folder, "--layer", "block1.fc")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "timeline.json" in result.stderr
    of_layers(3, SPARSE).to_timeline(folder / "timeline.json")
    assert called("timeline", folder, "--layer", "block1.fc").stdout.startswith("Layer block1.fc of net3")
    assert called("layers", folder, "--layer", "block1.fc", "--layer", "block2.fc").exit_code == 0
    told = json.loads(called("pareto", folder, folder, "--x", "area_um2", "--y", "cycles", "--json").stdout)
    assert told["figure"] == "pareto"
    assert told["file"] == "pareto.svg"
    assert told["answer"].startswith("2 of 2 points are on the front.")
    assert sorted(path.name for path in tmp_path.glob("*.svg")) == ["layers.svg", "pareto.svg", "timeline.svg"]


def test_without_a_name_all_are_listed():
    result = called()
    assert [line.split()[0] for line in result.stdout.splitlines()] == accelsim.plots()
    assert [*json.loads(called("--json").stdout)] == accelsim.plots()


def test_density_takes_saved_networks(tmp_path):
    before, after = (
        accelsim.Workload("net", [accelsim.GemmTrace.random("fc", M=1, N=20, K=30, weight_density=density)])
        for density in (1.0, 0.2)
    )
    before.save(tmp_path / "a.npz")
    after.save(tmp_path / "b.npz")
    result = called("density", tmp_path / "a.npz", tmp_path / "b.npz", "--out", tmp_path / "d.png")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("fc: density goes from 100 % to ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["layer", "RUN"], "unknown figure 'layer'; did you mean 'layers'?"),
        (["layers"], "figure 'layers' has no report to draw"),
        (["layers", "nowhere"], "report 'nowhere' is not there"),
        (["layers", "RUN", "--out", "a.pdf"], "--out 'a.pdf' ends in '.pdf'; .svg or .png is expected"),
        (["layers", "RUN", "--out", "RUN/report.json/a.svg"], "is a file, a folder is expected"),
        (["layers", "RUN", "--layer", "block9.fc"], "unknown layer 'block9.fc'; did you mean 'block"),
        (["layers", "RUN", "--x", "cycles"], "figure 'layers' has no option 'x'"),
        (["layers", "RUN", "--width", "0.1"], "width_in is 0.1; 2 to 20 inches"),
        (["timeline", "RUN", "--layer", "a", "--layer", "b"], "--layer names 2 layers; one is expected"),
        (["ppr", "RUN"], "needs 'ratios', of which"),
        (["pareto", "RUN", "--x", "cycle"], "column 'cycle' is not there; did you mean 'cycles'?"),
        (["density", "lenet5"], "holds no weights, only shapes"),
    ],
)
def test_what_cannot_be_drawn_is_one_line_and_leaves_nothing(arguments, told, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = called(*(argument.replace("RUN", "run") for argument in arguments))
    assert result.exit_code == 2, result.output
    assert told in result.stderr
    assert result.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
