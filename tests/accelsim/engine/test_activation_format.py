"""Compressed activations: bytes by hand and by `encode`, tile by tile; what is not known lies dense and is named."""

from dataclasses import replace
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
import workloads
from accelsim.errors import ConfigError
from accelsim.formats import encode
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.operator import Operator
from accelsim.trace.workload import Workload

BUFFERS = {"ifmap_kib": 64, "filter_kib": 64, "ofmap_kib": 64}
PACKINGS = ("rle", "bitmap")


def machine(packing="dense", array=None, **parts):
    array = {"kind": "systolic", "rows": 4, "cols": 4, "dataflow": "os", **(array or {})}
    return {"name": "check", "array": array, "tensors": {"activation_format": packing}, **parts}


def sparse(rng, *shape, density=0.4):
    return np.where(rng.random(shape) < density, rng.integers(1, 100, shape), 0)


def row_of(report, name):
    return report.layers.set_index("name").loc[name]


def test_one_tile_by_hand():
    # 0 0 5 0 / 7 0 0 0: a mask of 8 bits and two values of 8 bits are 3 bytes. rle with runs of 2 bits: (2, 5), (1, 7),
    # (2, 0), the last zero being stored: 3 entries of 10 bits, 30 bits, 4 bytes; 1 bit takes 4 entries of 9, 3 take 33
    x = [[0, 0, 5, 0], [7, 0, 0, 0]]
    trace = GemmTrace("fc", weight=np.ones((3, 4), int), activation=x)
    for packing, size, index, entries in (("dense", 8, 0, 0), ("bitmap", 3, 8, 2), ("rle", 4, 6, 3)):
        row = row_of(accelsim.simulate(trace, machine(packing)), "fc")
        assert (row.dram_ifmap_bytes, row.dram_ifmap_index_bits, row.activation_entries) == (size, index, entries)
        assert (row.sram_ifmap_fill_bytes, row.dram_ofmap_bytes, row.sram_ofmap_drain_bytes) == (8, 6, 6)
        assert (row.ifmap_format, row.ofmap_format) == (packing, "dense")


