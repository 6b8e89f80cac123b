"""shift: the array against the plain per-cycle model, the terms it takes apart, and its energy by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim.analysis.dense_baseline import dense_array
from accelsim.arrays.base import Tile
from accelsim.arrays.common.signed_powers import signed_powers
from accelsim.arrays.shift.array import ShiftArray, ShiftProgram
from accelsim.errors import ConfigError, UnsupportedLayerError
from accelsim.hardware.accelerator import load_hardware
from accelsim.trace.gemm import GemmTrace
from tests.references import shift as reference_shift


def trace_of(weight: Any, activation: Any = None, **fields: Any) -> GemmTrace:
    fields = {"weight_bits": 4, "weight_coding": "pow2"} | fields
    return GemmTrace("layer", weight=weight, activation=activation, **fields)


def program(trace: GemmTrace, **fields: Any) -> ShiftProgram:
    return ShiftArray(**fields).program(trace)


def whole(trace: GemmTrace) -> Tile:
    return Tile(0, trace.M, 0, trace.N, 0, trace.K)


sides = st.integers(1, 4)


@given(rows=sides, cols=sides, size=st.tuples(*[st.integers(1, 9)] * 3), terms=sides, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=300, deadline=None)
def test_array_equals_the_per_cycle_model(
    rows: int, cols: int, size: tuple[int, int, int], terms: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    m, n, k = size
    powers = rng.choice([-1, 0, 1], (min(terms, 2), n, k)) << rng.integers(0, 7, (min(terms, 2), n, k))
    weight, activation = powers.sum(axis=0), rng.integers(-128, 128, (m, k))
    cycles, output = reference_shift.run(weight, activation, rows, cols, terms)
    ran = program(trace_of(weight, activation), rows=rows, cols=cols, terms=terms)
    assert ran.work(whole(ran.trace)).cycles == cycles
    np.testing.assert_array_equal(output, activation @ weight.T)
    np.testing.assert_array_equal(ran.functional(), output)


def test_terms_are_the_fewest_signed_powers_of_two() -> None:
    values = np.arange(-300, 301)
    found, rest = signed_powers(values, 6)
    assert not rest.any()
    np.testing.assert_array_equal(found.sum(axis=1), values)
    nonzero = found[found != 0]
    np.testing.assert_array_equal(np.abs(nonzero) & (np.abs(nonzero) - 1), 0)
    for value in (0, 1, 3, 7, 11, 45, 170, -219):
        assert np.count_nonzero(found[value + 300]) == len(reference_shift.fewest_terms(value))


def test_terms_at_the_end_of_the_range() -> None:
    values = np.array([2**62, -(2**62), 2**62 - 1, 0x2AAAAAAAAAAAAAAA], np.int64)
    found, rest = signed_powers(values, 10**9)
    assert not rest.any()
    np.testing.assert_array_equal(np.count_nonzero(found, axis=1), [1, 1, 2, 31])
    np.testing.assert_array_equal(found.sum(axis=1), values)


def test_convolution_with_padding_groups_and_dilation() -> None:
    rng = np.random.default_rng(2)
    weight = rng.choice([-1, 0, 1], (6, 2, 3, 3)) << rng.integers(0, 7, (6, 2, 3, 3))
    ifmap = rng.integers(-8, 8, (2, 4, 7, 6))
    trace = GemmTrace.from_conv(
        "c", weight=weight, ifmap=ifmap, padding=2, dilation=2, groups=2, weight_bits=4, weight_coding="pow2"
    )
    machine = {"name": "s", "array": {"kind": "shift", "rows": 3, "cols": 2}}
    assert accelsim.simulate(trace, machine, verify=True).outputs["c"].shape == (2 * 7 * 6, 6)


def test_functional_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelsim.arrays.common.slices.SLICE_ELEMENTS", 40)
    rng = np.random.default_rng(3)
    weight, x = rng.choice([-3, 0, 1, 6], (11, 7)), rng.integers(-9, 9, (13, 7))
    np.testing.assert_array_equal(program(trace_of(weight, x), terms=2).functional(), x @ weight.T)


def test_weights_of_more_terms_are_refused_by_place() -> None:
    weight = np.array([[1, 6], [2, 11]])
    with pytest.raises(UnsupportedLayerError, match=r"weight 11 of filter 1 at k 1 is no sum of 2"):
        program(trace_of(weight, M=1), terms=2)
    assert program(trace_of(weight, M=1), terms=3).steps(2) == 6


def test_other_codings_go_to_the_fallback() -> None:
    uniform = GemmTrace("layer", weight=[[1, 2]], activation=[[3, 4]])
    machine = {"name": "s", "array": {"kind": "shift"}}
    with pytest.raises(UnsupportedLayerError, match="uniform; pow2"):
        accelsim.simulate(uniform, machine)
    fallback = {"kind": "systolic", "rows": 2, "cols": 2, "dataflow": "os"}
    report = accelsim.simulate(uniform, machine | {"fallback": fallback}, verify=True)
    assert report.layers.iloc[0]["array"] == "systolic"


def test_a_weight_is_stored_in_a_code_a_term() -> None:
    ran = program(trace_of([[1, 3, 0]], M=1), terms=2)
    assert ran.weight_bits(0, 1, 0, 3) == 3 * 2 * 4
    assert ran.work(whole(ran.trace)).counts["sram_filter_reads"] == 3 * 2


def test_cut_k_pays_the_fill_again() -> None:
    ran = program(GemmTrace("a", M=5, N=7, K=10, weight_bits=4, weight_coding="pow2"), rows=2, cols=4, terms=3)
    parts = [ran.work(Tile(0, 5, 0, 7, k, k + 5)) for k in (0, 5)]
    assert [part.cycles for part in parts] == [3 * 2 * (15 + 4)] * 2
    assert ran.work(whole(ran.trace)).cycles == 3 * 2 * (30 + 4)
    assert [part.counts["sram_psum_reads"] for part in parts] == [0, 35]
    assert ran.spills_psums(5)
    assert not ran.spills_psums(10)


def test_dense_baseline_has_as_many_whole_macs() -> None:
    array = ShiftArray(rows=8, cols=4, terms=2)
    assert array.peak_macs == 32
    dense = dense_array(array, 4, 8)
    assert dense.rows * dense.cols == 16


@pytest.mark.parametrize("dataflow", ["ws", "is"])
def test_another_dataflow_is_refused_by_name(dataflow: str) -> None:
    with pytest.raises(ConfigError, match=r"array\.dataflow is '.s'"):
        load_hardware({"name": "s", "array": {"kind": "shift", "dataflow": dataflow}})


@pytest.mark.parametrize(("name", "terms"), [("shift-16x16", 1), ("shift-16x16-2terms", 2)])
def test_shipped_machines_load(name: str, terms: int) -> None:
    array = load_hardware(f"lowbit/{name}").array
    assert isinstance(array, ShiftArray)
    assert (array.peak_macs, array.terms) == (256, terms)


def test_shifter_is_as_wide_as_its_results() -> None:
    """3 exponent bits: 3 stages on 8 + 7 bits; more exponent bits than the accumulator has places are not built."""
    assert ShiftArray().shifter_gates(4, 8) == 3 * 15
    assert ShiftArray(accumulator_bits=16).shifter_gates(12, 8) == 4 * 16
    assert ShiftArray().shifter_gates(1, 8) == 0


def test_an_exponent_that_the_code_does_not_have_is_refused() -> None:
    said = "a weight is 32 or its negative, and codes of 3 bits end at 2\\^3; at most 2 of them"
    with pytest.raises(UnsupportedLayerError, match=said):
        program(trace_of([[1, -32]], M=1, weight_bits=3), terms=2)
    assert program(trace_of([[1, -16]], M=1, weight_bits=3), terms=2).steps(2) == 4
