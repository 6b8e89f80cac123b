"""The PPR study: losses that add up, curves, findings, and the files that it leaves."""

import json
from math import inf, isnan

import numpy as np
import pytest
from typer.testing import CliRunner

import accelsim
from accelsim import GemmTrace
from accelsim.analysis.comparison import uncompressed
from accelsim.analysis.dense_baseline import dense_pair
from accelsim.arrays import KINDS
from accelsim.energy.area import machine_area
from accelsim.errors import InternalError
from accelsim.hardware.loading import load_hardware
from accelsim.trace.conv import ConvGeometry
from accelsim.trace.workload import Workload
from explore.cli import app
from explore.parallel import in_order
from explore.studies.losses import CAUSES, gap_by_cause, idle_causes, lane_cycles
from explore.studies.ppr import PprStudy, write_files
from explore.studies.ppr_curves import at_rate, break_even, curve, within
from explore.studies.ppr_designs import COMPARISONS, DESIGNS, SHAPES_OF_NM, design
from explore.studies.ppr_findings import finding
from explore.studies.ppr_knobs import knob_points
from explore.studies.ppr_layers import Pattern
from explore.studies.ppr_output import figure_data
from explore.studies.ppr_pairs import pair_points
from explore.studies.ppr_points import DENSITIES, Point, measure, points
from explore.studies.ppr_resident import resident_points
from explore.studies.ppr_text import text
from plots.figures.ppr_study import FIGURES, save_figures


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "ppr-cache"))


def small(found, density, activation_density):
    distribution = "1:4" if found.pattern == "n:m" else "bernoulli"
    settings = {"weight_density": density, "activation_density": activation_density, "distribution": distribution}
    conv = ConvGeometry(1, 12, 9, 9, (3, 3), (1, 1), (1, 1), (1, 1))
    layers = [GemmTrace.random("conv", N=20, conv=conv, seed=1, **settings)] if found.conv else []
    if found.linear:
        layers.append(GemmTrace.random("fc", M=3, N=70, K=300, seed=2, **settings))
    return Workload("small", layers)


@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("found", DESIGNS, ids=lambda found: found.name)
def test_the_gap_adds_up(found, comparison):
    for density, activation_density in ((0.25, 1.0), (0.25, 0.5)):
        machine = found.machine(density)
        dense, sparse = COMPARISONS[comparison](machine)
        workload = small(found, density, activation_density)
        before, now = accelsim.simulate(uncompressed(workload), dense), accelsim.simulate(workload, sparse)
        parts = gap_by_cause(before.rows, now.rows, sparse.array.peak_macs, dense.clock_mhz / sparse.clock_mhz)
        assert sum(parts.values()) == pytest.approx(accelsim.ppr(before, now).ppr - 1, abs=1e-9)
        assert set(parts) == set(CAUSES)


def test_skipped_activations_are_a_gain_of_their_own():
    for name in ("scnn", "eie"):
        found = design(name)
        workload = small(found, 0.25, 0.5)
        rows = accelsim.simulate(workload, found.machine(0.25)).rows
        assert all(
            lane_cycles(row, load_hardware(found.hardware).array.peak_macs)["activation zeros"] < 0 for row in rows
        )


def test_a_counter_without_a_cause_is_our_error():
    row = {
        "array": "csr_rows",
        "csr_rows_idle_tea": 1,
        "name": "l",
        "M": 1,
        "repeat": 1,
        "weights_nonzero": 1,
        "pruned": True,
    }
    with pytest.raises(InternalError, match="tea"):
        lane_cycles(row | {"macs_executed": 1, "stall_cycles": 0, "cycles": 1}, 1)


def test_lanes_that_do_not_add_up_are_our_error():
    row = {"array": "csr_rows", "name": "l", "M": 1, "repeat": 1, "weights_nonzero": 1, "pruned": True}
    with pytest.raises(InternalError, match="do not add up"):
        lane_cycles(row | {"macs_executed": 1, "stall_cycles": 0, "cycles": 3}, 1)


