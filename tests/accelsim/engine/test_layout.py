"""Tensors that lie whole in DRAM: bursts by hand, against a plain count of every element, and laws."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
import workloads
from accelsim.errors import ConfigError
from accelsim.memory.base import Bursts, Transfer
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.operator import Operator
from accelsim.trace.workload import Workload

BUFFERS = {"ifmap_kib": 64, "filter_kib": 64, "ofmap_kib": 64}
DDR = {"model": "bank", "device": "ddr4-2400"}
LAYOUTS = ("nchw", "nhwc")


def machine(layout="tiled", array=None, **parts):
    array = {"kind": "systolic", "rows": 4, "cols": 4, "dataflow": "os", **(array or {})}
    return {"name": "check", "array": array, "tensors": {"layout": layout}, "buffers": BUFFERS, **parts}


def row_of(report, name):
    return report.layers.set_index("name").loc[name]


def test_a_convolution_by_hand():
    # 4 channels of 16x16 bytes, tiles of four output rows of 14 under a 3x3 kernel: six rows of ifmap
    trace = GemmTrace.from_conv("conv", weight=(8, 4, 3, 3), ifmap=(1, 4, 16, 16))
    cut = {"m": 56, "n": 8, "k": 36, "order": "NMK"}
    tiled, nchw, nhwc = (
        row_of(accelsim.simulate(trace, machine(layout, mapping=cut)), "conv") for layout in ("tiled", *LAYOUTS)
    )
    assert tiled.dram_ifmap_bytes == 4 * (6 + 6 + 6 + 4) * 16
    # nchw: rows 0-5, 4-9, 8-13, 12-15 of each plane, four rows a burst: 2, 2, 2 and 1 of them
    assert nchw.dram_ifmap_bytes == 4 * (2 + 2 + 2 + 1) * 64
    # nhwc: a row of the image is 16 pixels of 4 bytes, one burst
    assert nhwc.dram_ifmap_bytes == (6 + 6 + 6 + 4) * 64
    # ofmap, nchw: 196 bytes a plane, from 0 on by plane: runs of 56, 56, 56 and 28 bytes
    planes = [[(196 * n + a) // 64 for a in (0, 56, 112, 168)] for n in range(8)]
    ends = [[(196 * n + b - 1) // 64 for b in (56, 112, 168, 196)] for n in range(8)]
    tiles = [{burst for n in range(8) for burst in range(planes[n][t], ends[n][t] + 1)} for t in range(4)]
    assert nchw.dram_ofmap_bytes == 64 * sum(map(len, tiles))
    assert nhwc.dram_ofmap_bytes == (7 + 7 + 7 + 4) * 64  # 448, 448, 448 and 224 bytes in one row, from 0, 448 ... on
    for row in (nchw, nhwc):
        assert row.sram_ifmap_fill_bytes == tiled.dram_ifmap_bytes
        assert row.sram_ofmap_drain_bytes == tiled.dram_ofmap_bytes


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_matrix_is_row_major(layout):
    # rows of 100 bytes, tiles of 4 rows and 50 columns: bytes 0-49, 100-149, 200-249, 300-349 of the first are bursts
    # 0, 1-2, 3, 4-5; bytes 50-99, 150-199, 250-299, 350-399 of the second are 0-1, 2-3, 3-4, 5-6
    trace = GemmTrace("fc", M=4, N=4, K=100)
    cut = {"m": 4, "n": 4, "k": 50, "order": "NMK"}
    row = row_of(accelsim.simulate(trace, machine(layout, mapping=cut)), "fc")
    assert row.dram_ifmap_bytes == 64 * (6 + 7)
    assert row.dram_ofmap_bytes == 64


def touched_bursts(trace, layout, group, part, burst):
    """Bursts of a tile, element by element."""
    m0, m1, k0, k1 = part
    conv, bits, bursts = trace.conv, trace.activation_bits, set()
    for m in range(m0, m1):
        for k in range(k0, k1):
            if conv is None:
                e = m * trace.groups * trace.K + group * trace.K + k
            else:
                image, pixel = divmod(m, conv.out_height * conv.out_width)
                oy, ox = divmod(pixel, conv.out_width)
                c, tap = divmod(int(conv.full_k(k, k + 1)[0]), conv.taps)
                r, s = divmod(tap, conv.kernel[1])
                y = oy * conv.stride[0] - conv.padding[0] + r * conv.dilation[0]
                x = ox * conv.stride[1] - conv.padding[1] + s * conv.dilation[1]
                if not (0 <= y < conv.height and 0 <= x < conv.width):
                    continue
                c, of = group * conv.channels + c, trace.groups * conv.channels
                sizes = ((image * of + c) * conv.height + y) * conv.width + x
                e = sizes if layout == "nchw" else ((image * conv.height + y) * conv.width + x) * of + c
            bursts |= {e * bits // (8 * burst), ((e + 1) * bits - 1) // (8 * burst)}
    return bursts


@st.composite
def layers(draw):
    groups, bits = draw(st.sampled_from([1, 1, 2, 3])), draw(st.sampled_from([1, 3, 4, 8, 16]))
    if draw(st.booleans()):
        sizes = {d: draw(st.integers(1, 40)) for d in "MNK"}
        return GemmTrace("a", **sizes, groups=groups, activation_bits=bits)
    side, channels = draw(st.integers(3, 9)), draw(st.integers(1, 5))
    kernel = draw(st.integers(1, 3))
    return GemmTrace.from_conv(
        "a", weight=(groups * draw(st.integers(1, 9)), channels, kernel, kernel), groups=groups,
        ifmap=(draw(st.integers(1, 2)), channels * groups, side, side), stride=draw(st.integers(1, 2)),
        padding=draw(st.integers(0, 1)), activation_bits=bits,
    )  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(layers(), st.sampled_from(LAYOUTS), st.data())
def test_bursts_of_tiles_are_those_that_hold_their_elements(trace, layout, data):
    cut = {"m": 4 * data.draw(st.integers(1, 4)), "n": 4, "k": data.draw(st.integers(1, trace.K)), "order": "NMK"}
    array = {"accumulator_bits": 64}
    report = accelsim.simulate(
        trace, machine(layout, array, mapping=cut, dram={"model": "ideal", "energy_of": "lpddr4-2400-1chip"})
    )
    row, burst = row_of(report, "a"), 32
    columns = [(k, min(k + cut["k"], trace.K)) for k in range(0, trace.K, cut["k"])]
    rows = [(m, min(m + cut["m"], trace.M)) for m in range(0, trace.M, cut["m"])]
    places = [(*a, *b) for a in rows for b in columns]
    times = -(-trace.N // 4) if len(places) > 1 else 1  # the only tile of all stays in its buffer
    bursts = sum(len(touched_bursts(trace, layout, g, place, burst)) for g in range(trace.groups) for place in places)
    assert row.dram_ifmap_bytes == burst * bursts * times
    written = row.dram_ofmap_bytes
    assert written % burst == 0
    assert written >= row.sram_ofmap_drain_bytes


@pytest.mark.parametrize("name", ["lenet5", "mobilenet_v2", "transformer_encoder", "lstm_sentiment"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_layout_moves_less_than_what_is_useful(name, layout):
    tiled, placed = (
        accelsim.simulate(workloads.load(name), machine(one, vector={"lanes": 8})) for one in ("tiled", layout)
    )
    assert placed.layers.compute_cycles.tolist() == tiled.layers.compute_cycles.tolist()
    assert placed.layers.sram_ifmap_fill_bytes.tolist() == tiled.layers.dram_ifmap_bytes.tolist()
    assert placed.layers.sram_ofmap_drain_bytes.tolist() == tiled.layers.dram_ofmap_bytes.tolist()
    assert (placed.layers.dram_ifmap_bytes >= tiled.layers.dram_ifmap_bytes).all()
    assert (placed.layers.dram_ofmap_bytes >= tiled.layers.dram_ofmap_bytes).all()
    assert placed.layers.dram_weight_bytes.tolist() == tiled.layers.dram_weight_bytes.tolist()


def test_the_bank_model_sees_the_rows_of_a_tile():
    """Planes that lie 1 MiB apart are in rows of their own, a tile that lies in one row is not."""
    trace = GemmTrace.from_conv("conv", weight=(4, 16, 1, 1), ifmap=(1, 16, 64, 1024))
    cut = {"m": 1024, "n": 4, "k": 16, "order": "NMK"}
    reports = [accelsim.simulate(trace, machine(layout, mapping=cut, dram=DDR)) for layout in ("tiled", "nchw")]
    tiled, nchw = (row_of(report, "conv") for report in reports)
    assert nchw.dram_ifmap_bytes == tiled.dram_ifmap_bytes  # whole bursts, all of them useful
    assert nchw.dram_requests == tiled.dram_requests
    assert nchw.dram_activates > 2 * tiled.dram_activates
    assert nchw.cycles > tiled.cycles


@pytest.mark.parametrize("device", ["ddr4-2400", "hbm2-2000"])
def test_bursts_in_one_row_take_as_long_as_the_same_bytes(device):
    dram = accelsim.load_hardware(machine(dram={"model": "bank", "device": device})).dram
    ends = []
    for bursts in (None, Bursts.of(np.arange(7, 71))):
        kernel, size = dram.kernel(800.0), dram.burst_bytes
        kernel.submit(0, Transfer("ifmap", 64 * size, False, 7 * size if bursts is None else 0, bursts), 0)
        kernel.submit(1, Transfer("ofmap", 8 * size, True, 0), 3)
        ends.append([kernel.advance(float("inf")) for _ in range(2)])
        kernel.close(10_000)
        ends[-1].append(kernel.counts())
    assert ends[0] == ends[1]


def test_operators_by_themselves_go_through_their_tensors():
    scale = Operator("scale", "mul", "a", inputs=1000, outputs=1000, work=1000)
    layer = GemmTrace("a", M=10, N=100, K=8)
    network = Workload("net", [layer], operators=[scale])
    row = row_of(accelsim.simulate(network, machine("nchw", vector={"lanes": 8}, dram=DDR)), "scale")
    edges = [1000 * i // 8 for i in range(9)]  # eight tiles, that loading and computing overlap
    bursts = sum((b - 1) // 64 - a // 64 + 1 for a, b in pairwise(edges))
    assert (row.dram_ifmap_bytes, row.dram_ofmap_bytes) == (64 * bursts, 64 * bursts)
    assert (row.sram_ifmap_fill_bytes, row.sram_ofmap_drain_bytes) == (1000, 1000)


def test_what_is_on_chip_in_part_comes_in_part():
    cat = Operator("cat", "concat", "b", inputs=0, outputs=0, work=0)
    first, second = GemmTrace("a", M=32, N=16, K=64), GemmTrace("b", M=32, N=64, K=16)
    graph = {"a": [""], "b": ["a"], "cat": ["a", "b"], "c": ["cat"], "": ["c"]}
    network = Workload("net", [first, second, GemmTrace("c", M=32, N=64, K=80)], operators=[cat], graph=graph)
    small = {"ifmap_kib": 1, "filter_kib": 64, "ofmap_kib": 2, "keep_on_chip": True}
    report = accelsim.simulate(network, machine("nhwc", vector={"lanes": 8}) | {"buffers": small})
    rows = report.layers.set_index("name")
    assert rows.dram_ofmap_bytes["a"] == 0
    assert rows.dram_ifmap_bytes["c"] >= rows.sram_ifmap_fill_bytes["c"] > 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_of_a_network_on_chip_the_image_and_the_scores_alone_cross(layout):
    big = {"ifmap_kib": 65536, "filter_kib": 65536, "ofmap_kib": 65536, "keep_on_chip": True}
    network = workloads.load("resnet18")
    tiled, placed = (
        accelsim.simulate(network, machine(one, vector={"lanes": 8}) | {"buffers": big}) for one in ("tiled", layout)
    )
    assert (tiled.traffic.ifmap, tiled.traffic.ofmap) == (150_528, 1000)
    assert (placed.traffic.ifmap, placed.traffic.ofmap) == (150_528, 1024)


def test_a_depthwise_layer_in_nhwc_fetches_a_burst_for_each_pixel_of_each_channel():
    # 2x2 pixels of 128 channels: a pixel is two bursts of 64, and a channel's four pixels lie in four bursts
    trace = GemmTrace.from_conv("dw", weight=(128, 1, 1, 1), ifmap=(1, 128, 2, 2), groups=128)
    nchw, nhwc = (row_of(accelsim.simulate(trace, machine(layout)), "dw") for layout in LAYOUTS)
    assert nchw.dram_ifmap_bytes == nchw.dram_ofmap_bytes == 128 * 64
    assert nhwc.dram_ifmap_bytes == nhwc.dram_ofmap_bytes == 128 * 4 * 64


def test_runs_of_bursts_are_requests_in_their_order():
    """A device with banks serves them as a replay of their addresses does: as many rows, hits and reads."""
    from accelsim.memory.dram import replay

    numbers = np.concatenate([np.arange(start, start + 5) for start in range(0, 4000, 130)])
    dram = accelsim.load_hardware(machine(dram=DDR)).dram
    kernel = dram.kernel(1200.0)
    kernel.submit(0, Transfer("ifmap", 64 * numbers.size, False, 0, Bursts.of(numbers)), 0)
    end, _ = kernel.advance(float("inf"))
    kernel.close(end)
    counts, stats = kernel.counts(), replay(numbers * 64, np.zeros(numbers.size, bool), "ddr4-2400")
    assert counts["dram_requests"] == counts["dram_reads"] == numbers.size
    assert (counts["dram_activates"], counts["dram_row_hits"]) == (stats.activates, stats.row_hits)
    assert abs(end - stats.cycles) <= 4  # a cycle of the array is a clock of the device


def test_compressed_tensors_have_no_layout():
    with pytest.raises(ConfigError, match=r"activation_format is 'rle' and tensors\.layout 'nchw'; compressed tiles"):
        accelsim.load_hardware({**machine(), "tensors": {"layout": "nchw", "activation_format": "rle"}})


def test_the_burst_is_the_devices():
    def burst(dram):
        return accelsim.load_hardware(machine(dram=dram)).dram.burst_bytes

    assert burst({"model": "bank", "device": "lpddr4-2400"}) == 128
    assert burst({"model": "bandwidth", "gbps": 8.0, "energy_of": "lpddr4-2400-1chip"}) == 32
    assert burst({"model": "bandwidth", "gbps": 8.0}) == burst({"model": "ideal"}) == 64
