"""What time costs on the chip: a clock that every flip-flop has in every cycle, leakage of a class by area and time."""

import pytest

import accelsim
from accelsim import GemmTrace
from accelsim.energy.area import machine_leakage_uw
from accelsim.errors import ConfigError
from accelsim.hardware.loading import load_hardware
from accelsim.trace.operator import Operator

LAYER = GemmTrace("a", M=64, N=64, K=64)


def run(name="dense/os-16x16", **settings):
    return accelsim.simulate(LAYER, load_hardware(name, **settings))


def test_the_clock_reaches_every_flip_flop_in_every_cycle():
    """256 PEs of two 8-bit operands and a 32-bit psum, stalls included."""
    report = run()
    assert report.stall_cycles > 0
    assert report.energy_by_component_pj["clock"] == pytest.approx(256 * 48 * 0.0037 * report.cycles, rel=1e-9)


def test_the_clock_of_the_array_that_stands_still_is_gated():
    """A plain GEMM on SCNN's 32 x 32 fallback: 1024 PEs of 48 bits."""
    report = run("sparse/scnn-8x8")
    assert report.fallback_layers == ["a"]
    assert report.energy_by_component_pj["clock"] == pytest.approx(1024 * 48 * 0.0037 * report.cycles, rel=1e-9)


def test_an_operator_by_itself_clocks_no_array():
    add = Operator("add", "add", "a", inputs=128, outputs=64, work=64)
    row = accelsim.simulate(accelsim.Workload("w", [LAYER], operators=[add]), "dense/os-16x16").rows[1]
    assert row["kind"] == "vector"
    assert row["energy_clock_pj"] == 0 < row["energy_leakage_pj"]


def test_leakage_is_power_times_time():
    slow, fast = (run(clock_mhz=mhz, dram={"model": "ideal"}) for mhz in (500, 1000))
    leakage = [report.energy_by_component_pj["leakage"] for report in (slow, fast)]
    assert leakage[0] == pytest.approx(2 * leakage[1])
    power_uw = machine_leakage_uw(load_hardware("dense/os-16x16"), 8, 8)
    assert leakage[0] == pytest.approx(power_uw * slow.seconds * 1e6)


def test_high_performance_transistors_leak_by_the_ratio_of_their_currents():
    lstp, hp = (run(**{"energy.leakage": kind}) for kind in ("lstp", "hp"))
    ratio = (280 + 35.9) * 1.0 / ((0.0101 + 0.00947) * 1.1)
    got = hp.energy_by_component_pj["leakage"] / lstp.energy_by_component_pj["leakage"]
    assert got == pytest.approx(ratio, rel=1e-4)
    assert "leakage (hp" in hp.figures_line
    with pytest.raises(ConfigError, match=r"energy\.leakage is 'lop'"):
        run(**{"energy.leakage": "lop"})


def test_an_own_leakage_is_of_its_own_class():
    own = {"energy.logic_uw_per_um2": 1e-3}
    lstp, hp = (run(**own, **{"energy.leakage": kind}, buffers=None) for kind in ("lstp", "hp"))
    assert lstp.energy_by_component_pj["leakage"] == hp.energy_by_component_pj["leakage"] > 0


def test_a_faster_clock_saves_leakage_and_costs_the_stalls_clock():
    """Twentyfold: the same operations, more cycles of waiting for the DRAM, less time."""
    slow, fast = (run(clock_mhz=mhz, **{"mapping.goal": "traffic"}) for mhz in (500, 10000))  # equal tiles
    a, b = slow.energy_by_component_pj, fast.energy_by_component_pj
    assert all(a[part] == b[part] for part in ("mac", "register", "sram", "index", "vector"))
    assert b["clock"] / a["clock"] == pytest.approx(fast.cycles / slow.cycles)
    assert b["leakage"] / a["leakage"] == pytest.approx(fast.seconds / slow.seconds)
    assert a["clock"] + a["leakage"] < b["clock"] + b["leakage"]
