"""What the goals of a mapping do to a run: fewer cycles, bytes and pJ, by hand, by brute force and by law."""

from itertools import product

import numpy as np
import pytest

from accelsim import GemmTrace, load_hardware, simulate
from accelsim.engine.tilings import Tilings
from accelsim.errors import ConfigError, MappingError
from accelsim.mapping.search import NEAR

GOALS = "cycles", "traffic", "energy"


def machine(rows=16, kib=64, gbps=1.0, dataflow="os", goal=None, **more):
    """A dense array with equal buffers, at 800 MHz on a DRAM of fixed bandwidth, unless `more` says otherwise."""
    part = {} if goal is None else {"mapping": {"goal": goal}}
    return {
        "name": "m", "clock_mhz": 800, "array": {"kind": "systolic", "rows": rows, "cols": rows, "dataflow": dataflow},
        "buffers": dict.fromkeys(("ifmap_kib", "filter_kib", "ofmap_kib"), kib),
        "dram": {"model": "bandwidth", "gbps": gbps, "latency_cycles": 60}, **part, **more,
    }  # fmt: skip


FFN = GemmTrace("ffn", M=128, N=256, K=1024)  # a transformer's, of 128 tokens


@pytest.mark.parametrize(("gbps", "before"), [(1.0, 975_910), (2.0, 490_963), (4.0, 248_504)])
def test_a_transformers_ffn_reads_its_weights_twice(gbps, before):
    """T whole: tiles of 32 rows in half of 64 KiB; the weights come four times, 1,212,416 bytes and `before` cycles.

    With K cut a tile has all rows but few columns of X. Half of the ofmap buffer, 32 KiB, holds 8,192 psums of 32 bits:
    64 rows of 128 filters, so that the ifmap and the weights come twice each: 2 · 128 · 1024 + 2 · 256 · 1024 and
    128 · 256 results.
    """
    row = simulate(FFN, machine(gbps=gbps)).rows[0]
    assert row["dram_bytes"] == 2 * 128 * 1024 + 2 * 256 * 1024 + 128 * 256 == 819_200
    assert row["dram_psum_bytes"] == 0
    assert row["t_cuts"] > 0
    assert row["compute_cycles"] == 8 * 16 * (1024 + 30 * (row["t_cuts"] + 1))  # each cut fills every fold again
    whole = simulate(FFN, machine(gbps=gbps, mapping={"k": 1024, "m": 32, "n": 32}))
    assert (whole.dram_bytes, whole.cycles) == (1_212_416, before)
    assert whole.cycles / row["cycles"] > 1.4


def test_where_compute_binds_nothing_is_cut():
    row = simulate(FFN, machine(gbps=19.2)).rows[0]
    assert (row["t_cuts"], row["compute_cycles"]) == (0, 8 * 16 * (1024 + 30))
    assert row["cycles"] < 1.025 * row["compute_cycles"]


def small_case(index):
    """A small GEMM on 4 x 4 PEs with small buffers on a slow DRAM."""
    rng = np.random.default_rng(index)
    m, n, k = (int(size) for size in rng.integers(4, 13, 3))
    dataflow, gbps, kib = (rng.choice(options) for options in (["os", "ws", "is"], [0.4, 0.8, 1.6], [0.25, 0.5]))
    part = {"rows": 4, "kib": float(kib), "dataflow": str(dataflow)}
    return GemmTrace("t", M=m, N=n, K=k), {**part, "dram": {"model": "bandwidth", "gbps": float(gbps)}}


def every_run(trace, part):
    """(cycles, bytes, pJ) of the machine under every tiling and loop order that fits."""
    grain = load_hardware(machine(**part)).array.program(trace).grain
    sizes = [
        sorted({min(step, size) for step in range(unit, size + unit, unit)})
        for size, unit in ((trace.M, grain.m), (trace.N, grain.n), (trace.K, grain.k))
    ]
    for (m, n, k), order in product(product(*sizes), ("NMK", "NKM", "MNK", "MKN", "KNM", "KMN")):
        try:
            report = simulate(trace, machine(**part, mapping={"m": m, "n": n, "k": k, "order": order}))
        except MappingError:
            continue
        yield report.cycles, report.dram_bytes, report.energy_pj


def test_no_mapping_that_runs_is_better_by_the_goal():
    """On the engine itself, where the mapping only predicts: all tilings and orders of a few layers played.

    Traffic is exact. The few mappings that are ranked by the schedule have the fastest in 7 of 8 layers; in the other
    one a mapping of two tiles, which the prediction takes for slower, is 6 % faster.
    """
    slower = []
    for index in range(8):
        trace, part = small_case(index)
        runs = np.array(list(every_run(trace, part)))
        cycles, moved, energy = runs.min(axis=0)
        assert len(runs) > 20
        assert simulate(trace, machine(**part, goal="traffic")).dram_bytes == moved
        assert simulate(trace, machine(**part, goal="energy")).energy_pj <= 1.02 * energy
        slower.append(simulate(trace, machine(**part)).cycles / cycles)
    assert sorted(slower)[-2] <= (1 + NEAR) ** 2
    assert max(slower) <= 1.07