@pytest.mark.parametrize("packing", PACKINGS)
def test_tiles_of_a_matrix_add_up_to_their_encodings(packing):
    x = sparse(np.random.default_rng(1), 30, 40)
    trace = GemmTrace("fc", weight=np.ones((9, 40), int), activation=x)
    cut = {"m": 8, "n": 12, "k": 16, "order": "NMK"}
    row = row_of(accelsim.simulate(trace, machine(packing, mapping=cut, buffers=BUFFERS)), "fc")
    width = encode(x, "rle").index_bits if packing == "rle" else None
    tiles = [encode(x[m : m + 8, k : k + 16], packing, index_bits=width) for m in range(0, 30, 8) for k in (0, 16, 32)]
    assert row.dram_ifmap_bytes == sum(ceil(tile.bits / 8) for tile in tiles)
    assert row.dram_ifmap_index_bits == sum(tile.index_bits_total for tile in tiles)
    assert row.activation_entries == sum(tile.value_bits_total // 8 for tile in tiles)


@pytest.mark.parametrize("packing", PACKINGS)
def test_tiles_of_a_convolution_come_with_their_halos(packing):
    ifmap = sparse(np.random.default_rng(2), 1, 3, 8, 8)
    trace = GemmTrace.from_conv("conv", weight=np.ones((4, 3, 3, 3), int), ifmap=ifmap)
    cut = {"m": 12, "n": 4, "k": 27, "order": "NMK"}  # two output rows of 6: four ifmap rows, of which two come twice
    row = row_of(accelsim.simulate(trace, machine(packing, mapping=cut, buffers=BUFFERS)), "conv")
    width = encode(ifmap.reshape(1, -1), "rle").index_bits if packing == "rle" else None
    tiles = [encode(ifmap[0, :, y : y + 4].reshape(1, -1), packing, index_bits=width) for y in (0, 2, 4)]
    assert row.dram_ifmap_bytes == sum(ceil(tile.bits / 8) for tile in tiles)
    assert row.sram_ifmap_fill_bytes == 3 * 3 * 4 * 8


def chain(pooled=False, reader_values=True):
    """A convolution whose 2x6x6 outputs, or a pooled 2x3x3, are read by a fully connected layer; a graph says so."""
    rng = np.random.default_rng(3)
    conv = GemmTrace.from_conv("conv", weight=sparse(rng, 2, 1, 3, 3), ifmap=sparse(rng, 1, 1, 8, 8))
    read = 18 if pooled else 72
    fc = GemmTrace("fc", weight=sparse(rng, 5, read), activation=sparse(rng, 1, read, density=0.3))
    pool = Operator("pool", "max_pool", "conv", inputs=72, outputs=18, work=72, fused=True)
    graph = {"conv": [""], "pool": ["conv"], "fc": ["pool" if pooled else "conv"], "": ["fc"]}
    layers = [conv, fc if reader_values else fc.as_shape()]
    return Workload("net", layers, operators=[pool] if pooled else [], graph=graph)


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("pooled", [False, True])
def test_outputs_are_what_their_reader_reads(packing, pooled):
    network = chain(pooled)
    report = accelsim.simulate(network, machine(packing, vector={"lanes": 4}))
    row, read = row_of(report, "conv"), network["fc"].activation
    by_pixel = read.reshape(2, -1).T  # the layer writes pixel by pixel, its reader sees channel by channel
    assert row.dram_ofmap_bytes == ceil(encode(by_pixel, packing).bits / 8)
    assert row.dram_ofmap_index_bits == encode(by_pixel, packing).index_bits_total
    assert row.sram_ofmap_drain_bytes == read.size
    assert row.ofmap_format == packing
    assert row_of(report, "fc").ofmap_format == "dense"
    assert report.activation_storage.endswith("not known: ofmap of fc")


def test_outputs_of_many_tiles_and_groups_are_cut_as_they_are_written():
    rng = np.random.default_rng(4)
    first = GemmTrace("a", weight=sparse(rng, 12, 8), activation=sparse(rng, 20, 16), groups=2)
    second = GemmTrace("b", weight=sparse(rng, 3, 12), activation=sparse(rng, 20, 12))
    network = Workload("net", [first, second], graph={"a": [""], "b": ["a"], "": ["b"]})
    cut = {"m": 8, "n": 4, "k": 12, "order": "NMK"}
    row = row_of(accelsim.simulate(network, machine("bitmap", mapping=cut, buffers=BUFFERS)), "a")
    outputs = second.activation
    tiles = [outputs[m : m + 8, n:end] for n, end in ((0, 4), (4, 6), (6, 10), (10, 12)) for m in (0, 8, 16)]
    assert row.dram_ofmap_bytes == sum(ceil(encode(tile, "bitmap").bits / 8) for tile in tiles)


def test_operators_by_themselves_read_and_write_compressed_tensors():
    rng = np.random.default_rng(5)
    plane = sparse(rng, 1, 2, 4, 4)
    one, two = (sparse(rng, 2, 2, 1, 1) for _ in range(2))
    layers = [
        GemmTrace.from_conv("a", weight=one, ifmap=sparse(rng, 1, 2, 4, 4)),
        GemmTrace.from_conv("b", weight=two, ifmap=plane),
        GemmTrace.from_conv("c", weight=one, ifmap=sparse(rng, 1, 2, 4, 4)),
    ]
    add = Operator("sum", "add", "b", inputs=64, outputs=32, work=32)
    graph = {"a": [""], "b": ["a"], "sum": ["a", "b"], "c": ["sum"], "": ["c"]}
    report = accelsim.simulate(Workload("net", layers, operators=[add], graph=graph), machine("bitmap"))
    # of the sum's two inputs only a's outputs are known, so that both are read dense; its outputs are c's ifmap
    row, written = row_of(report, "sum"), layers[2].ifmap
    assert (row.dram_ifmap_bytes, row.ifmap_format, row.ofmap_format) == (64, "dense", "bitmap")
    assert row.dram_ofmap_bytes == ceil(encode(written.reshape(1, -1), "bitmap").bits / 8)
    scale = Operator("scale", "mul", "a", inputs=32, outputs=32, work=32)
    graph = {"a": [""], "scale": ["a"], "b": ["a"], "c": ["scale"], "": ["b", "c"]}
    report = accelsim.simulate(Workload("net", layers, operators=[scale], graph=graph), machine("rle"))
    row = row_of(report, "scale")
    assert row.dram_ifmap_bytes == ceil(encode(plane.reshape(1, -1), "rle").bits / 8)
    assert (row.ifmap_format, row.ofmap_format) == ("rle", "rle")


def test_what_has_no_integers_lies_dense_and_is_named():
    network = workloads.load("lenet5")
    dense, packed = (accelsim.simulate(network, machine(f, buffers=BUFFERS)) for f in ("dense", "rle"))
    assert packed.layers.equals(dense.layers)
    assert dense.activation_storage == "activations in DRAM: dense, tiled"
    assert packed.activation_storage == (
        "activations in DRAM: rle, tiled; dense, since their integers are not known: ifmap of conv1, conv2, fc1 and 1 "
        "more, ofmap of conv1, conv2, fc1 and 1 more"
    )
    half = accelsim.simulate(chain(reader_values=False), machine("rle"))
    assert half.activation_storage.endswith("not known: ifmap of fc, ofmap of conv, fc")
    assert '"activation_storage": "activations in DRAM: rle, tiled; dense' in half.to_json()


def test_without_a_graph_no_output_is_known():
    report = accelsim.simulate(replace(chain(), graph={}), machine("bitmap"))
    assert report.layers.ofmap_format.tolist() == ["dense", "dense"]


def test_equal_shapes_before_different_readers_are_not_taken_for_one():
    rng = np.random.default_rng(6)
    shapes = [GemmTrace(name, M=4, N=8, K=8) for name in ("a", "b")]
    readers = [GemmTrace(n, weight=sparse(rng, 2, 8), activation=sparse(rng, 4, 8, density=d)) for n, d in ("cx", "dy")
               for d in ({"x": 0.1, "y": 0.9}[d],)]  # fmt: skip
    graph = {"a": [""], "b": [""], "c": ["a"], "d": ["b"], "": ["c", "d"]}
    report = accelsim.simulate(Workload("net", [*shapes, *readers], graph=graph), machine("bitmap"))
    assert row_of(report, "a").dram_ofmap_bytes < row_of(report, "b").dram_ofmap_bytes


@pytest.mark.parametrize("packing", PACKINGS)
def test_zeros_alone_take_the_least_of_the_format(packing):
    zeros = np.zeros((16, 64), int)
    row = row_of(
        accelsim.simulate(GemmTrace("fc", weight=np.ones((4, 64), int), activation=zeros), machine(packing)), "fc"
    )
    assert row.dram_ifmap_bytes == ceil(encode(zeros, packing).bits / 8)
    assert row.dram_ifmap_bytes == {"bitmap": 128, "rle": 3}[packing]  # 1,024 zeros: one run of 10 bits and a value
    assert row.activation_entries == {"bitmap": 0, "rle": 1}[packing]


def test_energy_is_that_of_fewer_bytes_and_of_coding():
    trace = GemmTrace("fc", weight=np.ones((3, 4), int), activation=[[0, 0, 5, 0], [7, 0, 0, 0]])
    figures = {"dram_core_pj_per_bit": 3.0, "dram_io_pj_per_bit": 1.0}
    reports = [accelsim.simulate(trace, machine(f, energy=figures, buffers=BUFFERS)) for f in ("dense", "bitmap")]
    assert reports[0].energy_dram_access_pj - reports[1].energy_dram_access_pj == pytest.approx((8 - 3) * 8 * 4.0)
    dense, packed = (row_of(report, "fc") for report in reports)
    assert packed.energy_sram_pj == dense.energy_sram_pj  # buffers hold decoded values
    from accelsim.technology.settings import table_of

    decode = float(table_of(None).decode())
    assert packed.energy_index_pj - dense.energy_index_pj == pytest.approx(2 * decode)


def test_packed_groups_are_encoded_together():
    rng = np.random.default_rng(7)
    ifmap = sparse(rng, 1, 8, 5, 5)
    trace = GemmTrace.from_conv("dw", weight=sparse(rng, 8, 1, 2, 2), ifmap=ifmap, groups=8)
    array = {"rows": 16, "cols": 16, "dataflow": "ws", "group_packing": True}
    row = row_of(accelsim.simulate(trace, machine("bitmap", array)), "dw")
    halves = [encode(ifmap[:, c : c + 4].reshape(1, -1), "bitmap").bits for c in (0, 4)]
    assert row.dram_ifmap_bytes == sum(ceil(bits / 8) for bits in halves)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 1), st.sampled_from(PACKINGS), st.sampled_from(["os", "ws", "is"]))
