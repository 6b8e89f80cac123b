"""A workload side by side: against the first machine, against dense baselines, and as tables."""

import json
from dataclasses import replace

import numpy as np
import pytest

import accelsim
from accelsim import ConvGeometry, GemmTrace, load_hardware
from accelsim.analysis.comparison import RATIOS, compare_machines, uncompressed
from accelsim.analysis.runs import compare
from accelsim.errors import ConfigError, TraceError
from accelsim.trace.operator import Operator
from accelsim.trace.workload import Workload

OS, CSR = "dense/os-16x16", "sparse/csr-rows-16x16"
FULL = ConvGeometry(1, 6, 9, 9, (3, 3), padding=(1, 1))


def network(density=0.25):
    conv = GemmTrace.random("conv", N=20, conv=FULL, weight_density=density, seed=1)
    return Workload("net", [conv, GemmTrace.random("fc", M=1, N=40, K=90, weight_density=density, seed=2)])


def ratios(found):
    return [getattr(found, key) for key in RATIOS]


def test_every_side_is_what_simulate_ppr_and_the_study_say():
    workload, machines = network(), [load_hardware(OS), load_hardware(CSR)]
    found = compare_machines(workload, [OS, CSR])
    reports = [accelsim.simulate(workload, machine) for machine in machines]
    runs = [
        run for run in compare({"whole": uncompressed(workload), "net": workload}, machines) if run.network == "net"
    ]
    for side, report, run in zip(found.sides, reports, runs, strict=True):
        assert side.report.to_json() == report.to_json()
        first = accelsim.ppr(reports[0], report)
        own = found.sides[0].unpruned.seconds / side.unpruned.seconds
        assert ratios(side.against_first) == ratios(replace(first, beta_unpruned=own))
        assert ratios(side.against_dense) == ratios(run.ppr)
        assert ratios(side.against_dense.conv) == ratios(run.ppr.conv)
        assert side.dense.name == run.dense.name
    assert (found.workload, found.first, found.scalings) == ("net", "os-16x16", [])


def shrunk():
    """The network after columns, filters and channels are gone."""
    columns = tuple(range(0, 54, 3))
    kept = replace(FULL, columns=columns)
    conv = GemmTrace.random("conv", N=11, conv=kept, dense_shape=(81, 20, 54), seed=1)
    fewer = GemmTrace.random("grouped", N=5, conv=replace(FULL, channels=2), groups=2, dense_shape=(81, 10, 27))
    return Workload("net", [conv, fewer, GemmTrace.random("fc", M=1, N=40, K=30, dense_shape=(1, 50, 90), repeat=3)])


def test_the_uncompressed_network_is_that_of_the_dense_shapes():
    conv, grouped, fc = uncompressed(shrunk()).traces
    assert (conv.M, conv.N, conv.K, conv.conv) == (81, 20, 54, FULL)
    assert (grouped.N, grouped.K, grouped.groups, grouped.conv) == (10, 27, 2, replace(FULL, channels=3))
    assert (fc.M, fc.N, fc.K, fc.repeat) == (1, 50, 90, 3)
    assert conv.weight_operand is None


