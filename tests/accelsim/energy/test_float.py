"""Floating-point formats: their traffic, their MACs by hand from Horowitz's figures, and who refuses them."""

from __future__ import annotations

from dataclasses import replace
from math import log
from typing import Any

import numpy as np
import pytest

import accelsim
import workloads
from accelsim.errors import TraceError, UnsupportedLayerError
from accelsim.technology.table import default_table
from accelsim.trace.gemm import GemmTrace

ARRAY = {"kind": "systolic", "rows": 4, "cols": 4}
MACHINE: dict[str, Any] = {"name": "dense", "array": ARRAY}
LAYER = GemmTrace("layer", weight=np.arange(-20, 20).reshape(5, 8) // 3, activation=np.arange(24).reshape(3, 8))
MACS = 3 * 5 * 8


@pytest.mark.parametrize(
    ("name", "bits", "mac_pj"),
    [
        ("fp32", 32, 3.7 + 0.9),
        ("fp16", 16, 1.1 + 0.9),  # sums are of the accumulator's 32 bits
        ("bf16", 16, 1.1 * (8 / 11) ** (log(3.7 / 1.1) / log(24 / 11)) + 0.9),
        ("fp8_e4m3", 8, 1.1 * (4 / 11) ** (log(3.7 / 1.1) / log(24 / 11)) + 0.9),
        ("fp8_e5m2", 8, 1.1 * (3 / 11) ** (log(3.7 / 1.1) / log(24 / 11)) + 0.9),
        ("e2m1", 4, 1.1 * (2 / 11) ** (log(3.7 / 1.1) / log(24 / 11)) + 0.9),
    ],
)
def test_traffic_and_macs_are_the_formats(name: str, bits: int, mac_pj: float) -> None:
    row = accelsim.simulate(replace(LAYER, weight_coding="float", float_format=name), MACHINE).layers.iloc[0]
    assert row["energy_mac_pj"] == pytest.approx(MACS * mac_pj)
    assert (row["dram_weight_bytes"], row["dram_ifmap_bytes"]) == (40 * bits // 8, 24 * bits // 8)
    assert (row["weight_bits"], row["activation_bits"], row["float_format"]) == (bits, bits, name)


def test_sums_of_sixteen_bits_are_fp16() -> None:
    trace = replace(LAYER, weight_coding="float", float_format="fp16")
    row = accelsim.simulate(trace, {"name": "half", "array": ARRAY | {"accumulator_bits": 16}}).layers.iloc[0]
    assert row["energy_mac_pj"] == pytest.approx(MACS * (1.1 + 0.4))


def test_area_is_that_of_floating_point_macs() -> None:
    """A MAC of FP32 has 7700 + 4184 µm², one of INT8 282 + 137; registers are as wide as the operands."""
    wide = accelsim.simulate(replace(LAYER, weight_coding="float"), MACHINE).area["array"]
    narrow = accelsim.simulate(LAYER, MACHINE).area["array"]
    assert wide == pytest.approx(16 * (7700 + 4184 + (32 + 32 + 32) * 4.5))
    assert narrow == pytest.approx(16 * (282 + 137 + (8 + 8 + 32) * 4.5))


def test_other_formats_lie_on_the_law_through_both_figures() -> None:
    table = default_table()
    for unit in ("pj", "um2"):
        costs = [
            table.of_format(name).multiply(8, 8, unit) for name in ("fp8_e5m2", "fp8_e4m3", "bf16", "fp16", "fp32")
        ]
        assert costs == sorted(costs)
        law = float(table.of_format("e8m9").multiply(1, 1, unit))
        half, single = (float(table.of_format(name).multiply(1, 1, unit)) for name in ("fp16", "fp32"))
        share = log(10 / 11) / log(24 / 11)
        assert law == pytest.approx(half * (single / half) ** share)
    assert "Horowitz" in table.sources_of(table.of_format("bf16").multiply(16, 16).formula)[0]


def test_int8_against_fp32_is_a_measured_row() -> None:
    """LeNet-5 on the same array: four times the traffic of weights, and MACs of 4.6 pJ in place of 0.3."""
    network = workloads.load("lenet5")
    rows = [accelsim.simulate(w, "dense/os-16x16") for w in (network, network.in_float("fp32"))]
    energy = [float(report.layers["energy_mac_pj"].sum()) for report in rows]
    assert energy[1] / energy[0] == pytest.approx(4.6 / 0.3)
    weights = [int(report.layers["dram_weight_bytes"].sum()) for report in rows]
    assert weights[1] == pytest.approx(4 * weights[0], rel=0.3)
    assert set(rows[1].layers["float_format"]) == {"fp32"}
    assert "float_format" not in rows[0].layers
    assert rows[1].energy_pj > 2 * rows[0].energy_pj
    assert rows[1].cycles > rows[0].cycles
    assert rows[1].area_um2 > rows[0].area_um2


@pytest.mark.parametrize(
    "array",
    [
        {"kind": "adder"}, {"kind": "ternary"}, {"kind": "shift"}, {"kind": "bitserial"},
        {"kind": "xnor", "multi_bit": True}, {"kind": "csr_rows", "mac": "shift"},
    ],
)  # fmt: skip
def test_arrays_without_multipliers_refuse(array: dict[str, Any]) -> None:
    trace = GemmTrace("layer", weight=np.ones((2, 8), int), M=3, weight_coding="float")
    with pytest.raises(UnsupportedLayerError):
        accelsim.simulate(trace, {"name": "low", "array": array})


@pytest.mark.parametrize("kind", ["csr_rows", "eie", "cambricon_x", "sticker", "nm_sparse", "scnn"])
def test_sparse_arrays_skip_the_zeros_of_floats_too(kind: str) -> None:
    rng = np.random.default_rng(0)
    weight = rng.integers(1, 9, (8, 4, 3, 3)) * (np.arange(36).reshape(4, 3, 3) % 4 == 0)
    ifmap = rng.integers(0, 3, (1, 4, 9, 9))
    trace = GemmTrace.from_conv("layer", weight=weight, ifmap=ifmap, weight_bits=32, activation_bits=32)
    single = replace(trace, weight_coding="float")
    rows = [accelsim.simulate(t, {"name": "a", "array": {"kind": kind}}).layers.iloc[0] for t in (trace, single)]
    for column in ("cycles", "macs_effectual", "macs_executed", "dram_bytes"):
        assert rows[0][column] == rows[1][column], column
    assert rows[0]["energy_mac_pj"] != rows[1]["energy_mac_pj"]


def test_verify_refuses_and_names_are_checked() -> None:
    with pytest.raises(TraceError, match="layer 'layer' is in fp32, which has a cost and no values"):
        accelsim.simulate(replace(LAYER, weight_coding="float"), MACHINE, verify=True)
    with pytest.raises(TraceError, match="float_format is 'fp23'; did you mean 'fp32'"):
        replace(LAYER, weight_coding="float", float_format="fp23")
    with pytest.raises(TraceError, match="float_format is 'e8m40'"):
        replace(LAYER, weight_coding="float", float_format="e8m40")
    with pytest.raises(TraceError, match="float_format of uniform weights is 'fp32'"):
        replace(LAYER, float_format="fp32")


def test_a_float_layer_may_become_integers_again() -> None:
    single = replace(LAYER, weight_coding="float")
    back = replace(single, weight_coding="uniform", float_format=None, weight_bits=8, activation_bits=8)
    assert (back.weight_bits, back.float_format) == (8, None)
    np.testing.assert_array_equal(back.weight, LAYER.weight)
