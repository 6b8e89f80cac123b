"""A folder of a sweep: what resumes, what is refused, and a disk that is full."""

import sqlite3

import pytest

import accelsim
from accelsim.errors import FileFormatError, OutputError
from explore.sweep import evaluation, folder, store

from .conftest import MACHINE, SET


def sweep(net, out, **options):
    return accelsim.sweep([net], [MACHINE], set=SET, out=out, **{"jobs": 1, **options})


def stop_after(points):
    """Progress that interrupts, as Ctrl-C does."""

    def progress(ended, infeasible, of):
        if ended == points:
            raise KeyboardInterrupt

    return progress


def test_an_interrupted_sweep_goes_on_and_repeats_nothing(net, tmp_path, monkeypatch):
    whole = sweep(net, tmp_path / "whole")
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path / "fresh"))
    for points in (2, 3):
        with pytest.raises(KeyboardInterrupt):
            sweep(net, tmp_path / "out", resume=points > 2, progress=stop_after(points))
    simulated, simulate = [], evaluation.simulate
    monkeypatch.setattr(evaluation, "simulate", lambda *of: simulated.append(of) or simulate(*of))
    frame = sweep(net, tmp_path / "out", resume=True)
    assert len(simulated) == 3
    assert frame.to_csv() == whole.to_csv()
    assert sweep(net, tmp_path / "out", resume=True).to_csv() == whole.to_csv()
    assert len(simulated) == 3


def test_resume_starts_afresh_in_an_empty_folder(net, tmp_path):
    assert len(sweep(net, tmp_path, resume=True)) == 6


def test_without_resume_a_begun_sweep_is_refused_with_the_hint(net, tmp_path):
    sweep(net, tmp_path)
    with pytest.raises(OutputError, match="holds 6 of 6 points of this sweep; --resume goes on"):
        sweep(net, tmp_path)


@pytest.mark.parametrize("resume", [False, True])
def test_another_sweep_is_refused_and_its_rows_stay(net, tmp_path, resume):
    before = sweep(net, tmp_path)
    with pytest.raises(OutputError, match="results of another sweep"):
        accelsim.sweep([net], [MACHINE], set={"array.rows": [2]}, out=tmp_path, jobs=1, resume=resume)
    assert sweep(net, tmp_path, resume=True).to_csv() == before.to_csv()


def test_a_machine_or_network_with_other_content_is_another_sweep(net, tmp_path):
    sweep(net, tmp_path)
    faster = {**MACHINE, "clock_mhz": 500}
    with pytest.raises(OutputError, match="another sweep"):
        accelsim.sweep([net], [faster], set=SET, out=tmp_path, jobs=1, resume=True)
    smaller = accelsim.Workload("net", net.traces[:1])
    with pytest.raises(OutputError, match="another sweep"):
        accelsim.sweep([smaller], [MACHINE], set=SET, out=tmp_path, jobs=1, resume=True)


def test_other_code_is_refused(net, tmp_path, monkeypatch):
    sweep(net, tmp_path)
    facts = folder.facts_of
    monkeypatch.setattr(folder, "facts_of", lambda space: facts(space) | {"code": "0" * 16})
    with pytest.raises(OutputError, match="begun by other code"):
        sweep(net, tmp_path, resume=True)


def test_one_process_at_a_time(net, tmp_path):
    with folder._locked(tmp_path), pytest.raises(OutputError, match="another sweep or search is at work"):
        sweep(net, tmp_path)


def test_a_file_that_holds_something_else_stays_as_it_is(net, tmp_path):
    path = tmp_path / "results.sqlite"
    path.write_bytes(b"no database" * 99)
    with pytest.raises(FileFormatError, match="holds no results of a sweep"):
        sweep(net, tmp_path)
    assert path.read_bytes() == b"no database" * 99
    path.unlink()
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE points (id INTEGER, other TEXT)")
    with pytest.raises(FileFormatError, match="holds no results of a sweep"):
        sweep(net, tmp_path)


def test_a_full_disk_is_one_line_and_loses_no_row(net, tmp_path, monkeypatch):
    connect = sqlite3.connect

    def tiny(*of, **options):
        base = connect(*of, **options)
        base.execute("PRAGMA max_page_count = 5")  # SQLite's own error for a disk that takes no more
        return base

    large = {"array.rows": [*range(1, 40)]}
    monkeypatch.setattr(store.sqlite3, "connect", tiny)
    with pytest.raises(OutputError, match=r"cannot write .*results.sqlite.*full.*room is expected"):
        accelsim.sweep([net], [MACHINE], set=large, out=tmp_path, jobs=1)
    monkeypatch.setattr(store.sqlite3, "connect", connect)
    with sqlite3.connect(tmp_path / "results.sqlite") as base:
        ended = base.execute("SELECT COUNT(*) FROM points").fetchone()[0]
    assert 0 < ended < 39
    frame = accelsim.sweep([net], [MACHINE], set=large, out=tmp_path, jobs=1, resume=True)
    assert frame["id"].tolist() == [*range(39)]


def test_a_folder_that_is_a_file(net, tmp_path):
    (tmp_path / "taken").write_text("x")
    with pytest.raises(OutputError, match="taken"):
        sweep(net, tmp_path / "taken")


def test_what_made_the_rows_stands_beside_them(net, tmp_path):
    frame = sweep(net, tmp_path)
    with store.ResultStore(tmp_path / "results.sqlite") as results:
        facts = results.facts()
    assert facts["points"] == 6
    assert facts["versions"]["accelsim"] == accelsim.__version__
    assert facts["seeds"] == {"net": 0}
    assert facts["sweep"]["set"] == SET
    machine = accelsim.load_hardware(MACHINE, **{"array.rows": 2, "dram.gbps": 16})
    assert frame["key"][1] == accelsim.cache.content_key(net, machine)
