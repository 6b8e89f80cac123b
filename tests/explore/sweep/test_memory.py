"""A sweep takes no more memory by its points."""

import tracemalloc

import accelsim
from explore.sweep import evaluation
from explore.sweep.space_of import space_of
from explore.sweep.sweeping import swept

from .conftest import MACHINE


def peak_bytes(net, folder, points):
    space = space_of([net], [MACHINE], {"dram.gbps": [1 + i / 8 for i in range(points)]})
    tracemalloc.start()
    with swept(space, folder, jobs=1) as store:
        assert store.count("done") == points
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_is_flat(net, tmp_path, monkeypatch):
    report = accelsim.simulate(net, MACHINE)
    monkeypatch.setattr(evaluation, "simulate", lambda workload, machine: report)
    peak_bytes(net, tmp_path / "first", 10)  # what loads on first use
    few, many = (peak_bytes(net, tmp_path / str(points), points) for points in (200, 2000))
    assert many < few + 400_000  # of 1,800 rows, which are 1 MB at least where they are held
