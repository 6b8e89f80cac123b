"""xnor: the array against the plain per-cycle model, masked padding, and its energy by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim.arrays.base import Tile
from accelsim.arrays.common.packed_words import pack, popcount_adders
from accelsim.arrays.xnor.array import XnorArray, XnorProgram
from accelsim.arrays.xnor.kernels import ones
from accelsim.errors import ConfigError, UnsupportedLayerError
from accelsim.hardware.accelerator import load_hardware
from accelsim.technology.table import default_table
from accelsim.trace.gemm import GemmTrace
from tests.references import xnor as reference_xnor

BITS = {"weight_bits": 1, "activation_bits": 1, "weight_coding": "binary"}


def trace_of(weight: Any, activation: Any = None, **fields: Any) -> GemmTrace:
    return GemmTrace("layer", weight=weight, activation=activation, **(BITS | fields))


def program(trace: GemmTrace, **fields: Any) -> XnorProgram:
    return XnorArray(**fields).program(trace)


def whole(trace: GemmTrace) -> Tile:
    return Tile(0, trace.M, 0, trace.N, 0, trace.K)


def signs(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    return rng.choice([-1, 1], shape)


sides = st.integers(1, 4)


@given(
    rows=sides,
    cols=sides,
    size=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 200)),
    word_bits=st.sampled_from([1, 3, 8, 32, 64, 65, 128, 1000]),
    padded=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=300, deadline=None)
def test_array_equals_the_per_cycle_model(
    rows: int, cols: int, size: tuple[int, int, int], word_bits: int, padded: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    m, n, k = size
    weight, activation = signs((n, k), rng), signs((m, k), rng) * (rng.random((m, k)) >= padded)
    cycles, output = reference_xnor.run(weight, activation, rows, cols, word_bits)
    ran = program(trace_of(weight, activation), rows=rows, cols=cols, word_bits=word_bits)
    assert ran.work(whole(ran.trace)).cycles == cycles
    np.testing.assert_array_equal(output, activation @ weight.T)
    np.testing.assert_array_equal(ran.functional(), output)


def test_ones_of_a_word() -> None:
    rng = np.random.default_rng(0)
    for value in [0, 1, 2**63, 2**64 - 1, *(int(v) for v in rng.integers(0, 2**64, 200, dtype=np.uint64))]:
        assert int(ones(np.uint64(value))) == value.bit_count()


def test_words_are_whole_limbs() -> None:
    bits = np.ones((2, 70), bool)
    assert pack(bits, 64).tolist() == [[2**64 - 1, 2**6 - 1]] * 2
    assert pack(bits, 40).tolist() == [[2**40 - 1, 2**30 - 1]] * 2
    assert pack(bits, 65).tolist() == [[2**64 - 1, 1, 2**5 - 1, 0]] * 2


def test_operands_may_lie_column_by_column() -> None:
    rng = np.random.default_rng(8)
    weight, activation = signs((128, 5), rng).T, signs((128, 3), rng).T
    ran = program(trace_of(weight, activation), word_bits=64)
    np.testing.assert_array_equal(ran.functional(), activation @ weight.T)


def test_words_of_one_bit_cost_the_same_whatever_bits_are_asked_for() -> None:
    table = default_table()
    (word,) = XnorArray().operations(table, 8, 8)
    assert word == XnorArray().operations(table, 1, 1)[0]
    assert len(XnorArray(multi_bit=True).operations(table, 8, 8)) == 3


@pytest.mark.parametrize("geometry", [{"padding": 1}, {"padding": 2, "dilation": 2}, {"padding": 2, "stride": 2}])
def test_padding_is_neither_sign(geometry: dict[str, int]) -> None:
    """Batch, groups, stride and dilation, against a convolution over a zero-padded ifmap."""
    rng = np.random.default_rng(2)
    weight, ifmap = signs((6, 3, 3, 3), rng), signs((2, 6, 7, 6), rng)
    trace = GemmTrace.from_conv("c", weight=weight, ifmap=ifmap, groups=2, **geometry, **BITS)
    machine = {"name": "x", "array": {"kind": "xnor", "rows": 3, "cols": 2, "word_bits": 16}}
    report = accelsim.simulate(trace, machine, verify=True)
    x = trace.activation
    expected = [x[:, g * 27 : (g + 1) * 27] @ weight[g * 3 : (g + 1) * 3].reshape(3, -1).T for g in range(2)]
    assert (x == 0).any()
    np.testing.assert_array_equal(report.outputs["c"], np.concatenate(expected, axis=1))


def test_functional_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelsim.arrays.common.slices.SLICE_ELEMENTS", 200)
    rng = np.random.default_rng(3)
    weight, x = signs((5, 70), rng), signs((13, 70), rng)
    np.testing.assert_array_equal(program(trace_of(weight, x)).functional(), x @ weight.T)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"activation_bits": 8}, "1 bits and its activations 8"),
        ({"weight_bits": 8, "weight_coding": "uniform"}, "weights have 8 bits"),
    ],
)
def test_other_layers_are_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UnsupportedLayerError, match=said):
        program(trace_of([[1, -1]], [[1, 1]], **fields))


def test_a_zero_weight_is_refused() -> None:
    with pytest.raises(UnsupportedLayerError, match="1-bit weight is 0"):
        program(trace_of([[1, 0]], [[1, 1]]))


def test_first_layer_runs_on_the_fallback() -> None:
    rng = np.random.default_rng(4)
    first = GemmTrace("first", weight=rng.integers(-9, 9, (4, 5)), activation=rng.integers(-9, 9, (3, 5)))
    second = GemmTrace("second", weight=signs((4, 5), rng), activation=signs((3, 5), rng), **BITS)
    fallback = {"kind": "systolic", "rows": 2, "cols": 2, "dataflow": "os"}
    machine = {"name": "x", "array": {"kind": "xnor", "rows": 2, "cols": 2}, "fallback": fallback}
    report = accelsim.simulate([first, second], machine, verify=True)
    assert list(report.layers["array"]) == ["systolic", "xnor"]


def test_one_bit_operands_travel_as_one_bit() -> None:
    trace = GemmTrace("a", M=100, N=30, K=77, **BITS)
    row = accelsim.simulate(trace, {"name": "x", "array": {"kind": "xnor"}}).layers.iloc[0]
    assert row["dram_ifmap_bytes"] == -(-100 * 77 // 8)
    assert row["dram_weight_bytes"] == -(-30 * 77 // 8)
    assert row["dram_ofmap_bytes"] == -(-100 * 30 // 8)
    assert row["utilization"] == 100 * 30 * 77 / (16 * 16 * 64 * row["compute_cycles"])


def test_k_is_cut_between_words() -> None:
    ran = program(GemmTrace("a", M=5, N=7, K=150, **BITS), rows=2, cols=4)
    assert ran.grain.k == 64
    parts = [ran.work(Tile(0, 5, 0, 7, k, min(k + 64, 150))) for k in (0, 64, 128)]
    assert [part.cycles for part in parts] == [3 * 2 * (1 + 4)] * 3
    assert ran.work(whole(ran.trace)).cycles == 3 * 2 * (3 + 4)
    assert sum(part.counts["xnor_words"] for part in parts) == 3 * 35


@pytest.mark.parametrize("dataflow", ["ws", "is"])
def test_another_dataflow_is_refused_by_name(dataflow: str) -> None:
    with pytest.raises(ConfigError, match=r"array\.dataflow is '.s'"):
        load_hardware({"name": "x", "array": {"kind": "xnor", "dataflow": dataflow}})


def test_shipped_machine_loads() -> None:
    array = load_hardware("lowbit/xnor-16x16x64").array
    assert array.peak_macs == array.baseline_macs(1, 1) == 16 * 16 * 64


def test_popcount_tree_by_hand() -> None:
    """3 bits: one full adder. 7: two, two and one make 2 + 1 + 1. 4: a full and a half adder, then another half."""
    assert [popcount_adders(width) for width in (1, 2, 3, 4, 7, 64)] == [0, 1, 1, 3, 4, 63]