def test_every_design_is_an_array_with_causes():
    assert {found.name for found in DESIGNS} == {kind for kind in KINDS if idle_causes(kind)}
    assert idle_causes("vector") == {}
    assert idle_causes("eie")["eie_idle_queue"] == "imbalance"


def test_the_dense_array_of_equal_area_is_as_large():
    for found in DESIGNS:
        dense, sparse = COMPARISONS["area"](found.machine(0.25))
        sizes = [sum(machine_area(machine, 8, 8).values()) for machine in (dense, sparse)]
        assert sizes[0] == pytest.approx(sizes[1], rel=0.02), found.name


def rows_of(rates, pprs, **more):
    label = {"design": "csr_rows", "workload": "conv", "comparison": "mac", "pattern": "random",
             "activation_density": 1.0, **{f"gap_{cause.replace(' ', '_')}": 0.1 for cause in CAUSES}}  # fmt: skip
    return [
        label | {"alpha": a, "ppr": p, "beta": a / p, "beta_energy": a / p} | more
        for a, p in zip(rates, pprs, strict=True)
    ]


def test_between_two_points_logarithms_are_straight():
    found = rows_of([1, 4, 16], [1, 2, 8])
    assert at_rate(found, 8, "ppr") == pytest.approx(4)


def test_nothing_is_extrapolated_nor_read_between_two_modes():
    found = rows_of([1, 4, 16], [1, 2, 8])
    assert at_rate(found, 16.1, "ppr") == 8  # a random pattern's rate misses its aim by a little
    assert isnan(at_rate(found, 17, "ppr"))
    assert isnan(at_rate(found, 0.9, "ppr"))
    modes = [row | {"mode": mode} for row, mode in zip(found, ("dense", "dense", "sparse"), strict=True)]
    assert at_rate(modes, 2, "ppr") == pytest.approx(2**0.5)
    assert isnan(at_rate(modes, 8, "ppr"))


def test_break_even_is_where_the_gain_stays_above_one():
    assert break_even(rows_of([1, 4, 16], [2, 4, 8]), "cycles") == pytest.approx(4)
    assert break_even(rows_of([1, 2, 4, 16], [0.5, 4, 2, 8]), "cycles") == pytest.approx(np.exp(np.log(2) * 1.5))
    assert break_even(rows_of([1, 4], [0.9, 2]), "cycles") == 1
    assert break_even(rows_of([1, 4], [2, 5]), "cycles") == inf


def test_break_even_between_two_modes_is_the_first_rate_that_pays():
    rows = rows_of([1, 4, 16], [2, 5, 8])
    modes = [row | {"mode": mode} for row, mode in zip(rows, ("dense", "dense", "sparse"), strict=True)]
    assert break_even(rows, "cycles") < break_even(modes, "cycles") == 16


def test_within_a_band():
    assert within(rows_of([1, 2, 4, 8], [3, 3, 3.2, 9]), (2.7, 3.5)) == (2, 4)
    assert within(rows_of([1, 2], [3, 1]), (2.7, 3.5)) is None


@pytest.mark.parametrize(
    ("pprs", "said"),
    [([1, 1.2, 1.3], "not supported at any rate: it is too high"), ([5, 6, 7], "it is too low"),
     ([1, 3, 9], "supported at 4x only"), ([1, 2, 9], "held at none")],
)  # fmt: skip
def test_findings_follow_the_numbers(pprs, said):
    rows = [row | {"design": "scnn", "activation_density": density}
            for density in (1.0, 0.4) for row in rows_of([2, 4, 50], pprs)]  # fmt: skip
    assert said in finding(rows, design("scnn"))


@pytest.mark.parametrize(("pprs", "side"), [([1, 1.2, 1.3], "below"), ([5, 6, 7], "above")])
def test_a_machine_that_nothing_validates_judges_no_assumption(pprs, side):
    said = finding(rows_of([2, 4, 50], pprs), design("csr_rows"))
    assert f"this model lies {side} the assumed 2.7 to 3.5 at every rate, but nothing published validates it" in said
    assert "supported" not in said


