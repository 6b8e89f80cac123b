"""The main job at its fast size, run as a user runs it, then every file that it leaves."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import accelsim
import workloads
from explore.cli import app
from explore.demo.study import MACHINES

pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "out"
    result = CliRunner().invoke(app, ["demo", "--fast", "--out", str(out)])
    assert result.exit_code == 0, result.output
    return out, json.loads((out / "report.json").read_text()), result.stdout


def test_networks_keep_their_accuracy_and_lose_their_weights(demo):
    _, report, _ = demo
    accuracy = report["accuracy"]
    assert next(iter(accuracy)) == "baseline"
    assert accuracy["baseline"] >= 0.97
    for name, facts in report["provenance"]["networks"].items():
        assert accuracy[name] >= accuracy["baseline"] - (0.1 if name == "binary" else 0.02)
        assert facts["conv_rate"] >= (5 if "structured" in name else 1)


def test_every_network_ran_on_every_machine_and_the_parts_add_up(demo):
    out, report, _ = demo
    layers = pd.read_csv(out / "layers.csv")
    machines = {accelsim.load_hardware(name).name for name in MACHINES}
    only = {
        "shift-16x16": {"pow2"},
        "xnor-16x16x64": {"binary"},
        "ternary-16x16": {"binary", "ternary"},
        "bitserial-16x16x64": set(report["accuracy"]) - {"pow2"},
    }
    fitting = {(n, m) for n in report["accuracy"] for m in machines if n in only.get(m, report["accuracy"])}
    assert {(r["network"], r["hardware"]) for r in report["runs"]} == fitting
    for run in report["runs"]:
        rows = layers[(layers.network == run["network"]) & (layers.hardware == run["hardware"])]
        assert run["cycles"] == run["compute_cycles"] + run["stall_cycles"] == rows.cycles.sum()
        assert run["energy_pj"] == pytest.approx(rows.energy_pj.sum(), rel=1e-9)
        assert run["dram_bytes"] == rows.dram_bytes.sum()
        assert all(math.isfinite(run[key]) and run[key] > 0 for key in ("ppr", "ppr_compute", "ppr_energy", "area_um2"))


def test_the_baseline_on_its_dense_machine_has_ppr_one(demo):
    _, report, _ = demo
    (run,) = [r for r in report["runs"] if (r["network"], r["hardware"]) == ("baseline", "best-16x16")]
    assert run["ppr"] == run["ppr_compute"] == run["ppr_energy"] == 1.0


def test_removed_structure_is_seen_in_the_shapes(demo):
    out, _, _ = demo
    whole, structured, nonstructured = (
        workloads.from_checkpoint(out / "networks" / name) for name in ("baseline", "structured", "nonstructured")
    )
    for before, after, thin in zip(whole.traces, structured.traces, nonstructured.traces, strict=True):
        assert after.dense_shape == thin.dense_shape == (before.M, before.N, before.K)
        assert after.N * after.K < before.N * before.K
        assert (thin.N, thin.K) == (before.N, before.K)


def test_fewer_bits_are_faster_on_bit_serial_pes(demo):
    """`mixed` has the baseline's own weights, so that its bits alone make the difference."""
    _, report, _ = demo
    runs = {run["network"]: run for run in report["runs"] if run["hardware"] == "bitserial-16x16x64"}
    assert runs["mixed"]["cycles"] < 0.75 * runs["baseline"]["cycles"]
    assert runs["mixed"]["energy_pj"] < runs["baseline"]["energy_pj"]
    assert runs["mixed"]["storage_weight_bits"] < runs["baseline"]["storage_weight_bits"]


@pytest.mark.parametrize("machine", MACHINES)
def test_the_datapaths_compute_the_saved_integers_exactly(demo, machine):
    out, _, _ = demo
    for name in ("structured", "nonstructured", "pow2", "binary", "ternary", "mixed"):
        workload = workloads.from_checkpoint(out / "networks" / name)
        report = accelsim.simulate(workload, machine, verify=True)
        for trace in workload.traces:
            assert report.outputs[trace.name].shape == (trace.M, trace.N)
            assert np.abs(report.outputs[trace.name]).max() > 0


def test_what_the_terminal_says_is_what_the_report_says(demo):
    _, report, said = demo
    assert report["verdict"] in said
    for what in ("smallest is", "fastest is", "least energy is"):
        assert what in report["verdict"]
    assert "xnor-16x16x64" in said
    assert "α: weight reduction, β: speedup over the dense baseline" in said  # the legend


def test_figures_are_there_twice_and_nothing_is_half_written(demo):
    out, report, _ = demo
    names = {path.stem for path in (out / "figures").glob("*.png")}
    assert "cycles" in names
    assert names == {path.stem for path in (out / "figures").glob("*.svg")}
    page = (out / "report.html").read_text()
    assert page.count('<img alt="') >= 2
    assert page.count('<tr data-key="run') == len(report["runs"])  # each run in one row
    events = json.loads((out / "timeline.json").read_text())["traceEvents"]
    assert {"array", "weight read"} <= {event.get("cat") for event in events}
    assert not [path for path in out.rglob(".*") if path.is_file()]
