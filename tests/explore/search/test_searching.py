"""accelsim.search: rows as a sweep's, the front, determinism, constraints, importances."""

import json
import sqlite3

import optuna
import pytest

import accelsim
from explore.search import samplers

from .conftest import GOALS, MACHINE, SET

SAMPLERS = ("nsga2", "tpe", "gp")


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Samplers that learn from a few points on."""
    monkeypatch.setattr(samplers, "POPULATION", 4)
    monkeypatch.setattr(samplers, "STARTUP", 4)


def ids(result):
    return result.points["id"].tolist()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_rows_are_those_of_a_sweep_and_the_front_is_theirs(search, net, sampler):
    every = accelsim.sweep([net], [MACHINE], set=SET, jobs=1)
    found = search(sampler=sampler)
    assert len(set(ids(found))) == 12
    assert found.points.to_csv(index=False) == every[every["id"].isin(ids(found))].to_csv(index=False)
    front = accelsim.pareto(found.points, **GOALS)
    assert found.front.to_csv() == front.to_csv()
    assert "infeasible" in every["status"].tolist()


@pytest.mark.parametrize("sampler", ["nsga2", "tpe"])
def test_the_seed_decides(search, sampler):
    found = ids(search(sampler=sampler))
    assert found == ids(search(sampler=sampler))
    assert found != ids(search(sampler=sampler, seed=1))


def test_processes_give_the_same_points(search):
    assert search(jobs=2).points.to_csv() == search().points.to_csv()


def test_more_trials_than_points_evaluate_each_once(search):
    found = search(trials=1000)
    assert ids(found) == [*range(36)]
    assert repr(found).startswith("<SearchResult: 36 of 36 points, ")


def test_a_space_of_one_point(search):
    assert ids(search(set={})) == [0]


def test_constraints_are_kept_by_the_front_and_told_to_optuna(search, tmp_path):
    every = search(trials=36)
    bound = float(every.points["area_um2"].median())
    found = search(tmp_path / "out", constraints=[f"area_um2 <= {bound!r}", "utilization >= 0.1"], sampler="tpe")
    keeping = found.points[(found.points["area_um2"] <= bound) & (found.points["utilization"] >= 0.1)]
    assert len(keeping) < len(found.points)
    assert found.front["id"].tolist() == accelsim.pareto(keeping, **GOALS)["id"].tolist()
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{tmp_path / 'out' / 'study.sqlite'}")
    for trial in study.trials:
        row = found.points.set_index("id").loc[trial.user_attrs["point"]]
        keeps = row["status"] == "done" and row["area_um2"] <= bound and row["utilization"] >= 0.1
        assert all(value <= 0 for value in trial.constraints.values()) == keeps


def test_infeasible_points_are_rows_with_their_reason_and_violations(search, tmp_path):
    found = search(tmp_path, trials=36)
    failed = found.points[found.points["status"] == "infeasible"]
    assert len(failed) == 18
    assert failed["error"].str.contains("fc1").all()
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{tmp_path / 'study.sqlite'}")
    trials = {trial.user_attrs["point"]: trial for trial in study.trials}
    for number, error in zip(failed["id"], failed["error"], strict=True):
        assert trials[number].constraints["figures"] > 0
        assert trials[number].user_attrs["reason"] == error
    assert {trial.number for trial in study.best_trials} == {trials[n].number for n in found.front["id"]}


def test_most_of_an_objective_and_a_swept_field_as_one(search):
    found = search(minimize=["array.rows"], maximize=["utilization"], trials=36)
    done = found.points[found.points["status"] == "done"]
    front = accelsim.pareto(done, minimize=["array.rows"], maximize=["utilization"])
    assert found.front["id"].tolist() == front["id"].tolist()


def test_importances_name_what_decides(search):
    shares = search(trials=36, set={**SET, "buffers.filter_kib": [1, 2]}).importances
    assert [*shares] == ["cycles", "area_um2"]
    for of_field in shares.values():
        assert sum(of_field.values()) == pytest.approx(1)
    assert shares["area_um2"]["dram.gbps"] < shares["area_um2"]["array.rows"]


def test_options_of_workloads_and_machines_are_searched_too(net):
    machines = [MACHINE, {**MACHINE, "name": "fast", "clock_mhz": 2000}]
    entries = [{"name": net, "batch": [1, 2, 4]}, {"name": net, "label": "b8", "batch": 8}]
    found = accelsim.search(entries, machines, set={"array.rows": [2, 4]}, trials=16, jobs=1, **GOALS)
    every = accelsim.sweep(entries, machines, set={"array.rows": [2, 4]}, jobs=1)
    assert found.points["settings"].tolist() == every["settings"].tolist()
    assert set(found.importances["cycles"]) == {"workload", "hardware", "array.rows"}


def test_what_made_the_points_stands_beside_them(search, tmp_path):
    search(tmp_path)
    with sqlite3.connect(tmp_path / "results.sqlite") as base:
        facts = {key: json.loads(value) for key, value in base.execute("SELECT key, value FROM sweep")}
    asked = {"maximize": [], "constraints": [], "sampler": "nsga2", "seed": 0, "batch": 4}
    assert facts["search"] == {**GOALS, **asked}
    assert facts["importances"].keys() <= {"cycles", "area_um2"}
