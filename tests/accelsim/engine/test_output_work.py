"""Work of the vector unit that number formats ask for: zero points, requantization, scales of filters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import accelsim
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.operator import Operator
from accelsim.trace.workload import Workload

MACHINE = {"name": "dense", "array": {"kind": "systolic", "rows": 8, "cols": 8}, "vector": {"lanes": 4}}
BUFFERS = {"ifmap_kib": 8, "filter_kib": 8, "ofmap_kib": 8}
ZERO = {"activation_zero_point": 9, "activation_signed": False}


def row(trace: Any, **machine: Any) -> Any:
    return accelsim.simulate(trace, {**MACHINE, **machine}).layers.iloc[0]


def test_a_zero_point_costs_a_subtraction_an_output_and_an_operation_a_filter() -> None:
    """20 × 12 outputs in 2 groups of 6 filters; their sums are 12 numbers of 32 bits."""
    sizes: dict[str, Any] = {"M": 20, "N": 6, "K": 30, "groups": 2}
    plain, shifted = row(GemmTrace("a", **sizes)), row(GemmTrace("a", **sizes, **ZERO))
    assert plain["vector_operations"] == 0
    assert shifted["vector_operations"] == 20 * 12 + 12
    assert shifted["dram_weight_bytes"] - plain["dram_weight_bytes"] == 12 * 4
    assert shifted["compute_cycles"] == plain["compute_cycles"]
    assert shifted["cycles"] > plain["cycles"]
    assert shifted["energy_vector_pj"] > plain["energy_vector_pj"] == 0


def test_sums_of_a_second_activation_are_made_in_every_run() -> None:
    trace = GemmTrace("scores", M=5, N=7, K=11, groups=3, kind="attention", **ZERO)
    assert row(trace)["vector_operations"] == 3 * 5 * 7 + 3 * 7 * 11


def test_requantization_is_charged_where_the_machine_says_so() -> None:
    """A multiply, a shift and a clip an output, one multiplier a filter; both on top of a zero point."""
    trace = GemmTrace("a", M=20, N=6, K=30, **ZERO)
    shifted, both = row(trace), row(trace, vector={"lanes": 4, "requantize": True})
    assert both["vector_operations"] - shifted["vector_operations"] == 3 * 120
    assert both["dram_weight_bytes"] - shifted["dram_weight_bytes"] == 6 * 4
    assert both["operators"] == "zero_point+requantize"


def test_scales_of_binary_filters_are_a_part_of_requantization() -> None:
    binary = GemmTrace("a", M=4, N=3, K=64, weight_bits=1, activation_bits=1, weight_coding="binary")
    machine = {"name": "xnor", "array": {"kind": "xnor", "rows": 4, "cols": 4}, "vector": {"requantize": True}}
    layer = accelsim.simulate(binary, machine).layers.iloc[0]
    assert layer["vector_operations"] == 3 * 12
    assert layer["dram_weight_bytes"] == 3 * 64 // 8 + 3 * 4


def test_a_network_that_quantizes_by_itself_does_so_once() -> None:
    trace = GemmTrace("a", M=20, N=6, K=30)
    own = Operator("q", "quantize", "a", 120, 120, 360, fused=True)
    workload = Workload("net", (trace,), operators=(own,))
    assert row(workload, vector={"requantize": True})["vector_operations"] == 360


@pytest.mark.parametrize("more", [{"keep_on_chip": True}, {"weights_resident": True}, {}])
def test_it_runs_with_what_is_fused_and_whatever_stays_on_chip(more: dict[str, bool]) -> None:
    rng = np.random.default_rng(0)
    first = GemmTrace("a", weight=rng.integers(-8, 8, (16, 32)), activation=rng.integers(-9, 99, (8, 32)), **ZERO)
    second = GemmTrace("b", weight=rng.integers(-8, 8, (4, 16)), activation=rng.integers(-9, 99, (8, 16)), **ZERO)
    relu = Operator("relu", "relu", "a", 128, 128, 128, fused=True)
    graph = {"a": [""], "relu": ["a"], "b": ["relu"], "": ["b"]}
    workload = Workload("net", (first, second), operators=(relu,), graph=graph)
    machine = {**MACHINE, "buffers": BUFFERS | more, "vector": {"requantize": True}}
    report = accelsim.simulate(workload, machine, verify=True)
    assert list(report.layers["vector_operations"]) == [128 * 5 + 16, 32 * 4 + 4]
    assert list(report.layers["operators"]) == ["zero_point+requantize+relu", "zero_point+requantize"]
