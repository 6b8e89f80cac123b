"""The bank-level DRAM in the cycle path: clocks against cycles, transfers in turn, addresses, and what is reported."""

from fractions import Fraction
from itertools import pairwise
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim import GemmTrace
from accelsim.engine.schedule_builder import build
from accelsim.mapping.goals import MappingProblem
from accelsim.mapping.search import choose
from accelsim.memory import dram
from accelsim.memory.bank.device import load_device
from accelsim.memory.bank.model import REGIONS, SKEW_BYTES, BankKernel
from accelsim.memory.base import Transfer

DDR4 = load_device("ddr4-2400")
BANK_BY_BANK = DDR4.model_copy(update={"address_mapping": "rochrababgco"})  # 8 KiB in one bank, then the next group
INFINITY = float("inf")


def kernel(clock_mhz=1000.0, device=DDR4):
    return BankKernel(device, clock_mhz)


@pytest.mark.parametrize("clock_mhz", [100.0, 1000.0, 1234.5, 20000.0])
def test_one_transfer_alone_is_a_replay(clock_mhz):
    """The clocks of a replay, which begins at clock 0, converted exactly and rounded up."""
    served, count = kernel(clock_mhz), 500
    served.submit(0, Transfer("ifmap", 64 * count, False), 0)
    clocks = dram.replay(64 * np.arange(count), np.zeros(count, bool), DDR4).cycles
    assert served.advance(INFINITY) == (ceil(clocks * Fraction("0.83") * Fraction(str(clock_mhz)) / 1000), 0)
    assert not served.busy
    assert served.counts()["dram_requests"] == count


def test_a_burst_takes_the_latency_of_an_idle_bank():
    served = kernel()
    served.submit(0, Transfer("weight", 1, False), 100)
    offered = ceil(100 / 0.83)
    answered = offered + 1 + 1 + DDR4.tRCD + DDR4.RL + DDR4.burst_cycle  # taken, queued; activate, read, burst
    assert served.advance(INFINITY) == (ceil(answered * Fraction("0.83")), 0)


def test_bytes_that_touch_two_bursts_are_two_requests():
    served = kernel()
    served.submit(0, Transfer("ifmap", 2, False, address=63), 0)
    served.submit(1, Transfer("weight", 64, False, address=64), 0)
    assert served.counts()["dram_requests"] == 3


def test_a_write_is_done_when_the_controller_has_it_and_drains_later():
    served = kernel()
    served.submit(0, Transfer("ofmap", 4 * 64, True), 0)
    assert served.advance(INFINITY) == (ceil((3 + 2) * Fraction("0.83")), 0)
    assert served.energy_pj()["dram_standby"] == pytest.approx(
        served.clock * 2 * DDR4.pre_stb_inc * DDR4.tCK, rel=1e-12
    )
    served.close(10)
    assert served.counts()["dram_activates"] == 4  # four bursts in four bank groups
    assert served.counts()["dram_row_hits"] == 0


def test_transfers_of_two_operands_share_the_bus():
    alone, shared = kernel(), kernel()
    for served in (alone, shared):
        served.submit(0, Transfer("ifmap", 64 * 1000, False), 0)
    shared.submit(1, Transfer("weight", 64 * 1000, False), 0)
    first = alone.advance(INFINITY)[0]
    both = [shared.advance(INFINITY) for _ in range(2)]
    assert {number for _, number in both} == {0, 1}
    assert both[0][0] > 1.8 * first
    assert both[1][0] - both[0][0] < 0.05 * first


