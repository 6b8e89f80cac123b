"""Tilings and loop orders against brute force, and against the bounds that they must keep."""

from dataclasses import replace
from functools import cache
from itertools import permutations, product

import numpy as np
import pytest

import accelsim
from accelsim import GemmTrace
from accelsim.arrays.base import Tile
from accelsim.errors import MappingError
from accelsim.hardware.loading import load_hardware
from accelsim.hardware.parts import Buffers, MappingConfig
from accelsim.mapping.goals import MappingCosts, MappingProblem
from accelsim.mapping.search import choose
from accelsim.trace.conv import ConvGeometry


def ceil_div(a, b):
    return -(-a // b)


def parts(size, step):
    return [(i, min(i + step, size)) for i in range(0, size, step)]


COSTS = MappingCosts(ifmap=3.0, filters=5.0, ofmap=7.0, psum=11.0, cycle=2.0)


def walk(program, tile, order, room):
    """Bytes by operand of one tiling, by walking its tiles with one buffer an operand, its compute cycles, and the
    bytes of its ends; None where a tile does not fit.
    """
    trace = program.trace
    size = {"M": trace.M, "N": trace.N, "K": trace.K}
    bits = program.array.accumulator_bits
    moved = dict.fromkeys(("ifmap", "filters", "ofmap", "psum"), 0)
    held, needs, compute, ends, work = {}, {"ifmap": 0, "filter": 0, "ofmap": 0}, 0, 0, {}
    for at in product(*(parts(size[d], tile[d]) for d in order)):
        span = dict(zip(order, at, strict=True))
        (m0, m1), (n0, n1), (k0, k1) = span["M"], span["N"], span["K"]
        x = ceil_div(program.ifmap_bits(m0, m1, k0, k1), 8)
        w = ceil_div(program.weight_bits(n0, n1, k0, k1), 8) + ceil_div(program.index_bits(n0, n1, k0, k1), 8)
        outputs = (m1 - m0) * (n1 - n0)
        psum, done = ceil_div(outputs * bits, 8), ceil_div(outputs * program.output_bits, 8)
        resident = psum if program.spills_psums(tile["K"]) else done
        needs = {p: max(needs[p], v) for p, v in (("ifmap", x), ("filter", w), ("ofmap", resident))}
        moved["ifmap"] += x * (held.get("x") != (m0, m1, k0, k1))
        moved["filters"] += w * (held.get("w") != (n0, n1, k0, k1))
        if held.get("o") != (m0, m1, n0, n1):
            moved["psum"] += held.get("leaving", 0) + (psum if k0 else 0)
            moved["ofmap"] += held.get("done", 0)
        held = {"x": (m0, m1, k0, k1), "w": (n0, n1, k0, k1), "o": (m0, m1, n0, n1)}
        held |= {"leaving": 0, "done": done} if k1 == trace.K else {"leaving": psum, "done": 0}
        ends = ends or x + w
        shape = m1 - m0, n1 - n0, k1 - k0
        if shape not in work:
            work[shape] = program.work(Tile(m0, m1, n0, n1, k0, k1)).cycles
        compute += work[shape]
    moved["ofmap"] += held["done"]
    last = (m1 - m0) * (n1 - n0) * (k1 - k0) / (trace.M * trace.N * trace.K)
    return (moved, compute, ends + done, last) if all(needs[p] <= room[p] for p in room) else None


def figures(program, tile, order, problem):
    """(cycles, traffic, energy) of one tiling in the design's words; None where it does not fit.

    Cycles: the larger of compute with its cuts and the first load, and of the traffic's time with the last tile's
    compute, write-back included; where buffers are single nothing overlaps.
    """
    room = {part: problem.buffers.tile_bytes(part) for part in ("ifmap", "filter", "ofmap")}
    walked = walk(program, tile, order, room)
    if walked is None:
        return None
    moved, compute, ends, last = walked
    traffic, rate = sum(moved.values()), problem.bytes_per_cycle
    cycles = max(compute + ends / rate, traffic / rate + compute * last)
    if not problem.buffers.double:
        cycles = compute + traffic / rate
    energy = sum(getattr(problem.costs, name) * size for name, size in moved.items()) + problem.costs.cycle * cycles
    return cycles, traffic, energy


def brute_force(program, problem):
    """The figures of every tile size on the grain and every order that fits."""
    grain, trace = program.grain, program.trace
    size, step = {"M": trace.M, "N": trace.N, "K": trace.K}, {"M": grain.m, "N": grain.n, "K": grain.k}
    sizes = [sorted({min(s, size[d]) for s in range(step[d], size[d] + step[d], step[d])}) for d in "MNK"]
    every = [
        figures(program, dict(zip("MNK", tile, strict=True)), order, problem)
        for tile in product(*sizes) for order in permutations("NMK")
    ]  # fmt: skip
    return [figure for figure in every if figure is not None]


def random_case(index):
    """A small layer on a small array with small buffers."""
    rng = np.random.default_rng(index)
    array = {
        "kind": "systolic",
        "rows": int(rng.integers(1, 5)),
        "cols": int(rng.integers(1, 5)),
        "dataflow": str(rng.choice(["os", "ws", "is"])),
    }
    m, n, k = (int(v) for v in rng.integers(1, 14, 3))
    trace = GemmTrace("t", M=m, N=n, K=k)
    if rng.integers(2):
        sizes = int(rng.integers(1, 3)), 5, int(rng.integers(3, 6))
        conv = ConvGeometry(1, *sizes, (2, 2), int(rng.integers(1, 3)), int(rng.integers(2)))
        trace = GemmTrace("t", N=n, conv=conv)
    buffers = Buffers(
        **{f"{p}_kib": int(rng.integers(8, 320)) / 1024 for p in ("ifmap", "filter", "ofmap")},
        double=bool(rng.integers(2)),
    )
    return load_hardware({"name": "t", "array": array}).array.program(trace), buffers


@cache
def every_figure(index):
    """The brute force of a random case, which is the same for every goal."""
    return brute_force(*problem_of(index, "cycles"))


def problem_of(index, goal):
    program, buffers = random_case(index)
    rate = float(np.random.default_rng(index).choice([0.25, 1.0, 4.0, 64.0, np.inf]))
    return program, MappingProblem(buffers, MappingConfig(goal=goal), rate, COSTS)


@pytest.mark.parametrize("index", range(200))
@pytest.mark.parametrize("goal", ["cycles", "traffic", "energy"])
def test_equals_brute_force(index, goal):
    program, problem = problem_of(index, goal)
    every = every_figure(index)
    if not every:
        with pytest.raises(MappingError, match="would"):
            choose(program, problem)
        return
    tiling = choose(program, problem)
    cycles, traffic, energy = figures(program, tiling.sizes(), tiling.order, problem)
    assert (tiling.dram_bytes, tiling.cycles) == (traffic, pytest.approx(cycles))
    if goal == "traffic":
        assert traffic == min(t for _, t, _ in every)
        return
    place, own = (0, cycles) if goal == "cycles" else (2, energy)
    most = min(f[place] for f in every) * (1.005 + 1e-9)
    assert own <= most
    assert traffic == min(f[1] for f in every if f[place] <= most)


def compressed_case(index):
    """A small layer with zeros on an array that compresses its weights, so that tiles of equal size differ in bytes."""
    rng = np.random.default_rng(index)
    m, n, k = (int(size) for size in (rng.integers(1, 9), rng.integers(1, 9), rng.integers(60, 200)))
    weight = rng.integers(1, 9, (n, k)) * (rng.random((n, k)) < rng.random((n, 1)))
    trace = GemmTrace("t", weight=weight, activation=rng.integers(-9, 9, (m, k)))
    array = {"kind": "csr_rows", "pes": 2, "vector_width": 2}
    sizes = {f"{part}_kib": int(rng.integers(100, 2000)) / 1024 for part in ("ifmap", "filter", "ofmap")}
    buffers = Buffers(**sizes, double=bool(rng.integers(2)))
    return load_hardware({"name": "t", "array": array}).array.program(trace), buffers


@pytest.mark.parametrize("index", range(100))
def test_compressed_weights_equal_brute_force(index):
    """The least traffic, and the least energy where time costs nothing."""
    program, buffers = compressed_case(index)
    traffic = MappingProblem(buffers, MappingConfig(goal="traffic"), 2.0)
    energy = MappingProblem(buffers, MappingConfig(goal="energy"), 2.0, replace(COSTS, cycle=0.0))
    every = brute_force(program, energy)
    if not every:
        with pytest.raises(MappingError, match="would"):
            choose(program, traffic)
        return
    assert choose(program, traffic).dram_bytes == min(moved for _, moved, _ in every)
    tiling = choose(program, energy)
    _, moved, own = figures(program, tiling.sizes(), tiling.order, energy)
    most = min(pj for _, _, pj in every) * (1.005 + 1e-9)
    assert own <= most
    assert moved == tiling.dram_bytes == min(other for _, other, pj in every if pj <= most)


def test_the_goals_differ_on_the_random_layers():
    """Else the test above could not tell them apart."""
    chosen = {
        goal: [choose(*problem_of(index, goal)).sizes() for index in range(40) if every_figure(index)]
        for goal in ("cycles", "traffic", "energy")
    }
    assert chosen["cycles"] != chosen["traffic"] != chosen["energy"] != chosen["cycles"]


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_a_cut_costs_the_cycles_that_it_is_said_to(dataflow):
    array = {"kind": "systolic", "rows": 4, "cols": 3, "dataflow": dataflow}
    program = load_hardware({"name": "t", "array": array}).array.program(GemmTrace("t", M=20, N=17, K=24))
    sizes = {"M": 20, "N": 17, "K": 24}
    cut = program.grain.whole
    halves = [(0, sizes[cut] // 2 // 4 * 4), (sizes[cut] // 2 // 4 * 4, sizes[cut])]
    edges = [{d: (0, sizes[d]) for d in "MNK"} | {cut: half} for half in halves]
    parts = [program.work(Tile(*e["M"], *e["N"], *e["K"])).cycles for e in edges]
    assert sum(parts) == program.work(Tile(0, 20, 0, 17, 0, 24)).cycles + program.cut_cycles


def test_few_cuts_where_bytes_are_cheap():
    """One filter of AlexNet's fc6 does not fit beside 15 others; many cuts save 2 % of the traffic and cost 3x."""
    shape = GemmTrace("fc6", M=1, N=4096, K=9216)
    row = accelsim.simulate(shape, "dense/os-16x16").rows[0]
    whole = accelsim.simulate(shape, {"name": "t", "array": {"kind": "systolic", "rows": 16, "cols": 16}})
    assert 4 <= row["t_cuts"] <= 8
    assert row["compute_cycles"] < 1.05 * whole.compute_cycles


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_the_traffic_that_it_promises_is_the_traffic_that_runs(dataflow):
    conv = ConvGeometry(2, 12, 14, 13, (3, 3), 1, 1)
    hardware = load_hardware(
        {
            "name": "t", "array": {"kind": "systolic", "rows": 8, "cols": 8, "dataflow": dataflow},
            "buffers": {"ifmap_kib": 2, "filter_kib": 1, "ofmap_kib": 2}, "dram": {"model": "bandwidth", "gbps": 4.0},
        }
    )  # fmt: skip
    trace = GemmTrace("t", N=40, conv=conv)
    problem = MappingProblem(hardware.buffers, MappingConfig(goal="traffic"), 4.0)
    hardware = load_hardware(hardware, **{"mapping.goal": "traffic"})
    promised = choose(hardware.array.program(trace), problem).dram_bytes
    assert accelsim.simulate(trace, hardware).dram_bytes == promised


def test_compulsory_bytes_where_all_fits():
    trace = GemmTrace("t", M=50, N=30, K=20)
    hardware = {
        "name": "t",
        "array": {"kind": "systolic"},
        "buffers": {"ifmap_kib": 64, "filter_kib": 64, "ofmap_kib": 64},
    }
    assert accelsim.simulate(trace, hardware).dram_bytes == 50 * 20 + 30 * 20 + 50 * 30


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_tiles_change_no_compute_cycles_unless_t_is_cut(dataflow):
    trace = GemmTrace("t", M=100, N=90, K=80)
    array = {"kind": "systolic", "rows": 8, "cols": 4, "dataflow": dataflow}
    whole = accelsim.simulate(trace, {"name": "t", "array": array})
    for kib in (16, 8, 4, 2, 1):
        buffers = {"ifmap_kib": kib, "filter_kib": kib, "ofmap_kib": kib}
        row = accelsim.simulate(trace, {"name": "t", "array": array, "buffers": buffers}).rows[0]
        if row["t_cuts"] == 0:
            assert row["compute_cycles"] == whole.compute_cycles
        else:
            assert row["compute_cycles"] > whole.compute_cycles


def test_a_tile_that_fits_nowhere_is_one_line_that_says_what_would():
    hardware = {
        "name": "t",
        "array": {"kind": "systolic"},
        "buffers": {"ifmap_kib": 0.01, "filter_kib": 1, "ofmap_kib": 8},
    }
    with pytest.raises(MappingError, match=r"ifmap_kib >= 1.*ofmap_kib >="):
        accelsim.simulate(GemmTrace("t", M=100, N=90, K=80), hardware)


def test_a_given_mapping_is_taken_as_it_is():
    array = {"kind": "systolic", "rows": 8, "cols": 8}
    hardware = {"name": "t", "array": array, "mapping": {"m": 16, "n": 24, "k": 10, "order": "KMN"}}
    program = load_hardware(hardware).array.program(GemmTrace("t", M=50, N=30, K=20))
    found = choose(program, MappingProblem(mapping=load_hardware(hardware).mapping))
    assert (found.m, found.n, found.k, found.order, found.t_cuts) == (16, 24, 10, "KMN", 1)
    assert accelsim.simulate(GemmTrace("t", M=50, N=30, K=20), hardware).dram_bytes == found.dram_bytes


@pytest.mark.parametrize(
    ("mapping", "error", "said"),
    [
        ({"m": 5}, MappingError, r"mapping\.m is 5; a multiple of 8 .* such as 8"),
        ({"order": "XYZ"}, accelsim.errors.ConfigError, r"mapping\.order"),
        ({"m": 64, "k": 80}, MappingError, "ifmap_kib >= 10"),
    ],
)
def test_a_mapping_that_cannot_be_is_one_line(mapping, error, said):
    hardware = {
        "name": "t", "array": {"kind": "systolic", "rows": 8, "cols": 8}, "mapping": mapping,
        "buffers": {"ifmap_kib": 4, "filter_kib": 4, "ofmap_kib": 4},
    }  # fmt: skip
    with pytest.raises(error, match=said):
        accelsim.simulate(GemmTrace("t", M=100, N=20, K=80), hardware)


def test_outputs_stay_on_chip_where_both_sides_fit():
    layers = [GemmTrace("a", M=10, N=30, K=20), GemmTrace("b", M=10, N=8, K=30), GemmTrace("c", M=900, N=50, K=8)]
    buffers = {"ifmap_kib": 4, "filter_kib": 4, "ofmap_kib": 4}
    hardware = {"name": "t", "array": {"kind": "systolic", "rows": 8, "cols": 8}, "buffers": buffers}
    apart = accelsim.simulate(layers, hardware)
    kept = accelsim.simulate(layers, accelsim.load_hardware(hardware, **{"buffers.keep_on_chip": True}))
    a, b, c = kept.rows
    assert (a["dram_ifmap_bytes"], a["dram_ofmap_bytes"]) == (200, 0)
    assert (b["dram_ifmap_bytes"], b["dram_ofmap_bytes"]) == (0, 80)
    assert c["dram_bytes"] == apart.rows[2]["dram_bytes"]
    assert kept.dram_bytes == apart.dram_bytes - 300 - 300
