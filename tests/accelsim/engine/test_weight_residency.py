"""Weights that stay on chip between inferences: as far as the filter buffer holds them, and no further."""

import pytest

import accelsim
import workloads
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.workload import Workload

LENET_WEIGHTS = 500 + 25_000 + 400_000 + 5_000


def simulated(network, filter_kib, resident=True, **parts):
    array = {"kind": "systolic", "rows": 16, "cols": 16, "dataflow": "os"}
    buffers = {"ifmap_kib": 64, "filter_kib": filter_kib, "ofmap_kib": 64, "weights_resident": resident}
    dram = {"model": "bandwidth", "gbps": 19.2, "latency_cycles": 60}
    return accelsim.simulate(network, {"name": "check", "array": array, "buffers": buffers, "dram": dram, **parts})


def weights(report):
    return int(report.layers.dram_weight_bytes.sum() + report.layers.dram_index_bytes.sum())


def test_weights_that_fit_come_with_the_first_inference_alone():
    report = simulated(workloads.load("lenet5"), 421)  # KiB: 430,500 bytes in a single copy
    assert (weights(report), report.warmup_bytes) == (0, LENET_WEIGHTS)
    assert simulated(workloads.load("lenet5"), 420).warmup_bytes < LENET_WEIGHTS
    assert simulated(workloads.load("lenet5"), 421, resident=False).warmup_bytes == 0


@pytest.mark.parametrize("kib", [32, 64, 100, 256, 300, 384, 420, 421, 2048])
def test_what_stays_and_what_is_fetched_are_all_weights(kib):
    report = simulated(workloads.load("lenet5"), kib)
    assert weights(report) + report.warmup_bytes == LENET_WEIGHTS  # each is fetched once
    assert report.warmup_bytes <= kib * 1024
    assert report.warmup_bytes >= 0.5 * min(kib * 1024, LENET_WEIGHTS)


def test_a_larger_filter_buffer_never_costs_traffic():
    for name in ("lenet5", "lstm_sentiment", "squeezenet1_0"):
        moved = [simulated(workloads.load(name), kib).dram_bytes for kib in (32, 64, 128, 256, 512, 2048, 16384)]
        assert moved == sorted(moved, reverse=True), name


def test_the_weights_that_are_fetched_most_stay_first_and_the_last_in_part():
    # twice repeated, `often` saves two bytes for each that stays: it goes before `first`, which stays in part
    layers = [GemmTrace("first", M=16, N=256, K=64), GemmTrace("often", M=16, N=64, K=64, repeat=2)]
    report = simulated(Workload("net", layers), 16)
    by_name = dict(zip(report.layers.name, report.layers.dram_weight_bytes, strict=True))
    assert by_name["often"] == 0
    assert 0 < by_name["first"] < 256 * 64
    assert by_name["first"] + report.warmup_bytes == 64 * 64 + 256 * 64


def test_an_lstm_has_no_cliff_where_its_weights_begin_to_fit():
    network = workloads.load("lstm_sentiment")
    moved = {kib: simulated(network, kib).dram_bytes for kib in range(80, 97)}
    # a KiB more saves itself in each of 200 steps, beside the tiles in flight where the last one begins to fit
    assert all(0 <= moved[kib] - moved[kib + 1] <= 200 * 10 * 1024 for kib in range(80, 96))
    without = [weights(simulated(network, kib, resident=False)) for kib in (87, 88)]
    assert without[0] > 30 * without[1]
    assert moved[87] < 2.5 * moved[88]


def test_compressed_weights_stay_with_their_indices():
    network = workloads.load("lenet5", weights="random", density=0.1)
    array = {"kind": "csr_rows", "pes": 16, "vector_width": 16}
    whole = simulated(network, 421, array=array)
    assert (weights(whole), whole.warmup_bytes > 0) == (0, True)
    part, none = simulated(network, 40, array=array), simulated(network, 40, array=array, resident=False)
    assert 0 < weights(part) < weights(none)


def test_random_rows_of_an_embedding_cross_every_time():
    report = simulated(workloads.load("lstm_sentiment"), 65536)
    moved = dict(zip(report.layers.name, report.layers.dram_weight_bytes, strict=True))
    assert moved["embedding"] > 0
    assert sum(moved.values()) == moved["embedding"]


def test_what_stays_needs_no_bandwidth():
    on, off = (
        simulated(workloads.load("lenet5"), 1024, resident=r, mapping={"goal": "traffic"}) for r in (True, False)
    )
    assert on.cycles < off.cycles
    assert on.compute_cycles <= 1.01 * off.compute_cycles  # tiles need not be equal


def test_a_report_says_what_the_first_inference_fetches_more():
    report = simulated(workloads.load("lenet5"), 421)
    said = "steady state: the first inference fetches 430,500 B of weights more, which stay on chip"
    assert report.steady_state == said
    assert simulated(workloads.load("lenet5"), 421, resident=False).steady_state == ""