@given(
    st.lists(st.tuples(st.integers(1, 9000), st.booleans()), min_size=1, max_size=12),
    st.integers(1, 300),
    st.sampled_from([300.0, 1000.0, 2500.0]),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_advancing_in_steps_changes_nothing(transfers, step, clock_mhz):
    """The kernel may be stopped at any cycle and go on; more transfers than it has room for at first."""
    whole, stepped, at, got = kernel(clock_mhz), kernel(clock_mhz), 0, []
    names = ("ifmap", "weight", "index", "psum", "ofmap")
    for number, (size, is_write) in enumerate(transfers):
        for served in (whole, stepped):
            served.submit(number, Transfer(names[number % 5], size, is_write, address=16384 * number), 0)
    expected = [whole.advance(INFINITY) for _ in transfers]
    while stepped.busy:
        found = stepped.advance(at)
        if found is None:
            at += step
        else:
            got.append(found)
    assert got == expected
    assert [cycle for cycle, _ in got] == sorted(cycle for cycle, _ in got)


def machine(dram_part, **more):
    return {
        "name": "m", "clock_mhz": 1000, "array": {"kind": "systolic", "rows": 16, "cols": 16, "dataflow": "os"},
        "buffers": {"ifmap_kib": 16, "filter_kib": 16, "ofmap_kib": 16}, "dram": dram_part, **more,
    }  # fmt: skip


LATENCY = ceil(39 * 0.83)  # cycles of a lone read
WIDE = {"kind": "systolic", "rows": 16, "cols": 64, "dataflow": "os"}
STREAM = GemmTrace("stream", M=16, N=64, K=16384)  # on 16 x 64: four bytes of weights to one of ifmap
PAIR = GemmTrace("pair", M=16, N=16, K=32768)  # on 16 x 16: ifmap and weights at the same pace


def measured_gbps(device, bases):
    """10⁹ bytes a second of streams that alternate request by request, from their bases on."""
    count = 10_000
    addresses = (np.array(bases) + 64 * np.arange(count)[:, None]).ravel()
    stats = dram.replay(addresses, np.zeros(len(addresses), bool), device)
    return 64 * len(addresses) / (stats.cycles * device.tCK)


def flat_rate(gbps):
    return {"model": "bandwidth", "gbps": gbps, "latency_cycles": LATENCY}


def test_a_streaming_layer_runs_at_the_measured_bandwidth():
    rate = measured_gbps(DDR4, [0])
    bank = accelsim.simulate(STREAM, machine({"model": "bank"}, array=WIDE)).rows[0]
    flat = accelsim.simulate(STREAM, machine(flat_rate(rate), array=WIDE)).rows[0]
    assert bank["bound"] == flat["bound"] == "memory"
    assert bank["cycles"] == pytest.approx(flat["cycles"], rel=0.05)
    assert bank["dram_gbps"] == pytest.approx(rate, rel=0.05)
    assert bank["dram_row_hit_rate"] > 0.95


def test_operands_that_collide_in_a_bank_are_slower_than_that():
    rate = measured_gbps(BANK_BY_BANK, [0, BANK_BY_BANK.capacity_bytes // REGIONS + SKEW_BYTES])
    device = BANK_BY_BANK.model_dump(exclude_none=True)
    flat = accelsim.simulate(PAIR, machine(flat_rate(rate))).rows[0]
    apart = accelsim.simulate(PAIR, machine({"model": "bank", "device": device})).rows[0]
    collide = accelsim.simulate(PAIR, machine({"model": "bank", "device": device, "base_offset_bytes": 0})).rows[0]
    assert apart["cycles"] < 1.1 * flat["cycles"]
    assert collide["cycles"] > 1.2 * flat["cycles"]
    assert collide["dram_row_hit_rate"] < apart["dram_row_hit_rate"]


def test_a_tile_that_is_fetched_again_lies_where_it_lay():
    hardware = accelsim.load_hardware(machine({"model": "bank"}))
    program = hardware.array.program(GemmTrace("layer", M=200, N=300, K=700))
    mapping = choose(program, MappingProblem(hardware.buffers))
    schedule = build([(program, mapping)])
    fetched = [(f.address, f.size_bytes) for name in ("ifmap", "weight") for f in schedule.fetches[name]]
    assert len(set(fetched)) < len(fetched)  # something is fetched again
    for name in ("ifmap", "weight"):
        spans = sorted({(f.address, f.size_bytes) for f in schedule.fetches[name]})
        assert all(a + size <= b for (a, size), (b, _) in pairwise(spans))
        assert max(a + size for a, size in spans) <= schedule.extent[name]


def test_the_report_counts_rows_and_splits_the_energy():
    report = accelsim.simulate(STREAM, machine({"model": "bank"}, mapping={"k": 64}))  # tiles of whole bursts
    row = report.rows[0]
    assert row["dram_requests"] == row["dram_bytes"] // 64
    assert 0 < row["dram_activates"] <= row["dram_requests"] - row["dram_row_hits"] + row["dram_refreshes"] * 32
    io_pj = 8 * row["dram_bytes"] * DDR4.io_pj_per_bit
    bursts = row["dram_requests"] * DDR4.read_inc + row["dram_activates"] * DDR4.act_inc
    assert row["energy_dram_access_pj"] == pytest.approx(bursts * DDR4.tCK + io_pj, rel=0.01)  # writes cost a bit less
    assert row["dram_io_share"] == pytest.approx(io_pj / row["energy_dram_access_pj"])
    clocks = row["cycles"] / 0.83
    refreshes = row["dram_refreshes"] * DDR4.ref_inc
    low, high = (2 * clocks * standby for standby in (DDR4.pre_stb_inc, DDR4.act_stb_inc))
    assert 0.97 * (refreshes + low) <= row["energy_dram_standby_pj"] / DDR4.tCK <= 1.03 * (refreshes + high)


def test_equal_layers_give_equal_reports():
    part = machine({"model": "bank", "device": "hbm2-2000"})
    assert accelsim.simulate(STREAM, part).to_json() == accelsim.simulate(STREAM, part).to_json()
