"""Whatever a command leaves opens as what it is, and draws the same numbers as the objects it was written from."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

import accelsim
from accelsim.errors import AccelSimError, FileFormatError, MissingFileError
from explore.cli import compare, run
from plots.data_files.data import StudyData
from plots.data_files.opening import opened
from plots.data_files.points_of import points_of
from plots.data_files.reports import study_data
from tests.plots.figures.test_point_figures import sweep
from tests.plots.figures.test_report_figures import sums
from tests.plots.reports import DENSE, SPARSE, of_layers
from tests.plots.studies import study, write


@pytest.fixture
def folder(tmp_path):
    """What `accelsim run --out` leaves, with a timeline beside it."""
    run.write(of_layers(3, SPARSE), tmp_path / "run")
    of_layers(3, SPARSE).to_timeline(tmp_path / "run" / "timeline.json")
    return tmp_path / "run"


@pytest.mark.parametrize("name", ["layers", "losses", "energy", "traffic", "storage", "bits", "roofline", "timeline"])
def test_a_runs_folder_draws_what_its_report_draws(folder, name):
    mine, theirs = accelsim.plot(name, folder), of_layers(3, SPARSE).plot(name)
    assert mine.figure.get_suptitle() == theirs.figure.get_suptitle()
    if name in ("layers", "losses", "energy", "traffic", "storage"):
        assert sums(mine) == pytest.approx(sums(theirs))


def test_the_bandwidth_of_a_timeline_is_the_reports(folder):
    mine, theirs = study_data(folder).bandwidth, study_data(of_layers(3, SPARSE), needs="bandwidth").bandwidth
    assert [layer.layer for layer in mine] == [layer.layer for layer in theirs]
    for one, other in zip(mine, theirs, strict=True):
        assert one.gbps == pytest.approx(other.gbps, abs=1e-5)
        assert (one.start_us, one.end_us) == pytest.approx((other.start_us, other.end_us))


def test_a_file_is_as_good_as_its_folder(folder):
    assert accelsim.plot("layers", folder / "report.json").figure.get_suptitle() == (
        accelsim.plot("layers", str(folder)).figure.get_suptitle()
    )


def test_a_comparisons_folder_has_the_ratios(tmp_path):
    layers = [accelsim.GemmTrace.random("fc", M=4, N=64, K=64, weight_density=0.2, pruned=True)]
    comparison = accelsim.compare_machines(accelsim.Workload("net", layers), [DENSE, SPARSE])
    places = compare.report_paths(tmp_path, [DENSE, SPARSE])
    compare.write(comparison, tmp_path, places)
    loaded, made = study_data(tmp_path), study_data(comparison)
    assert [run["hardware"] for run in loaded.runs] == ["os-16x16", "csr-rows-16x16"]
    for one, other in zip(loaded.runs, made.runs, strict=True):
        assert one["ppr"] == pytest.approx(other["ppr"])
        assert one["cycles"] == other["cycles"]
    for name in ("ppr", "cycles", "efficiency", "ppr_rate"):
        assert (
            accelsim.plot(name, tmp_path).figure.get_suptitle() == accelsim.plot(name, comparison).figure.get_suptitle()
        )
    places[0].unlink()
    with pytest.raises(FileFormatError, match=r"holds 1 reports and compare\.csv 2 machines"):
        opened(tmp_path)


def test_a_study_and_a_run_stand_together(folder, tmp_path):
    both = study_data([write(study(2, 1), tmp_path / "study"), folder, folder])
    assert [run["hardware"] for run in both.runs][-2:] == ["csr-rows-16x16", "csr-rows-16x16 (2)"]
    assert sum(len(both.layers_of(run)) for run in both.runs) == 2 * 4 + 3 + 3


def test_a_sweeps_results_are_points(tmp_path):
    table = sweep(9)
    with closing(sqlite3.connect(tmp_path / "results.sqlite")) as connection:
        table.to_sql("points", connection, index=False)
    points = points_of(tmp_path)
    assert len(points) == 8
    assert points["array.rows"].tolist() == [8 * (1 + i % 4) for i in range(1, 9)]
    assert points["cycles"].tolist() == table["cycles"].tolist()[1:]
    assert accelsim.plot("pareto", tmp_path).figure.get_suptitle() == (
        accelsim.plot("pareto", table).figure.get_suptitle()
    )
    table.to_csv(tmp_path / "points.csv", index=False)
    assert len(points_of([tmp_path / "results.sqlite", tmp_path / "points.csv"])) == 16
    with pytest.raises(AccelSimError, match="holds a table of points and no layers"):
        accelsim.plot("layers", tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"cycles": -1}, r"report '.*report.json' has cycles -1; a number of at least 0"),
        ({"workload": 3}, "has workload '3'; a name"),
        ({"layers": []}, "has no layers"),
        ({"layers": [1]}, r"has layers\[0\] 1; a mapping"),
        ({"layers": [{"name": "a"}]}, r"has layers\[0\].kind None; a name"),
        ({"configuration": {"name": "x"}}, None),
    ],
)
def test_a_broken_report_names_the_field(folder, change, told):
    content = json.loads((folder / "report.json").read_text()) | change
    (folder / "report.json").write_text(json.dumps(content))
    if told is None:  # only what needs the machine fails
        assert isinstance(opened(folder), StudyData)
        with pytest.raises(AccelSimError, match="array"):
            accelsim.plot("roofline", folder)
        return
    with pytest.raises(FileFormatError, match=told) as raised:
        opened(folder)
    assert "\n" not in str(raised.value)


def test_places_that_hold_nothing(tmp_path):
    with pytest.raises(MissingFileError, match=r"report '.*nowhere' is not there"):
        opened(tmp_path / "nowhere")
    with pytest.raises(MissingFileError, match=r"holds no report; a folder with report.json, compare.csv"):
        opened(tmp_path)
    (tmp_path / "report.json").write_text('{"verdict": 1}')
    with pytest.raises(FileFormatError, match="neither `runs` nor `layers`"):
        opened(tmp_path)
    (tmp_path / "results.sqlite").write_text("no database")
    with pytest.raises(FileFormatError, match="hold no table `points`"):
        opened(tmp_path / "results.sqlite")
    (tmp_path / "points.csv").write_text('a,b\n1,"2\n3,4,5\n')
    with pytest.raises(FileFormatError, match="is not valid CSV"):
        opened(tmp_path / "points.csv")
