"""A folder of a search: what resumes, to the same points as if nothing had ended it, and what is refused."""

import pytest

import accelsim
from accelsim.errors import OutputError
from explore.search import samplers, study_log
from explore.sweep import evaluation

from .conftest import MACHINE, SET


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Generations of five, which end in the middle of a batch of four."""
    monkeypatch.setattr(samplers, "POPULATION", 5)
    monkeypatch.setattr(samplers, "STARTUP", 4)


@pytest.fixture
def simulated(monkeypatch):
    """What is simulated from here on."""
    found, simulate = [], evaluation.simulate
    monkeypatch.setattr(evaluation, "simulate", lambda *of: found.append(of) or simulate(*of))
    return found


def stop_after(points):
    """Progress that interrupts, as Ctrl-C does."""

    def progress(ended, infeasible, of):
        if ended == points:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("sampler", ["nsga2", "tpe"])
def test_a_search_that_ended_anywhere_goes_on_as_if_it_had_not(search, tmp_path, monkeypatch, sampler, simulated):
    whole = search(tmp_path / "whole", sampler=sampler, trials=18)
    feasible = len(simulated)
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path / "fresh"))
    for points in (3, 6, 13):
        with pytest.raises(KeyboardInterrupt):
            search(tmp_path / "out", sampler=sampler, trials=18, resume=True, progress=stop_after(points))
    found = search(tmp_path / "out", sampler=sampler, trials=18, resume=True)
    assert found.points.to_csv() == whole.points.to_csv()
    assert len(simulated) == 2 * feasible
    assert search(tmp_path / "out", sampler=sampler, trials=18, resume=True).points.to_csv() == whole.points.to_csv()
    assert len(simulated) == 2 * feasible


def test_a_kill_between_the_trials_of_a_batch_loses_and_repeats_none(search, tmp_path, monkeypatch):
    whole, add = search(trials=18), study_log.StudyLog.add

    def dying(log, trial):
        if trial.number == 6:
            raise KeyboardInterrupt
        add(log, trial)

    with monkeypatch.context() as patch:
        patch.setattr(study_log.StudyLog, "add", dying)
        with pytest.raises(KeyboardInterrupt):
            search(tmp_path / "out", trials=18)
    assert search(tmp_path / "out", trials=18, resume=True).points.to_csv() == whole.points.to_csv()
    import optuna

    study = optuna.load_study(study_name=None, storage=f"sqlite:///{tmp_path / 'out' / 'study.sqlite'}")
    points = [trial.user_attrs["point"] for trial in study.trials]
    assert (len(points), sorted(points)) == (18, whole.points["id"].tolist())


def test_more_trials_go_on_behind_the_others(search, tmp_path):
    first = search(tmp_path, trials=10)
    more = search(tmp_path, trials=18, resume=True)
    assert set(first.points["id"]) < set(more.points["id"])
    assert more.points.to_csv() == search(trials=18).points.to_csv()


@pytest.mark.parametrize("name", ["study.sqlite", "results.sqlite"])
def test_one_file_that_is_gone_is_made_again(search, tmp_path, name):
    before = search(tmp_path)
    for path in tmp_path.glob(f"{name}*"):
        path.unlink()
    assert search(tmp_path, resume=True).points.to_csv() == before.points.to_csv()
    assert search(tmp_path, trials=16, resume=True).points.to_csv() == search(trials=16).points.to_csv()


def test_without_resume_a_begun_search_is_refused_with_the_hint(search, tmp_path):
    search(tmp_path)
    with pytest.raises(OutputError, match="holds 12 of 36 points of this search; --resume goes on"):
        search(tmp_path)


@pytest.mark.parametrize("other", [{"seed": 1}, {"sampler": "tpe"}, {"minimize": ["cycles"]}, {"batch": 2}])
def test_another_search_and_a_sweep_are_refused(search, net, tmp_path, other):
    search(tmp_path)
    with pytest.raises(OutputError, match="results of another sweep or search"):
        search(tmp_path, resume=True, **other)
    with pytest.raises(OutputError, match="results of another sweep or search"):
        accelsim.sweep([net], [MACHINE], set=SET, out=tmp_path, jobs=1, resume=True)


def test_a_study_file_that_is_something_else_is_one_line(search, tmp_path):
    (tmp_path / "study.sqlite").write_bytes(b"no database" * 99)
    with pytest.raises(OutputError, match=r"cannot use .*study\.sqlite"):
        search(tmp_path)
