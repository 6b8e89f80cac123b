"""Points that were simulated before, whatever sweep they stand in."""

import sqlite3
from pathlib import Path

import pytest

import accelsim
from explore.sweep import evaluation, known_points
from explore.sweep.known_points import KnownPoints

from .conftest import MACHINE, SET


@pytest.fixture
def simulated(monkeypatch):
    calls, simulate = [], evaluation.simulate
    monkeypatch.setattr(evaluation, "simulate", lambda *of: calls.append(of) or simulate(*of))
    return calls


def test_equal_points_are_simulated_once_whatever_they_are_called(net, simulated):
    other = {**MACHINE, "name": "other", "description": "the same machine"}
    first = accelsim.sweep([net], [MACHINE, other], set=SET, jobs=1)
    assert len(simulated) == 6
    assert first["cycles"][:6].tolist() == first["cycles"][6:].tolist()
    again = accelsim.sweep([accelsim.Workload("again", net.traces)], [MACHINE], set=SET, jobs=1)
    assert len(simulated) == 6
    same = first.iloc[:6].drop(columns="workload")
    assert again.drop(columns="workload").to_csv() == same.to_csv()


@pytest.mark.parametrize("broken", ["no folder", "damaged"])
def test_without_a_cache_there_are_the_same_rows(net, simulated, cache, broken):
    expected = accelsim.sweep([net], [MACHINE], set=SET, jobs=1)
    for path in cache.rglob("points-*"):
        path.unlink()
    if broken == "no folder":
        cache.rmdir()
        cache.write_text("a file in the way")
    else:
        for path in [*cache.iterdir(), cache / f"points-{known_points.platform.node()[:60]}.sqlite"]:
            path.write_bytes(b"\xff" * 5000)
    assert accelsim.sweep([net], [MACHINE], set=SET, jobs=1).to_csv() == expected.to_csv()
    assert len(simulated) == 12


def test_a_read_only_cache_is_read_and_not_written(net, simulated, cache, monkeypatch):
    expected = accelsim.sweep([net], [MACHINE], set={"array.rows": [2]}, jobs=1)
    connect = sqlite3.connect

    def read_only(path, **options):
        if Path(str(path)).parent != cache:
            return connect(path, **options)
        return connect(f"file:{path}?mode=ro", uri=True, **options)  # the tests may run as root, who may write all

    monkeypatch.setattr(known_points.sqlite3, "connect", read_only)
    frame = accelsim.sweep([net], [MACHINE], set={"array.rows": [2, 4]}, jobs=1)
    assert frame.iloc[:1].to_csv() == expected.to_csv()
    assert {*frame["status"]} == {"done"}


def test_figures_come_back_to_the_digit(tmp_path):
    figures = {"cycles": 2**62, "energy_pj": 0.1 + 0.2}
    known = KnownPoints(tmp_path)
    assert known.find("a") is None
    known.put("a", figures)
    assert KnownPoints(tmp_path).find("a") == figures
