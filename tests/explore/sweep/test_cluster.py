"""A sweep on a Dask cluster of two workers, of which one is killed in the middle."""

import os
import signal
import time

import pytest

import accelsim
from accelsim.errors import ConfigError
from explore.sweep import cluster

from .conftest import MACHINE, SET

distributed = pytest.importorskip("distributed", reason="pip install 'accelsim[cluster]'")
LONG = {"array.rows": [*range(1, 8)], "dram.gbps": [1, 2, 4, 8]}


@pytest.fixture
def workers():
    """A scheduler and two worker processes, all ended with the test."""
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options) as local:
        yield local


@pytest.mark.slow
def test_the_rows_are_those_of_this_process_though_a_worker_is_killed(net, tmp_path, workers, monkeypatch):
    pids = [worker.pid for worker in workers.workers.values()]
    killed = []

    def kill_one(ended, infeasible, of):
        if ended >= 4 and not killed:
            killed.append(ended)
            os.kill(pids[0], signal.SIGKILL)

    frame = accelsim.sweep(
        [net], [MACHINE], set=LONG, out=tmp_path / "out", scheduler=workers.scheduler_address, progress=kill_one
    )
    assert killed
    assert killed[0] < len(frame) == 28
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path / "fresh"))
    assert frame.to_csv() == accelsim.sweep([net], [MACHINE], set=LONG, jobs=1).to_csv()


def test_a_scheduler_that_is_not_there_is_one_line_after_a_few_seconds(net, tmp_path):
    began = time.monotonic()
    with pytest.raises(ConfigError, match=r"'tcp://127.0.0.1:9' does not answer within 5 s; the address of a Dask"):
        accelsim.sweep([net], [MACHINE], set=SET, scheduler="tcp://127.0.0.1:9", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert time.monotonic() - began < 2 * cluster.TIMEOUT_S


@pytest.mark.parametrize("address", ["nonsense", "tcp://", "http://127.0.0.1:9"])
def test_an_address_that_cannot_be(net, address):
    with pytest.raises(ConfigError, match="scheduler"):
        accelsim.sweep([net], [MACHINE], set=SET, scheduler=address)
