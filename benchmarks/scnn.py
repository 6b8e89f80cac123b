"""The SCNN kernel against the plain per-cycle model on a part of a layer, and AlexNet's convolutions whole."""

from __future__ import annotations

import numpy as np

import accelsim
from accelsim import GemmTrace
from accelsim.arrays.scnn.array import ScnnArray
from benchmarks.timing import ratio, seconds
from tests.accelsim.arrays.test_scnn_golden import ALEXNET
from tests.references import scnn as reference_scnn


def measure() -> str:
    """8 channels and 16 filters of conv3 for the ratio; conv1 to conv5 at density 1, exact bank conflicts, reports."""
    rng = np.random.default_rng(0)
    weight, ifmap = rng.integers(1, 9, (16, 8, 3, 3)), rng.integers(1, 9, (1, 8, 13, 13))
    hardware = accelsim.load_hardware({"name": "bench", "array": {"kind": "scnn"}})
    array = ScnnArray()
    vectors = (array.ifmap_vector, array.filter_vector)
    machine = reference_scnn.Machine((8, 8), vectors, array.banks, array.accumulators, array.barrier)
    layer = reference_scnn.Layer(ifmap, weight, (1, 1), (1, 1), (1, 1))
    part = GemmTrace.from_conv("part", weight=weight, ifmap=ifmap, padding=1)
    slow = seconds(lambda: reference_scnn.run(layer, machine), runs=1)
    text = ratio(
        "part of conv3, whole report", slow, seconds(lambda: accelsim.simulate(part, hardware)), "per-cycle model"
    )
    return f"{text}; AlexNet conv1-5: {seconds(lambda: accelsim.simulate(_alexnet(rng), hardware)):.2f} s"


def _alexnet(rng: np.random.Generator) -> list[GemmTrace]:
    traces = []
    for name, (weight, ifmap, stride, padding) in ALEXNET.items():
        values = {"weight": rng.integers(1, 9, weight), "ifmap": rng.integers(1, 9, ifmap)}
        groups = ifmap[1] // weight[1]
        traces.append(GemmTrace.from_conv(name, **values, stride=stride, padding=padding, groups=groups))
    return traces