def random_layer(index):
    """A GEMM or a convolution, on 16 x 16 PEs, with a DRAM from slow to fast."""
    rng = np.random.default_rng(index)
    m, n, k = (int(2 ** rng.uniform(3, 9)) for _ in range(3))
    trace = GemmTrace("t", M=m, N=n, K=k)
    if index % 3 == 0:
        weight, side = (int(rng.choice([16, 64])), int(rng.choice([8, 24])), 3, 3), int(rng.choice([7, 14, 20]))
        trace = GemmTrace.from_conv("t", weight=weight, ifmap=(1, weight[1], side, side), padding=1)
    return trace, {"dataflow": str(rng.choice(["os", "ws", "is"])), "gbps": float(rng.choice([0.5, 1, 4, 16, 64]))}


def cycles_and_prologue(trace, hardware):
    report = simulate(trace, hardware)
    spans = report.layer("t").result.spans
    return report.cycles, min(span.start for span in spans if span.track == "array")


@pytest.mark.parametrize("index", range(40))
def test_larger_buffers_never_cost_cycles_beyond_the_prologue(index):
    """All three doubled, from 4 KiB on: no run takes longer than one in smaller buffers, but for 1 % and a prologue."""
    trace, part = random_layer(index)
    fewest = float("inf")
    for kib in (4, 8, 16, 32, 64, 128, 256):
        cycles, prologue = cycles_and_prologue(trace, machine(kib=kib, **part))
        assert cycles <= fewest + max(prologue, 0.01 * fewest)
        assert cycles <= 1.03 * fewest
        fewest = min(fewest, cycles)


@pytest.mark.parametrize("part", ["ifmap_kib", "filter_kib", "ofmap_kib"])
@pytest.mark.parametrize("index", range(12))
def test_one_larger_buffer_never_costs_cycles_beyond_the_prologue(index, part):
    trace, more = random_layer(index)
    small = machine(kib=16, **more)
    fewest, _ = cycles_and_prologue(trace, small)
    for kib in (32, 64, 128):
        cycles, prologue = cycles_and_prologue(trace, {**small, "buffers": {**small["buffers"], part: kib}})
        assert cycles <= fewest + max(prologue, 0.01 * fewest)
        fewest = min(fewest, cycles)


def test_a_wrong_goal_is_one_line_with_the_nearest_name():
    with pytest.raises(
        ConfigError, match=r"mapping\.goal is 'cycle'; .*'energy' or 'traffic'; did you mean 'cycles'\?"
    ):
        load_hardware(machine(goal="cycle"))
    with pytest.raises(ConfigError, match=r"unknown key 'mapping\.gaol'; did you mean 'goal'\?"):
        load_hardware(machine(mapping={"gaol": "cycles"}))


def test_cycles_is_the_default_goal():
    assert load_hardware(machine()).mapping.goal == "cycles"
    assert load_hardware("dense/os-16x16").mapping.goal == "cycles"
    assert simulate(FFN, machine()).to_json() != simulate(FFN, machine(goal="traffic")).to_json()


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize(("m", "n", "k"), [(8, 200, 90), (150, 20, 300), (100, 100, 64), (16, 16, 512)])
def test_dataflow_auto_follows_the_goal(goal, m, n, k):
    """`auto` is as good by its goal as the best of the three dataflows, which differ by more."""
    trace, column = GemmTrace("t", M=m, N=n, K=k), {"cycles": "cycles", "traffic": "dram_bytes", "energy": "energy_pj"}
    reports = {
        dataflow: simulate(trace, machine(kib=8, dataflow=dataflow, goal=goal))
        for dataflow in ("os", "ws", "is", "auto")
    }
    values = {dataflow: getattr(report, column[goal]) for dataflow, report in reports.items()}
    auto = values.pop("auto")
    assert auto in values.values() or goal == "energy"  # the registers of all three dataflows leak
    assert auto <= 1.03 * min(values.values())


def test_the_goals_choose_different_dataflows():
    """Else the test above could not tell them apart: is moves the fewest bytes, and os is the fastest."""
    chosen = {
        goal: simulate(GemmTrace("t", M=150, N=20, K=300), machine(kib=8, gbps=16, dataflow="auto", goal=goal))
        for goal in GOALS
    }
    assert len({report.rows[0]["dataflow"] for report in chosen.values()}) > 1
    assert chosen["cycles"].cycles < chosen["traffic"].cycles
    assert chosen["traffic"].dram_bytes < chosen["cycles"].dram_bytes


def test_groups_of_equal_size_take_one_mapping_that_fits_them_all():
    """Three groups of which one has all weights: its tiles fit, and those of the others are no larger."""
    rng = np.random.default_rng(0)
    weight = rng.integers(1, 100, (96, 64)) * (rng.random((96, 64)) < np.repeat([0.1, 1.0, 0.4], 32)[:, None])
    trace = GemmTrace("t", weight=weight, activation=rng.integers(-9, 9, (40, 192)), groups=3)
    hardware = load_hardware("sparse/csr-rows-16x16", **{f"buffers.{p}_kib": 6 for p in ("ifmap", "filter", "ofmap")})
    tilings = Tilings(hardware).of(hardware.array.programs(trace))
    assert len(set(tilings)) == 1
    report = simulate(trace, hardware, verify=True)
    assert report.dram_bytes >= sum(np.count_nonzero(weight[32 * g : 32 * g + 32]) for g in range(3))
