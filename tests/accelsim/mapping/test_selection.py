"""The compiled search against the plain one in numpy: equal tilings, figures and measured sizes."""

from math import inf

import numpy as np
import pytest

import accelsim
from accelsim import GemmTrace
from accelsim.errors import MappingError
from accelsim.hardware.parts import Buffers
from accelsim.mapping import footprint as footprints
from accelsim.mapping.candidates import USUAL_TILES
from accelsim.mapping.footprint import Footprint, footprint_of
from accelsim.mapping.goals import MappingCosts, MappingProblem
from accelsim.mapping.search import COMPROMISE, RULES, MappingSearch
from accelsim.mapping.selection import FIGURES

from .plain_grid import TileGrid
from .plain_selection import Selection

DATAFLOWS = ("os", "ws", "is")


def random_program(rng):
    """A GEMM or a convolution on a systolic array, or a sparse one whose work follows from values."""
    rows, cols = (int(size) for size in rng.integers(1, 20, 2))
    if rng.random() < 0.5:
        trace = GemmTrace("g", **{d: int(rng.integers(1, 400)) for d in "MNK"})
    else:
        channels, kernel, side = int(rng.integers(1, 20)), int(rng.integers(1, 4)), int(rng.integers(4, 30))
        weight = rng.integers(1, 5, (int(rng.integers(1, 40)), channels, kernel, kernel))
        ifmap = rng.integers(0, 9, (int(rng.integers(1, 3)), channels, side, side))
        padding, stride = int(rng.integers(0, kernel)), int(rng.integers(1, 4))
        trace = GemmTrace.from_conv("c", weight=weight, ifmap=ifmap, padding=padding, stride=stride)
    if rng.random() < 0.2:
        sparse = GemmTrace.random("s", M=40, N=50, K=90, weight_density=0.3, seed=int(rng.integers(99)))
        return accelsim.load_hardware("sparse/csr-rows-16x16").array.program(sparse)
    array = {"kind": "systolic", "rows": rows, "cols": cols, "dataflow": str(rng.choice(DATAFLOWS))}
    return accelsim.load_hardware({"name": "a", "array": array}).array.program(trace)


def random_problem(rng):
    """Buffers, a rate, costs and what stays on chip."""
    sizes = [float(rng.choice([4, 9, 33, 200])) for _ in range(3)]
    buffers = Buffers(**dict(zip(("ifmap_kib", "filter_kib", "ofmap_kib"), sizes, strict=True)))
    if rng.random() < 0.3:
        buffers = buffers.model_copy(update={"double": False})
    return MappingProblem(
        buffers=None if rng.random() < 0.1 else buffers,
        bytes_per_cycle=float(rng.choice([0.7, 3.3, 25.6, inf])),
        costs=MappingCosts(3.1, 5.7, 7.3, 11.9, float(rng.choice([0.0, 2.3]))),
        resident=frozenset(part for part in ("ifmap", "filter", "ofmap") if rng.random() < 0.1),
        groups=int(rng.integers(1, 4)),
    )


def plain(search):
    """The plain search of the same sizes."""
    sizes, terms = search.selection.sizes, search.selection.terms
    among = dict(zip("MNK", (terms.a, terms.b, terms.c), strict=True))
    options = {d: [sizes.options[d][at] for at in among[d]] for d in "MNK"}
    grid = TileGrid(Footprint(search.program), search.problem, options, search.orders)
    return Selection(grid, search.room["ifmap"]), among


def placed(among, place):
    """A place of the plain search among all sizes."""
    return None if place is None else (place[0], *(int(among[d][at]) for d, at in zip("MNK", place[1:], strict=True)))


@pytest.mark.parametrize("seed", range(40))
def test_the_compiled_search_is_the_plain_one(seed):
    rng = np.random.default_rng(seed)
    program, problem = random_program(rng), random_problem(rng)
    try:
        search = MappingSearch(program, problem)
    except MappingError:
        return
    ours, (theirs, among) = search.selection, plain(search)
    assert theirs.fits()
    for rule in (*RULES.values(), COMPROMISE):
        assert ours.pick(rule) == placed(among, theirs.pick(rule))
    whole = np.asarray(theirs.grid.count[program.grain.whole] == 1)
    assert ours.pick(RULES["cycles"], search._whole) == placed(among, theirs.pick(RULES["cycles"], whole))
    rows = np.broadcast_to((theirs.grid.m % 4 == 0) | (theirs.grid.m >= program.trace.M), theirs.grid.tiles.shape)
    assert ours.pick(RULES["cycles"], search._in_rows(4)) == placed(among, theirs.pick(RULES["cycles"], rows))
    assert [ours.least(name) for name in FIGURES] == [theirs.least(name) for name in FIGURES]
    place = theirs.least_steps()
    assert ours.least_steps() == placed(among, place)
    measured = [(int(among["M"][a]), int(among["K"][c])) for a, c in theirs.measured]
    assert [tuple(cell) for cell in ours.search.measured[: ours.search.number[1]].tolist()] == measured
    order, a, b, c = place
    cell, known = (slice(None), a, slice(None), c), theirs.ifmap_at(a, c)
    figures = [
        theirs.grid.figure(name, cell, *known)[order, b] for name in ("traffic", "cycles", "least_cycles", "energy")
    ]
    assert list(ours.described(placed(among, place))) == [*figures, theirs.grid.ends(cell, known[1])[b]]


def test_equal_shapes_share_what_was_measured():
    """Whatever the buffers and the DRAM; other arrays and other shapes do not."""

    def program(rows=8, K=90):
        array = {"kind": "systolic", "rows": rows, "cols": 8}
        return accelsim.load_hardware({"name": "a", "array": array}).array.program(GemmTrace("g", M=70, N=80, K=K))

    first = footprint_of(program())
    assert footprint_of(program()) is first
    assert footprint_of(program(rows=4)) is not first
    assert footprint_of(program(K=91)) is not first
    MappingSearch(program(), MappingProblem(Buffers(ifmap_kib=4, filter_kib=4, ofmap_kib=4)))
    MappingSearch(program(), MappingProblem(Buffers(ifmap_kib=9, filter_kib=4, ofmap_kib=4), bytes_per_cycle=2.0))
    assert len(first.tables) == 1


def test_shared_footprints_are_few(monkeypatch):
    monkeypatch.setattr(footprints, "MOST_SHARED", 2)
    monkeypatch.setattr(footprints, "_SHARED", {})
    array = accelsim.load_hardware("dense/os-16x16").array
    programs = [array.program(GemmTrace("g", M=5, N=6, K=k)) for k in (1, 2, 3)]
    first = footprint_of(programs[0])
    footprint_of(programs[1])
    assert footprint_of(programs[0]) is first  # and is the last to go now
    footprint_of(programs[2])
    assert len(footprints._SHARED) == 2
    assert footprint_of(programs[0]) is first


def test_the_sizes_tried_and_measured_are_as_many_as_ever():
    """conv2 of LeNet-5 on os-16x16: the counts that its time follows from."""
    trace = accelsim.GemmTrace.from_conv(
        "conv2", weight=np.ones((50, 20, 5, 5), int), ifmap=np.ones((1, 20, 12, 12), int)
    )
    machine = accelsim.load_hardware("dense/os-16x16")
    search = MappingSearch(machine.array.program(trace), MappingProblem(machine.buffers, bytes_per_cycle=25.6))
    search.best()
    sizes = search._options(USUAL_TILES)
    assert [len(sizes[d]) for d in "MNK"] == [4, 4, 43]
    assert int(search.selection.search.number[1]) == 9
