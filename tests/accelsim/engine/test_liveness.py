"""Activations that stay on chip by liveness over the graph: bytes counted by hand, and laws."""

from dataclasses import replace

import pytest

import accelsim
import workloads
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.operator import Operator
from accelsim.trace.workload import Workload

BIG = {"ifmap_kib": 65536, "filter_kib": 65536, "ofmap_kib": 65536, "keep_on_chip": True}


def machine(**buffers):
    array = {"kind": "systolic", "rows": 8, "cols": 8, "dataflow": "os"}
    return {"name": "check", "array": array, "buffers": buffers, "vector": {"lanes": 16}}


def activations(report):
    """Bytes of ifmap and ofmap that cross, by layer."""
    rows = report.layers
    return dict(zip(rows.name, zip(rows.dram_ifmap_bytes, rows.dram_ofmap_bytes, strict=True), strict=True))


def layer(name, n=64, k=64):
    return GemmTrace(name, M=32, N=n, K=k)


def branches():
    """a is read by b and c, whose sum is read by d; every tensor has 2,048 bytes."""
    add = Operator("sum", "add", "c", inputs=4096, outputs=2048, work=2048)
    graph = {"a": [""], "b": ["a"], "c": ["a"], "sum": ["b", "c"], "d": ["sum"], "": ["d"]}
    return Workload("net", [layer(name) for name in "abcd"], operators=[add], graph=graph)


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "densenet121"])
def test_of_a_network_on_chip_the_image_and_the_scores_alone_cross(name):
    report = accelsim.simulate(workloads.load(name), machine(**BIG))
    assert int(report.layers.dram_ifmap_bytes.sum()) == 3 * 224 * 224
    assert int(report.layers.dram_ofmap_bytes.sum()) == 1000


def test_branches_cross_once_in_and_once_out():
    crossing = activations(accelsim.simulate(branches(), machine(**BIG)))
    assert crossing == {"a": (2048, 0), "b": (0, 0), "c": (0, 0), "sum": (0, 0), "d": (0, 2048)}


def test_where_part_fits_what_saves_most_for_its_time_stays():
    # half of both buffers is 4 KiB: two tensors at a time. Transfers / steps of life: a 3/3 and sum 2/2 before
    # c 2/2 by their places, b 2/3 last. a stays until c reads it, sum beside it; c beside a and sum has no room.
    small = {"ifmap_kib": 4, "filter_kib": 16, "ofmap_kib": 4, "keep_on_chip": True}
    crossing = activations(accelsim.simulate(branches(), machine(**small)))
    assert crossing["a"] == (2048, 0)
    assert crossing["b"] == (0, 2048)
    assert crossing["c"] == (0, 0)
    assert crossing["sum"][0] == 2048  # b comes, c is there
    assert crossing["d"] == (0 if crossing["sum"][1] == 0 else 2048, 2048)


def test_nothing_is_kept_and_fetched_again():
    for kib in (1, 2, 3, 4, 6, 8, 12, 16, 64):
        crossing = activations(
            accelsim.simulate(branches(), machine(ifmap_kib=kib, filter_kib=16, ofmap_kib=kib, keep_on_chip=True))
        )
        reads = {"a": ["b", "c"], "b": ["sum"], "c": ["sum"], "sum": ["d"]}
        written = {name: crossing[name][1] == 2048 for name in reads}
        fetched = {
            name: sum(2048 for source, readers in reads.items() if name in readers and written[source])
            for name in ("b", "c", "sum", "d")
        }
        for name, size in fetched.items():
            assert (crossing[name][0] == 0) == (size == 0), (kib, name)


def test_of_a_concatenation_the_part_that_stays_is_not_fetched():
    cat = Operator("cat", "concat", "b", inputs=0, outputs=0, work=0)
    layers = [layer("a", n=16), layer("b", n=64, k=16), layer("c", k=80)]
    graph = {"a": [""], "b": ["a"], "cat": ["a", "b"], "c": ["cat"], "": ["c"]}
    network = Workload("net", layers, operators=[cat], graph=graph)
    # a has 512 bytes, b 2,048; half of both buffers is 1.5 KiB, so that a stays and b does not
    crossing = activations(
        accelsim.simulate(network, machine(ifmap_kib=1, filter_kib=64, ofmap_kib=2, keep_on_chip=True))
    )
    assert (crossing["a"][1], crossing["b"]) == (0, (0, 2048))
    assert crossing["c"][0] % 2048 == 0
    assert crossing["c"][0] > 0


def test_what_the_network_returns_is_written_though_it_stays_for_a_reader():
    network = branches()
    both = replace(network, graph={**network.graph, "": ["sum", "d"]})
    crossing = activations(accelsim.simulate(both, machine(**BIG)))
    assert crossing["sum"] == (0, 2048)
    assert crossing["d"] == (0, 2048)


def test_steps_of_a_recurrent_layer_hand_nothing_on_on_chip():
    network = workloads.load("lstm_lm")
    off, on = (accelsim.simulate(network, machine(**{**BIG, "keep_on_chip": stays})) for stays in (False, True))
    repeated = on.layers[on.layers.repeat > 1].name
    assert len(repeated) > 0
    assert all(activations(on)[name] == activations(off)[name] for name in repeated)


@pytest.mark.parametrize("name", ["squeezenet1_0", "mobilenet_v2", "transformer_encoder", "resnet56"])
@pytest.mark.parametrize("kib", [32, 128, 1024, 65536])
def test_traffic_is_never_more_than_with_nothing_kept(name, kib):
    sizes = {"ifmap_kib": kib, "filter_kib": kib, "ofmap_kib": kib}
    off, on = (accelsim.simulate(workloads.load(name), machine(**sizes, keep_on_chip=k)) for k in (False, True))
    assert on.dram_bytes <= off.dram_bytes
    assert on.traffic.ofmap <= off.traffic.ofmap


def test_both_operands_of_attention_stay():
    report = accelsim.simulate(workloads.load("transformer_encoder"), machine(**BIG))
    attention = report.layers[report.layers.kind == "attention"]
    assert len(attention) > 0
    assert int(attention.dram_bytes.sum()) == 0