def pooled(filters):
    """A layer of so many filters, of 20 before, with what is fused behind it and a sum that is not."""
    conv = GemmTrace("conv", N=filters, conv=ConvGeometry(1, 6, 8, 8, (1, 1)), dense_shape=(64, 20, 6))
    size = 64 * filters
    norm = Operator("norm", "batch_norm", "conv", size, size, 2 * size, 2 * filters, fused=True)
    pool = Operator("pool", "max_pool", "norm", size, size // 4, size, fused=True)
    return Workload("net", [conv], operators=[norm, pool, Operator("sum", "add", "pool", 64, 32, 32)])


def test_fused_operators_grow_with_their_layer():
    assert uncompressed(pooled(8)).operators == pooled(20).operators
    report = accelsim.simulate(uncompressed(pooled(8)), {"name": "m", "array": {"kind": "systolic"}})
    assert report.layers["operators"].tolist() == ["batch_norm+max_pool", "add"]


def test_tile_sizes_of_a_machine_are_not_its_dense_baselines():
    bits = {"weight_bits": 1, "activation_bits": 1, "weight_coding": "binary"}
    workload = Workload("net", [GemmTrace.random("fc", M=64, N=64, K=128, **bits)])
    machine = load_hardware("lowbit/xnor-16x16x64", **{"mapping.m": 16})
    side = compare_machines(workload, [machine, OS]).sides[0]
    free = compare_machines(workload, ["lowbit/xnor-16x16x64", OS]).sides[0]
    assert side.dense.cycles == free.dense.cycles


def test_dense_baselines_are_of_the_uncompressed_network():
    found = compare_machines(shrunk(), [OS, CSR])
    whole = accelsim.simulate(uncompressed(shrunk()), "dense/best-16x16")
    assert found.sides[0].dense.cycles == whole.cycles > found.sides[0].report.cycles
    assert found.sides[0].against_dense.beta == whole.cycles / found.sides[0].report.cycles
    assert found.sides[0].against_first.beta == 1
    said = "os, ws or is by layer, folds overlapped, groups packed, zero gating off: the uncompressed layers' values"
    for side in found.sides:
        assert side.baseline == f"dense best 16x16: {said} are not known"
        assert side.to_dict()["against_dense"]["baseline"] == side.baseline


@pytest.mark.parametrize("shape", [(80, 20, 54), (81, 20, 55), (81, 20, 5)])
def test_a_dense_shape_that_no_conv_can_have_is_refused(shape):
    bad = GemmTrace.random("conv", N=4, conv=replace(FULL, columns=(0, 4)), dense_shape=shape)
    with pytest.raises(TraceError, match="M = 81 and K a multiple of 9"):
        uncompressed(Workload("net", [bad]))


def test_iso_sizes_all_but_the_first():
    found = compare_machines(network(), [OS, "dense/os-32x32", CSR], iso="mac")
    assert [side.report.name for side in found.sides] == ["os-16x16", "os-32x32 at 16x16", "csr-rows-16x16"]
    assert [scaling.machine.name for scaling in found.scalings] == ["os-32x32 at 16x16", "csr-rows-16x16"]
    assert found.sides[1].report.cycles == found.sides[0].report.cycles


def test_machines_of_one_name_are_numbered():
    first = load_hardware(OS)
    names = [first, OS, load_hardware(OS, name="os-16x16 (2)"), load_hardware(OS, **{"array.rows": 8})]
    found = compare_machines(network(), names)
    assert [side.report.name for side in found.sides] == [
        "os-16x16", "os-16x16 (2)", "os-16x16 (2) (2)", "os-16x16 (3)",
    ]  # fmt: skip
    assert found.sides[3].report.hardware["array"]["rows"] == 8


@pytest.mark.parametrize("machines", [[], [OS]])
def test_fewer_than_two_machines_are_refused(machines):
    with pytest.raises(ConfigError, match=f"{len(machines)} machines to compare; two"):
        compare_machines(network(), machines)


def test_figures_are_the_reports_and_their_parts_add_up():
    for side in compare_machines(network(), [OS, CSR]).sides:
        figures = side.figures()
        assert all(figures[key] == getattr(side.report, key) for key in ("cycles", "seconds", "area_um2", "tops_per_w"))
        parts = {key for key in figures if key.startswith("energy_")} - {"energy_pj", "energy_on_chip_pj"}
        assert sum(figures[part] for part in parts) == pytest.approx(figures["energy_pj"], rel=1e-12)
        three = ("energy_on_chip_pj", "energy_dram_access_pj", "energy_dram_standby_pj")
        assert sum(figures[part] for part in three) == pytest.approx(figures["energy_pj"], rel=1e-12)
        assert all(figures[part] > 0 for part in three)
        assert (
            sum(v for k, v in figures.items() if k.startswith("dram_") and k != "dram_bytes") == side.report.dram_bytes
        )
        rows = side.report.layers
        executed = 256 * (rows.utilization * rows.compute_cycles).sum()
        assert figures["utilization"] == pytest.approx(executed / (256 * side.report.compute_cycles))
        assert figures["utilization"] == pytest.approx(rows.macs_executed.sum() / (256 * side.report.compute_cycles))


def test_machines_that_account_differently_are_told_apart():
    flat = {"name": "flat", "array": load_hardware(OS).to_dict()["array"], "dram": {"model": "ideal"}}
    alike = compare_machines(network(), [OS, CSR])
    assert alike.accounting == alike.sides[0].report.accounting.sentence
    assert alike.to_dict()["energy_accounting"] == alike.accounting
    mixed = compare_machines(network(), [OS, flat])
    assert mixed.accounting.startswith(
        "energies with and without DRAM standby, which are not comparable (without: flat); "
    )
    assert mixed._repr_html_().startswith("<p>energies with and without DRAM standby")
    on_device = compare_machines(network(), [OS, {**flat, "dram": {"model": "ideal", "energy_of": "ddr4-2400"}}])
    assert on_device.accounting.startswith("energies whose DRAM is accounted differently; os-16x16: on chip + ")


def test_layers_on_the_fallback_are_named():
    binary = GemmTrace.random("b", M=4, N=8, K=64, weight_bits=1, activation_bits=1, weight_coding="binary")
    xnor = {"name": "x", "array": {"kind": "xnor", "rows": 4, "cols": 4}, "fallback": {"kind": "systolic"}}
    workload = Workload("net", [binary, GemmTrace.random("wide", M=4, N=8, K=64)])
    assert [side.fallback_layers for side in compare_machines(workload, [OS, xnor]).sides] == [[], ["wide"]]


def test_the_frame_has_a_row_a_machine_and_the_page_its_names():
    found = compare_machines(network(), [OS, load_hardware(CSR, name="<b>")], iso="area")
    frame = found.to_frame()
    assert frame["hardware"].tolist() == [side.report.name for side in found.sides]
    assert frame["first_ppr"].tolist() == [side.against_first.ppr for side in found.sides]
    assert frame["dense_conv_ppr_energy"].tolist() == [side.against_dense.conv.ppr_energy for side in found.sides]
    page = found._repr_html_()
    assert "os-16x16" in page
    assert "iso-area" in page
    assert "<b>" not in page


def test_json_holds_no_infinity_and_a_machine_that_loads_again():
    weight, x = np.zeros((4, 8), int), np.ones((2, 8), int)
    found = compare_machines(Workload("net", [GemmTrace("a", weight=weight, activation=x)]), [OS, CSR], iso="mac")
    content = json.loads(found.to_json())
    assert found.sides[1].against_first.alpha == float("inf")
    second = content["machines"][1]
    assert second["against_first"]["alpha"] is None
    assert second["against_first"]["conv"] is None
    assert load_hardware(second["configuration"]).to_dict() == found.sides[1].report.hardware
    assert found.to_frame()["first_alpha"].tolist() == [float("inf")] * 2


def test_progress_and_verify_reach_the_simulations():
    told: list[str] = []
    plain = Workload("net", [GemmTrace.random("fc", M=3, N=5, K=7)])
    found = compare_machines(plain, [OS, CSR], verify=True, progress=told.append)
    assert told == ["os-16x16", "csr-rows-16x16"]
    assert all(side.report.outputs["fc"].shape == (3, 5) for side in found.sides)