def test_no_density_of_the_grid_lies_on_a_threshold_and_both_modes_are_there():
    sticker = load_hardware(design("sticker").hardware).array.thresholds
    for density in DENSITIES:
        for threshold in (sticker.sparse, sticker.dense):
            assert abs(density / threshold - 1) > 0.05
    assert {design("sticker").mode(density) for density in DENSITIES} == {"sparse weights", "dense weights"}
    assert {known.mode(0.1) for known in DESIGNS if known.name != "sticker"} == {""}


def test_points_are_distinct_and_nm_designs_get_nm_densities():
    for quick in (True, False):
        found = points(quick)
        assert len(set(found)) == len(found)
        assert {p.pattern.density for p in found if p.design == "nm_sparse"} == {1.0, *SHAPES_OF_NM}


def test_in_order_keeps_the_order_in_one_process_and_in_two():
    assert list(in_order(abs, [-3, 1, -2], 1)) == list(in_order(abs, [-3, 1, -2], 2)) == [3, 1, 2]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two rates of every design on the quick layers, LeNet-5's pair, and the settings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "ppr-cache"))
        kept = [p for p in points(True) if p.pattern.density in {0.5, 0.0625} and p.comparison in {"mac", "area"}]
        rows = [measure(p) for p in [*kept, *knob_points(True), *pair_points(True), *resident_points(True)]]
    return PprStudy(rows, True)


def test_rows_add_up(study):
    for row in study.of("random"):
        parts = [row["gap_" + cause.replace(" ", "_")] for cause in CAUSES]
        assert sum(parts) == pytest.approx(row["ppr"] - 1, abs=1e-9)
        assert row["ppr"] == pytest.approx(row["alpha"] / row["beta"])


def test_files(study, tmp_path):
    write_files(study, tmp_path)
    told = json.loads((tmp_path / "study.json").read_text())
    assert len(told["findings"]) == len(DESIGNS)
    assert {entry["design"] for entry in told["same_accuracy"]} == {"csr_rows", "cambricon_x", "scnn", "sticker"}
    saved = save_figures(figure_data(study), tmp_path / "figures")
    assert len(saved) == 2 * len(FIGURES)
    document = text(study)
    assert "$" not in document
    assert all(f"figures/{name}.png" in document for name in FIGURES)
    assert all(sentence in document for sentence in study.findings)
    assert "csr_rows | 128 banks" in document
    assert "### sticker" in document
    assert "assumption" in document.partition("### sticker")[2]


def test_the_same_study_gives_the_same_text(study):
    assert text(study) == text(PprStudy([dict(row) for row in study.rows], True))


def test_a_point_is_what_compare_says(study):
    point = Point("csr_rows", "conv", "mac", Pattern(0.5, 1.0, (0,)), True)
    workload, machine = point.workload(), load_hardware("sparse/csr-rows-16x16")
    dense = accelsim.simulate(*dense_pair(uncompressed(workload), workload, machine))
    assert measure(point)["ppr"] == accelsim.ppr(dense, accelsim.simulate(workload, machine)).ppr
    assert len(curve(study.rows, "csr_rows", "conv")) == 2


def test_compression_makes_a_network_stay_on_chip(study):
    """LeNet-5's 430,500 weights do not fit 64 KiB, and what Deep Compression leaves of them does."""
    whole, pruned = study.of("resident")
    assert whole["warmup_bytes"] < 64 * 1024 < 430_500
    assert whole["dram_bytes"] > 430_500 - 64 * 1024
    assert pruned["streamed_dram_bytes"] - pruned["dram_bytes"] >= pruned["warmup_bytes"]  # each of them, once or more
    assert whole["streamed_energy_active_pj"] / pruned["streamed_energy_active_pj"] < 7
    assert whole["energy_active_pj"] / pruned["energy_active_pj"] > 15


def test_an_unknown_study_is_named():
    result = CliRunner().invoke(app, ["study", "prr"])
    assert result.exit_code == 2
    assert "ppr" in result.stderr
