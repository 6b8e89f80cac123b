"""A space of 36 points of two small layers, a few of them infeasible, and a cache of the test's own."""

import pytest

import accelsim
from accelsim.trace.workload import Workload

MACHINE = {
    "name": "small",
    "array": {"kind": "systolic", "rows": 4, "cols": 4, "dataflow": "os"},
    "buffers": {"ifmap_kib": 1, "filter_kib": 1, "ofmap_kib": 1},
    "dram": {"model": "bandwidth", "gbps": 8},
}
SET = {"array.rows": [8, 2, 4], "array.cols": [2, 4, 8], "dram.gbps": [1, 16], "buffers.filter_kib": [0.001, 1]}
TOPOLOGY = "Layer, M, N, K,\nfc1, 4, 24, 60,\nfc2, 4, 10, 24,\n"
GOALS = {"minimize": ["cycles", "area_um2"]}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """No point of another test is known here."""
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def net():
    """Two layers of a few thousand MACs."""
    layers = [accelsim.GemmTrace("fc1", M=4, N=24, K=60), accelsim.GemmTrace("fc2", M=4, N=10, K=24)]
    return Workload("net", layers)


@pytest.fixture
def search(net):
    """`accelsim.search` of the space, 12 points in this process."""

    def run(out=None, **options):
        given = {**GOALS, "set": SET, "trials": 12, "jobs": 1, "batch": 4, **options}
        return accelsim.search([net], [MACHINE], out=out, **given)

    return run
