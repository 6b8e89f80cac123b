"""accelsim.sweep: the table of a space of points."""

import json
import sqlite3

import pytest

import accelsim
import workloads
from accelsim.errors import ConfigError, InternalError
from explore.sweep import evaluation

from .conftest import MACHINE, SET

FIGURES = ("cycles", "compute_cycles", "stall_cycles", "dram_bytes", "seconds", "area_um2", "energy_pj",
           "energy_on_chip_pj", "energy_dram_access_pj", "energy_dram_standby_pj")  # fmt: skip


def test_a_sweep_equals_a_loop_of_simulate(net):
    frame = accelsim.sweep([net], [MACHINE], set=SET, jobs=1)
    settings = [{"array.rows": rows, "dram.gbps": gbps} for rows in SET["array.rows"] for gbps in SET["dram.gbps"]]
    assert [json.loads(text) for text in frame["settings"]] == settings
    for i, one in enumerate(settings):
        report = accelsim.simulate(net, accelsim.load_hardware(MACHINE, **one))
        assert [frame[figure][i] for figure in FIGURES] == [getattr(report, figure) for figure in FIGURES]
    assert frame["id"].tolist() == [*range(6)]
    assert {*frame["status"]} == {"done"}
    assert {*frame["error"]} == {""}
    assert frame["array.rows"].tolist() == [2, 2, 4, 4, 8, 8]


def test_processes_give_the_same_rows_in_the_same_order(net, tmp_path, monkeypatch):
    one = accelsim.sweep([net, {"name": net, "label": "b2", "batch": 2}], [MACHINE], set=SET, jobs=1)
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path / "other"))
    two = accelsim.sweep(
        [net, {"name": net, "label": "b2", "batch": 2}], [MACHINE], set=SET, jobs=2, out=tmp_path / "out"
    )
    assert two.to_csv() == one.to_csv()
    with sqlite3.connect(tmp_path / "out" / "results.sqlite") as base:
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert base.execute("SELECT COUNT(*), COUNT(DISTINCT id) FROM points").fetchone() == (12, 12)


def test_what_cannot_be_mapped_is_a_row_with_its_reason(net):
    frame = accelsim.sweep([net], [MACHINE], set={"buffers.filter_kib": [0.001, 1]}, jobs=1)
    assert frame["status"].tolist() == ["infeasible", "done"]
    assert "fc1" in frame["error"][0]
    assert frame["cycles"].isna().tolist() == [True, False]


def test_a_combination_that_is_no_machine_is_a_row_and_the_others_are_done(net):
    kinds = {"array.kind": ["systolic", "xnor"], "array.word_bits": [32, 64]}
    frame = accelsim.sweep([net], [{**MACHINE, "fallback": MACHINE["array"]}], set=kinds, jobs=1)
    assert frame["status"].tolist() == ["infeasible", "infeasible", "done", "done"]
    assert "word_bits" in frame["error"][0]


def test_options_of_a_workload_are_swept_and_stand_in_the_settings():
    frame = accelsim.sweep([{"name": "lenet5", "batch": 2, "weight_bits": [4, 8]}], ["dense/os-16x16"], jobs=1)
    assert frame["workload"].tolist() == ["lenet5 batch=2"] * 2
    assert [json.loads(text) for text in frame["settings"]] == [{"workload.weight_bits": bits} for bits in (4, 8)]
    for bits, cycles in zip((4, 8), frame["cycles"], strict=True):
        network = workloads.load("lenet5", batch=2, weight_bits=bits)
        assert accelsim.simulate(network, "dense/os-16x16").cycles == cycles


def test_a_workload_object_takes_options_too(net):
    frame = accelsim.sweep([{"name": net, "batch": [1, 3], "density": 0.5}], [MACHINE], jobs=1)
    assert frame["cycles"][1] > frame["cycles"][0]
    with pytest.raises(ConfigError, match="profile is for workloads by name"):
        accelsim.sweep([{"name": net, "profile": "x"}], [MACHINE])


def test_an_accelerator_and_a_name_are_machines(net):
    machine = accelsim.load_hardware(MACHINE)
    frame = accelsim.sweep([net], [machine, "dense/os-16x16"], jobs=1)
    assert frame["hardware"].tolist() == ["small", "dense/os-16x16"]
    expected = [accelsim.simulate(net, one).cycles for one in (machine, "dense/os-16x16")]
    assert frame["cycles"].tolist() == expected


def test_an_error_of_ours_ends_no_other_point(net, monkeypatch):
    simulate = evaluation.simulate

    def broken(workload, machine):
        if machine.array.rows == 4:
            raise ZeroDivisionError("slip")
        return simulate(workload, machine)

    monkeypatch.setattr(evaluation, "simulate", broken)
    seen = []
    with pytest.raises(InternalError, match="2 points failed") as error:
        accelsim.sweep([net], [MACHINE], set=SET, jobs=1, progress=lambda *now: seen.append(now))
    assert "point 2 (net on small, array.rows=4, dram.gbps=1)" in str(error.value)
    assert seen[-1] == (4, 0, 6)


@pytest.mark.parametrize("jobs", [0, -1, 2.0, True, 10_000])
def test_jobs_that_cannot_be(net, jobs):
    with pytest.raises(ConfigError, match="jobs"):
        accelsim.sweep([net], [MACHINE], jobs=jobs)
