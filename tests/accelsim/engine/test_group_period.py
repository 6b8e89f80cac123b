"""A group that is copied from one before is the group that is built."""

import pytest

from accelsim import GemmTrace
from accelsim.engine import schedule_builder
from accelsim.engine.residency import Residency
from accelsim.engine.schedule_builder import build
from accelsim.engine.vector_unit import FusedOperators
from accelsim.hardware.loading import load_hardware
from accelsim.mapping.tiling import Tiling
from accelsim.trace.operator import Operator

M, N, K, GROUPS = 24, 10, 30, 5


def operator(op, outputs, work):
    return Operator(op, op, "layer", M * N * GROUPS, outputs, work, fused=True)


ELEMENTS = M * N * GROUPS
FUSED = {
    "none": None,
    "relu": FusedOperators((operator("relu", ELEMENTS, ELEMENTS),), 4, ELEMENTS),
    "pool": FusedOperators((operator("max_pool", ELEMENTS // 4, ELEMENTS),), 4, ELEMENTS, rows=4),
    "uneven": FusedOperators((operator("relu", ELEMENTS, ELEMENTS + 7),), 4, ELEMENTS),
}
RESIDENCIES = {
    "crosses": Residency(),
    "loaded": Residency(weights="loaded"),
    "resident": Residency(weights="resident"),
    "some": Residency(weight_bytes=700),
    "ofmap": Residency(ofmap=True),
}


OVERLAPPING = {"name": "o", "array": {"kind": "systolic", "rows": 8, "cols": 8, "dataflow": "ws", "fold_overlap": True}}
MACHINES = {"os": "dense/os-16x16", "ws": "dense/ws-16x16", "csr": "sparse/csr-rows-16x16", "overlapping": OVERLAPPING}


@pytest.mark.parametrize("hardware", MACHINES)
@pytest.mark.parametrize("fused", FUSED)
@pytest.mark.parametrize("residency", RESIDENCIES)
def test_copied_groups_are_those_that_are_built(monkeypatch, hardware, fused, residency):
    array = load_hardware(MACHINES[hardware]).array
    program = array.program(GemmTrace("g", M=M, N=N, K=K))
    for tiling in (Tiling(8, 10, 30, "NMK", 0), Tiling(24, 4, 16, "MNK", 0), Tiling(16, 10, 11, "KNM", 0)):
        inputs = [(program, tiling)] * GROUPS, RESIDENCIES[residency], FUSED[fused]
        ours = build(*inputs)
        with monkeypatch.context() as plain:
            plain.setattr(schedule_builder, "is_periodic", lambda *_: False)
            assert ours == build(*inputs)


def test_five_equal_groups_are_built_once(monkeypatch):
    """And twice where the first one continues nothing, but the others continue the one before."""
    built = []
    run = schedule_builder._GroupBuilder._run
    monkeypatch.setattr(
        schedule_builder._GroupBuilder, "_run", lambda self, *start: built.append(start) or run(self, *start)
    )
    for hardware, times in (("os", 1), ("overlapping", 2)):
        built.clear()
        program = load_hardware(MACHINES[hardware]).array.program(GemmTrace("g", M=M, N=N, K=K))
        build([(program, Tiling(24, 10, 30, "NMK", 0))] * GROUPS, Residency(), FUSED["relu"])
        assert len(built) == times
        built.clear()
        build([(program, Tiling(24, 10, 30, "NMK", 0))] * GROUPS, Residency(), FUSED["uneven"])
        assert len(built) == GROUPS