def test_invariants_hold_for_any_density_and_tiling(seed, density, packing, dataflow):
    """`simulate` itself checks that no less than the least crosses; cycles of the array and outputs stay."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(4, 10))
    conv = GemmTrace.from_conv(
        "conv", weight=sparse(rng, 4, 2, 3, 3), ifmap=sparse(rng, 1, 2, size, size, density=density), padding=1
    )
    fc = GemmTrace("fc", weight=sparse(rng, 3, conv.M * 4), activation=sparse(rng, 1, conv.M * 4, density=density))
    network = Workload("net", [conv, fc], graph={"conv": [""], "fc": ["conv"], "": ["fc"]})
    small = {"ifmap_kib": 0.25, "filter_kib": 2, "ofmap_kib": 0.25}
    dense, packed = (
        accelsim.simulate(network, machine(f, {"dataflow": dataflow}, buffers=small), verify=True)
        for f in ("dense", packing)
    )
    assert packed.layers.compute_cycles.tolist() == dense.layers.compute_cycles.tolist()
    assert packed.layers.sram_ifmap_fill_bytes.tolist() == dense.layers.dram_ifmap_bytes.tolist()
    assert packed.layers.sram_ofmap_drain_bytes.tolist() == dense.layers.dram_ofmap_bytes.tolist()


def test_an_unknown_format_is_refused_with_the_ones_that_are():
    with pytest.raises(ConfigError, match=r"tensors\.activation_format is 'csr'.*'dense', 'rle' or 'bitmap'"):
        accelsim.load_hardware(machine("csr"))


@pytest.mark.parametrize("name", ["lenet5", "squeezenet1_0", "lstm_lm"])
def test_dense_activations_are_on_chip_what_they_are_in_dram(name):
    report = accelsim.simulate(workloads.load(name), {**machine(buffers=BUFFERS), "vector": {"lanes": 8}})
    rows = report.layers
    assert rows.sram_ifmap_fill_bytes.tolist() == rows.dram_ifmap_bytes.tolist()
    assert rows.sram_ofmap_drain_bytes.tolist() == rows.dram_ofmap_bytes.tolist()
    assert (rows[["activation_entries", "dram_ifmap_index_bits", "dram_ofmap_index_bits"]] == 0).all(axis=None)
