"""The tile-level model: closed forms, a schedule worked out by hand, and the bounds that memory sets."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim import GemmTrace
from accelsim.engine.dram_traffic import Stalls
from accelsim.engine.schedule import Fetch, Schedule, Visit
from accelsim.engine.simulation import run
from accelsim.memory.bandwidth import BandwidthKernel
from accelsim.memory.base import Transfer
from accelsim.results.timeline import bandwidth_gbps

BYTES_A_CYCLE = 64


def kernel(latency=0, bytes_a_cycle=BYTES_A_CYCLE):
    return BandwidthKernel(float(bytes_a_cycle), 1000.0, latency)


def schedule(jobs, visits=None, **streams):
    """Jobs are cycles; a stream is a list of (cycles to load, first job, last job)."""
    made = Schedule(cycles=list(jobs))
    for name, fetches in streams.items():
        made.fetches[name] = [Fetch(load * BYTES_A_CYCLE, first, last) for load, first, last in fetches]
    made.visits = visits or [Visit(0, len(jobs) - 1, 0, 0, 0)]
    return made


@given(load=st.integers(1, 50), compute=st.integers(1, 50), n=st.integers(1, 20), latency=st.integers(0, 30))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_equal_tiles_take_the_closed_form(load, compute, n, latency):
    equal = schedule([compute] * n, ifmap=[(load, i, i) for i in range(n)])
    whole = load + latency
    assert run(equal, kernel(latency), slots=2).cycles == whole + max(whole, compute) * (n - 1) + compute


@given(load=st.integers(1, 50), compute=st.integers(1, 50), n=st.integers(1, 20))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_a_single_buffer_overlaps_nothing(load, compute, n):
    equal = schedule([compute] * n, ifmap=[(load, i, i) for i in range(n)])
    assert run(equal, kernel(), slots=1).cycles == n * (load + compute)


def test_a_schedule_by_hand():
    """Two jobs of 10 cycles; a request of 64 bytes takes a cycle; transfers under way are served in turn.

    ifmap 0 (4 requests), the weights (8) and the indices (2) start at 0: i w x i w x, so the indices are in at 6;
    i w i, so ifmap 0 is in at 9, and ifmap 1 (4) joins behind the weights: w i w i w i w i w, which brings ifmap 1
    at 17 and the weights at 18. The first job runs from 18 to 28, the second to 38; their outputs (3 and 5 requests)
    leave at 31 and 43.
    """
    made = schedule(
        [10, 10],
        visits=[Visit(0, 0, 0, 0, 3 * BYTES_A_CYCLE), Visit(1, 1, 0, 0, 5 * BYTES_A_CYCLE)],
        ifmap=[(4, 0, 0), (4, 1, 1)],
        weight=[(8, 0, 1)],
        index=[(2, 0, 1)],
    )
    result = run(made, kernel(), slots=2)
    spans = {(s.track, s.name.split(":")[0]): (s.start, s.start + s.cycles) for s in result.spans}
    assert spans["index read", "index 0"] == (0, 6)
    assert spans["ifmap read", "ifmap 0"] == (0, 9)
    assert spans["ifmap read", "ifmap 1"] == (9, 17)
    assert spans["weight read", "weight 0"] == (0, 18)
    assert spans["array", "tile 0"] == (18, 28)
    assert spans["array", "tile 1"] == (28, 38)
    assert spans["ofmap write", "ofmap 0"] == (28, 31)
    assert spans["ofmap write", "ofmap 1"] == (38, 43)
    assert result.cycles == 43
    assert result.stalls == Stalls(ifmap=9, weight=9, ofmap=5)


def test_requests_of_two_transfers_alternate():
    served = kernel()
    served.submit(0, Transfer("ifmap", 3 * 64, False), 0)
    served.submit(1, Transfer("weight", 2 * 64, False), 0)
    assert served.advance(float("inf")) == (4, 1)
    assert served.advance(float("inf")) == (5, 0)
    assert not served.busy


def test_rates_that_are_no_whole_number_of_bytes_a_cycle_round_up_once():
    served = BandwidthKernel(12.8, 500.0, 0)  # 25.6 bytes a cycle
    served.submit(0, Transfer("ifmap", 256, False), 7)
    assert served.advance(float("inf")) == (17, 0)
    served.submit(1, Transfer("ifmap", 257, False), 17)
    assert served.advance(float("inf")) == (28, 1)


@given(st.lists(st.tuples(st.integers(1, 2000), st.integers(0, 40)), min_size=1, max_size=6), st.integers(1, 100))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_advancing_in_steps_changes_nothing(transfers, step):
    """The kernel may be stopped at any cycle and go on."""
    whole, stepped, at, got = kernel(latency=5), kernel(latency=5), 0, []
    for number, (size, _) in enumerate(transfers):
        for served in (whole, stepped):
            served.submit(number, Transfer("ifmap", size, False), 0)
    expected = [whole.advance(float("inf")) for _ in transfers]
    while stepped.busy:
        found = stepped.advance(at)
        if found is None:
            at += step
        else:
            got.append(found)
    assert got == expected


def machine(gbps, **more):
    return {
        "name": "m", "clock_mhz": 1000, "array": {"kind": "systolic", "rows": 16, "cols": 16, "dataflow": "os"},
        "buffers": {"ifmap_kib": 16, "filter_kib": 16, "ofmap_kib": 16},
        "dram": {"model": "bandwidth", "gbps": gbps}, **more,
    }  # fmt: skip


LAYER = GemmTrace("layer", M=200, N=120, K=300)


def test_unlimited_bandwidth_stalls_for_prologue_and_drain_alone():
    report = accelsim.simulate(LAYER, machine(1e9))
    assert report.stall_cycles <= 3
    assert report.compute_cycles == 13 * 8 * (300 + 30)  # folds of 16 x 16, T + R + C - 2 cycles each
    slow = accelsim.simulate(LAYER, machine(1.0))  # where each cut of K fills every fold once more
    assert slow.compute_cycles == report.compute_cycles + slow.rows[0]["t_cuts"] * 13 * 8 * 30
    assert slow.dram_bytes < report.dram_bytes


def test_halving_the_bandwidth_never_speeds_up_and_a_memory_bound_layer_sits_on_the_roofline():
    cycles = [accelsim.simulate(LAYER, machine(gbps)).cycles for gbps in (256.0, 64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0)]
    assert cycles == sorted(cycles)
    slow = accelsim.simulate(LAYER, machine(1.0))
    assert slow.dram_bytes <= slow.cycles <= 1.02 * slow.dram_bytes
    assert slow.rows[0]["bound"] == "memory"


def test_stalls_by_cause_add_up():
    for gbps in (64.0, 8.0, 1.0):
        row = accelsim.simulate(LAYER, machine(gbps)).rows[0]
        causes = [row[f"stall_{c}_cycles"] for c in ("ifmap", "weight", "index", "psum", "ofmap")]
        assert sum(causes) == row["stall_cycles"] == row["cycles"] - row["compute_cycles"]


def test_events_grow_with_tiles_and_not_with_folds(monkeypatch):
    """About ten events a tile: counted through the environment's own scheduler."""
    import simpy

    counted = []
    original = simpy.Environment.schedule

    def schedule_one(self, *args, **kwargs):
        counted.append(1)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(simpy.Environment, "schedule", schedule_one)
    hardware = machine(8.0, mapping={"goal": "traffic"})  # whose schedule is played once
    report = accelsim.simulate(GemmTrace("layer", M=2000, N=640, K=64), hardware)
    tiles = sum(span.track == "array" for span in report.layer("layer").result.spans)
    folds = 2000 // 16 * (640 // 16)
    assert tiles * 10 < folds
    assert len(counted) <= 20 * tiles


@pytest.mark.parametrize("gbps", [0, -1.0, float("nan"), float("inf")])
def test_a_bandwidth_that_is_no_rate_is_refused(gbps):
    with pytest.raises(accelsim.errors.ConfigError, match=r"dram\.gbps"):
        accelsim.load_hardware(machine(gbps))


def test_bandwidth_over_time_holds_every_byte_and_shows_in_the_timeline():
    report = accelsim.simulate(LAYER, machine(8.0))
    row = report.rows[0]
    curve = bandwidth_gbps(report.layer("layer").result.spans, row["cycles"], 1000.0, bins=50)
    assert curve.mean() * row["cycles"] == pytest.approx(row["dram_bytes"])
    assert curve.max() <= 8.0 * 1.2  # bytes are spread evenly over each transfer, though the DRAM serves in turns
    counters = [e for e in json.loads(report.to_timeline())["traceEvents"] if e["ph"] == "C"]
    assert {e["name"] for e in counters} == {"DRAM bandwidth"}
    assert max(e["args"]["GB/s"] for e in counters) > 4
