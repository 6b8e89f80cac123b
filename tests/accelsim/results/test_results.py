"""What a report is made of: typed results, invariants that raise, records that come back."""

from dataclasses import replace

import pytest

import accelsim
from accelsim import GemmTrace
from accelsim.energy.actions import ActionCount, quantities_of
from accelsim.energy.model import EnergyModel, LayerEnergy
from accelsim.engine.dram_traffic import DramTraffic, Stalls
from accelsim.errors import InternalError, UnknownNameError
from accelsim.hardware.loading import load_hardware
from accelsim.results.cache_records import from_record, to_record
from accelsim.results.columns import row_of
from accelsim.results.invariants import checked
from accelsim.results.layer import ReportedLayer
from accelsim.results.quantities import energy, size, time

MACHINE = {
    "name": "small",
    "clock_mhz": 500,
    "array": {"kind": "csr_rows", "pes": 4, "vector_width": 2},
    "buffers": {"ifmap_kib": 1, "filter_kib": 1, "ofmap_kib": 1},
    "dram": {"model": "bank", "device": "lpddr4-2400"},
}


def report(**settings) -> accelsim.Report:
    trace = GemmTrace.random("fc", M=9, N=70, K=90, weight_density=0.3, activation_density=0.5, **settings)
    return accelsim.simulate([trace, replace(trace, name="again")], MACHINE)


def spoiled(layer: ReportedLayer, **changes) -> ReportedLayer:
    """The layer with other values in its run."""
    return replace(layer, result=replace(layer.result, run=replace(layer.result.run, **changes)))


def test_totals_are_the_sums_of_the_layers():
    got = report(repeat=3)
    assert got.cycles == sum(layer.result.cycles for layer in got.results) == got.layers.cycles.sum()
    assert got.cycles == got.compute_cycles + got.stall_cycles
    assert got.traffic.total == got.dram_bytes == got.layers.dram_bytes.sum()
    assert sum(got.energy_by_component_pj.values()) == pytest.approx(got.energy_pj, rel=1e-12)
    assert got.layer("again").result.run == got.layer("fc").result.run
    with pytest.raises(UnknownNameError, match="did you mean 'again'"):
        got.layer("agian")


def test_a_layer_runs_times_over():
    once, thrice = report().results[0], report(repeat=3).results[0]
    assert thrice.result.run == once.result.run
    assert (thrice.result.times, thrice.result.cycles) == (3, 3 * once.result.cycles)
    assert thrice.energy.total_pj == 3 * once.energy.total_pj
    assert row_of(thrice, clock_mhz=500)["dram_requests"] == 3 * row_of(once, clock_mhz=500)["dram_requests"]


@pytest.mark.parametrize(
    ("changes", "law"),
    [
        (lambda run: {"stalls": run.stalls + Stalls(ofmap=1)}, "stalls add up by cause"),
        (lambda run: {"counts": run.counts.replace(decodes=-1)}, r"no negative counter \(\['decodes'\]\)"),
        (lambda run: {"macs_effectual": 8 * run.cycles.total + 1}, "cycles >= effectual MACs / peak"),
        (lambda run: {"traffic": DramTraffic(ifmap=1)}, "dram_bytes >= compulsory bytes"),
        (lambda run: {"traffic": run.traffic + DramTraffic(psum=-1)}, "dram_psum_bytes"),
    ],
)
def test_a_broken_law_raises(changes, law):
    layer = report().results[0]
    assert checked(layer) is layer
    with pytest.raises(InternalError, match=f"layer 'fc' breaks: .*{law}"):
        checked(spoiled(layer, **changes(layer.result.run)))


def test_negative_energy_raises():
    layer = report().results[0]
    pj = {**layer.energy.run_pj, "mac": -1.0}
    with pytest.raises(InternalError, match="energy_mac_pj"):
        checked(replace(layer, energy=LayerEnergy(pj, 1)))


def test_an_action_charged_for_what_nothing_counts_raises():
    quantities = quantities_of(report().results[0].result)
    assert ActionCount(("sram_filter_reads",), times="stored_weight_bits").of(quantities) > 0
    with pytest.raises(InternalError, match="'sram_filter_read', which nothing counts; did you mean"):
        ActionCount(("sram_filter_read",)).of(quantities)


def test_a_record_gives_back_all_but_the_timeline():
    machine, got = load_hardware(MACHINE), report(repeat=2)
    for layer in got.results:
        again = from_record(to_record(layer), machine)
        assert again == replace(layer, result=replace(layer.result, spans=()))
        assert row_of(again, clock_mhz=500) == row_of(layer, clock_mhz=500)


def test_the_energy_model_prices_a_layer_as_the_report_does():
    got = report()
    model = EnergyModel(load_hardware(MACHINE), weight_bits=8, activation_bits=8)
    assert model.area_um2 == got.area
    assert [model.layer(layer.result) for layer in got.results] == [layer.energy for layer in got.results]


def test_a_layer_on_a_fallback_of_the_same_kind_is_told_from_the_arrays_own():
    machine = {
        "name": "two",
        "array": {"kind": "csr_rows", "pes": 4, "vector_width": 4, "mac": "shift"},
        "fallback": {"kind": "csr_rows", "pes": 2, "vector_width": 2},
    }
    powers = GemmTrace.random("powers", M=4, N=8, K=64, weight_bits=4, weight_coding="pow2")
    got = accelsim.simulate([powers, GemmTrace.random("uniform", M=4, N=8, K=64)], machine)
    assert got.fallback_layers == ["uniform"]
    energies = [layer.energy.run_pj["mac"] / layer.result.run.counts["macs_executed"] for layer in got.results]
    assert energies[0] != pytest.approx(energies[1], rel=0.01)


def test_a_report_prints_as_one_line():
    got = report()
    assert repr(got) == (
        f"Report({got.workload!r} on 'small': 2 rows, {got.cycles:,} cycles ({got.stall_cycles:,} of them stall) = "
        f"{time(got.seconds)} at {got.clock_mhz:g} MHz, {energy(got.energy_pj)}, {size(got.dram_bytes)} DRAM; "
        ".layers has a row a layer, .to_dict() everything)"
    )
