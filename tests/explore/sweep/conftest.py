"""A small network and machine, and a cache of the test's own."""

import pytest
import yaml

import accelsim
from accelsim.trace.workload import Workload

MACHINE = {
    "name": "small",
    "array": {"kind": "systolic", "rows": 4, "cols": 4, "dataflow": "os"},
    "buffers": {"ifmap_kib": 1, "filter_kib": 1, "ofmap_kib": 1},
    "dram": {"model": "bandwidth", "gbps": 8},
}
TOPOLOGY = "Layer, M, N, K,\nfc1, 4, 24, 60,\nfc2, 4, 10, 24,\n"
SET = {"array.rows": [2, 4, 8], "dram.gbps": [1, 16]}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """No sweep of another test is known here."""
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def net():
    """Two layers of a few thousand MACs."""
    layers = [accelsim.GemmTrace("fc1", M=4, N=24, K=60), accelsim.GemmTrace("fc2", M=4, N=10, K=24)]
    return Workload("net", layers)


@pytest.fixture
def file(tmp_path):
    """A sweep file of six points beside the machine and the topology that it names."""
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(MACHINE))
    (tmp_path / "net.csv").write_text(TOPOLOGY)
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump({"workloads": ["net.csv"], "hardware": ["small.yaml"], "set": SET}))
    return path
