"""bitserial: the array against the plain per-cycle model, precision by filter, zero planes, and its energy by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim.analysis.dense_baseline import dense_array
from accelsim.arrays.base import Tile
from accelsim.arrays.bitserial import BitserialArray
from accelsim.arrays.common.bit_planes import BitPlaneProgram
from accelsim.arrays.xnor.array import XnorArray
from accelsim.errors import ConfigError, TraceError, UnsupportedLayerError
from accelsim.hardware.accelerator import load_hardware
from accelsim.technology.table import default_table
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.workload import Workload
from tests.references import bitserial as reference_bitserial

sides = st.integers(1, 4)
widths = st.sampled_from([1, 2, 3, 4, 8])


def draw(shape: tuple[int, ...], bits: int, rng: np.random.Generator) -> np.ndarray:
    """Any integers of a width; one bit is −1 or +1."""
    return rng.choice([-1, 1], shape) if bits == 1 else rng.integers(-(1 << bits - 1), 1 << bits - 1, shape)


def program(trace: GemmTrace, **fields: Any) -> BitPlaneProgram:
    return BitserialArray(**fields).program(trace)


def whole(trace: GemmTrace) -> Tile:
    return Tile(0, trace.M, 0, trace.N, 0, trace.K)


def simulated(trace: GemmTrace, **array: Any) -> Any:
    return accelsim.simulate(trace, {"name": "b", "array": {"kind": "bitserial", **array}}, verify=True)


@given(
    rows=sides,
    cols=sides,
    size=st.tuples(st.integers(1, 6), st.integers(1, 8), st.integers(1, 80)),
    word_bits=st.sampled_from([1, 7, 8, 32, 64, 65]),
    bits=st.tuples(widths, widths),
    mixed=st.booleans(),
    skip=st.booleans(),
    coarse=st.integers(0, 7),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=220, deadline=None)
def test_array_equals_the_per_cycle_model(
    rows: int, cols: int, size: tuple[int, int, int], word_bits: int, bits: tuple[int, int], mixed: bool, skip: bool,
    coarse: int, seed: int,
) -> None:  # fmt: skip
    """Any precision, by layer and by filter; `coarse` low planes are zero in filters wide enough to have them."""
    rng = np.random.default_rng(seed)
    m, n, k = size
    each = [int(b) for b in rng.integers(1, bits[0] + 1, n)] if mixed else [bits[0]] * n
    weight = np.array([draw((k,), b, rng) >> coarse << coarse if b > coarse + 1 else draw((k,), b, rng) for b in each])
    activation = draw((m, k), bits[1], rng) * (rng.random((m, k)) < 0.8)
    cycles, output = reference_bitserial.run(weight, activation, (rows, cols, word_bits), (each, bits[1]), skip)
    given_bits = {"filter_bits": each} if mixed else {"weight_bits": bits[0]}
    trace = GemmTrace("layer", weight=weight, activation=activation, activation_bits=bits[1], **given_bits)
    ran = program(trace, rows=rows, cols=cols, word_bits=word_bits, skip_zero_planes=skip)
    assert ran.work(whole(trace)).cycles == cycles
    np.testing.assert_array_equal(output, activation @ weight.T)
    np.testing.assert_array_equal(ran.functional(), output)


@given(
    size=st.tuples(st.integers(1, 7), st.integers(1, 9), st.integers(1, 90)),
    bits=st.tuples(widths, widths),
    word_bits=st.sampled_from([8, 64]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=200, deadline=None)
def test_xnor_of_several_bits_equals_the_per_cycle_model(
    size: tuple[int, int, int], bits: tuple[int, int], word_bits: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    m, n, k = size
    weight, activation = draw((n, k), bits[0], rng), draw((m, k), bits[1], rng) * (rng.random((m, k)) < 0.8)
    cycles, output = reference_bitserial.run(weight, activation, (2, 3, word_bits), ([bits[0]] * n, bits[1]))
    trace = GemmTrace("layer", weight=weight, activation=activation, weight_bits=bits[0], activation_bits=bits[1])
    ran = XnorArray(rows=2, cols=3, word_bits=word_bits, multi_bit=True).program(trace)
    assert ran.work(whole(trace)).cycles == cycles
    np.testing.assert_array_equal(ran.functional(), output)


@pytest.mark.parametrize("bits", [(1, 1), (1, 4), (3, 1), (5, 4)])
def test_padding_contributes_nothing(bits: tuple[int, int]) -> None:
    """Batch, groups, stride and dilation; 1-bit operands have no code for 0."""
    rng = np.random.default_rng(3)
    weight, ifmap = draw((6, 3, 3, 3), bits[0], rng), draw((2, 6, 7, 6), bits[1], rng)
    trace = GemmTrace.from_conv(
        "c", weight=weight, ifmap=ifmap, groups=2, padding=2, stride=2, dilation=2,
        weight_bits=bits[0], activation_bits=bits[1],
    )  # fmt: skip
    x = trace.activation
    assert x is not None
    assert (x == 0).any()
    expected = [x[:, g * 27 : (g + 1) * 27] @ weight[g * 3 : (g + 1) * 3].reshape(3, -1).T for g in range(2)]
    got = simulated(trace, rows=3, cols=2, word_bits=16).outputs["c"]
    np.testing.assert_array_equal(got, np.concatenate(expected, axis=1))


def test_widest_operands_are_exact() -> None:
    """32-bit two's complement at its ends: plane products up to 2^62."""
    ends = np.array([-(2**31), 2**31 - 1])
    trace = GemmTrace(
        "w", weight=[[-(2**31)], [2**31 - 1]], activation=ends[:, None], weight_bits=32, activation_bits=32
    )
    np.testing.assert_array_equal(program(trace).functional(), ends[:, None] * ends)


def test_functional_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelsim.arrays.common.slices.SLICE_ELEMENTS", 400)
    rng = np.random.default_rng(4)
    weight, x = draw((5, 70), 3, rng), draw((13, 70), 2, rng)
    trace = GemmTrace("layer", weight=weight, activation=x, weight_bits=3, activation_bits=2)
    np.testing.assert_array_equal(program(trace).functional(), x @ weight.T)


def test_filters_of_equal_precision_share_folds() -> None:
    """8, 2, 2, 8, 2 bits on two columns: folds of 8, 2 and 2 bits, where the given order would take 8, 8 and 2."""
    trace = GemmTrace("t", M=3, N=5, K=64, filter_bits=[8, 2, 2, 8, 2], activation_bits=4)
    assert trace.weight_bits == 8
    ran = program(trace, rows=3, cols=2)
    assert ran.work(whole(trace)).cycles == (8 + 2 + 2) * 4 + 3 * (3 + 2 - 2)
    assert ran.weight_bits(0, 5, 0, 64) == (8 + 8 + 2 + 2 + 2) * 64
    assert ran.weight_bits(2, 4, 0, 64) == (2 + 2) * 64


def test_traffic_is_every_filters_own_and_other_arrays_take_the_widest() -> None:
    fields = {"M": 4, "N": 6, "K": 100, "groups": 2, "filter_bits": [8, 1, 3, 3, 2, 2, *[2] * 6]}
    trace = GemmTrace("t", **fields)
    row, dense = (
        accelsim.simulate(trace, {"name": "m", "array": array}).layers.iloc[0]
        for array in ({"kind": "bitserial", "rows": 4, "cols": 2}, {"kind": "systolic", "rows": 4, "cols": 4})
    )
    assert row["dram_weight_bytes"] == -(-19 * 100 // 8) + -(-12 * 100 // 8)
    assert dense["dram_weight_bytes"] == 2 * 6 * 100
    assert row["stored_weight_bits"] == pytest.approx((19 + 12) / 12, rel=1e-12)
    assert row["storage_weight_bits"] == (19 + 12) * 100
    words, fill = 2 * 8, 4 + 2 - 2
    first, second = (8 + 3 + 2, 2 + 2 + 2)
    assert row["compute_cycles"] == words * (first + second) + 6 * fill


def test_filter_bits_travel_with_a_workload(tmp_path: Any) -> None:
    bits = (3, 2, 1, 1)
    weight = [[3, -4, 0], [1, -2, 0], [1, -1, 1], [-1, 1, 1]]
    trace = GemmTrace("t", weight=weight, activation=[[1, 2, 3]], filter_bits=bits)
    Workload("w", [trace]).save(tmp_path / "w.npz")
    again = Workload.load(tmp_path / "w.npz").traces[0]
    assert again.number_format == trace.number_format
    assert (again.number_format.filter_bits, again.weight_bits) == (bits, 3)
    assert simulated(again, rows=1, cols=1).compute_cycles == simulated(trace, rows=1, cols=1).compute_cycles


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"filter_bits": [2, 2, 2]}, "filter_bits of 't' are 3; 2 are expected"),
        ({"filter_bits": [2, 33]}, "weight_bits is 33"),
        ({"filter_bits": [0, 2]}, "filter_bits of filter 0 is 0; 1 to 2"),
        ({"filter_bits": [4, 2], "weight_bits": 3}, "filter_bits of filter 0 is 4; 1 to 3"),
        ({"filter_bits": [4, 2.5]}, "integers as the hardware sees them"),
        ({"filter_bits": [4, 1]}, r"holds -2 to 1 in filter 1; its 1 bits allow -1 to 1"),
        ({"filter_bits": [4, 2], "weight_coding": "ternary"}, "uniform weights are expected"),
    ],
)
def test_filter_bits_that_contradict_are_one_clear_line(fields: dict[str, Any], said: str) -> None:
    weight = [[1, -1], [1, -1]] if "weight_coding" in fields else [[7, -8], [1, -2]]
    with pytest.raises(TraceError, match=said):
        GemmTrace("t", weight=weight, M=1, **fields)


def test_random_weights_have_no_filter_bits() -> None:
    with pytest.raises(TraceError, match="come with random weights"):
        GemmTrace.random("t", M=2, N=2, K=3, filter_bits=[2, 2])


def test_zero_planes_of_a_fold_are_skipped() -> None:
    """Filters 0 and 1 use planes 1 and 2 of 4, filter 2 only plane 0, filter 3 is zero: folds of 2 and 1 planes."""
    weight = [[2, 4], [6, 0], [1, 1], [0, 0]]
    trace = GemmTrace("t", weight=weight, activation=[[1, -2]], weight_bits=4, activation_bits=3)
    taken = [program(trace, rows=1, cols=2, skip_zero_planes=skip).work(whole(trace)).cycles for skip in (False, True)]
    assert taken == [(4 + 4) * 3 + 2, (2 + 1) * 3 + 2]
    words = program(trace, rows=1, cols=2, skip_zero_planes=True).work(whole(trace)).counts["bitserial_words"]
    assert words == 2 * 2 * 3 + 2 * 1 * 3
    np.testing.assert_array_equal(program(trace, cols=2, skip_zero_planes=True).functional(), [[-6, 6, -1, 0]])


def test_planes_are_skipped_within_a_tile_of_k() -> None:
    weight = np.zeros((1, 128), np.int64)
    weight[0, 64:] = 3
    trace = GemmTrace("t", weight=weight, M=1, weight_bits=8, activation_bits=1)
    ran = program(trace, rows=1, cols=1, skip_zero_planes=True)
    assert [ran.work(Tile(0, 1, 0, 1, k, k + 64)).cycles for k in (0, 64)] == [1, 2]
    assert ran.work(whole(trace)).cycles == 2 * 2


def test_a_shape_has_no_zero_plane() -> None:
    trace = GemmTrace("t", M=5, N=7, K=100, weight_bits=3, activation_bits=5)
    skipping, plain = (program(trace, skip_zero_planes=skip).work(whole(trace)) for skip in (True, False))
    assert skipping == plain
    assert plain.cycles == 2 * 3 * 5 + 16 + 16 - 2


def test_uniform_precision_costs_the_same_by_either_way() -> None:
    one = GemmTrace("t", M=9, N=37, K=200, weight_bits=4, activation_bits=4)
    each = GemmTrace("t", M=9, N=37, K=200, filter_bits=[4] * 37, activation_bits=4)
    tile = Tile(0, 9, 16, 37, 64, 200)
    assert program(each, cols=16).work(tile) == program(one, cols=16).work(tile)
    assert program(each).weight_bits(16, 37, 64, 200) == program(one).weight_bits(16, 37, 64, 200)
    assert program(each).stored_weight_bits == 4


def test_cuts_of_k_and_n_add_up() -> None:
    rng = np.random.default_rng(6)
    each = [int(b) for b in rng.integers(1, 9, 12)]
    trace = GemmTrace("t", weight=np.array([draw((256,), b, rng) for b in each]), M=10, filter_bits=each)
    ran = program(trace, rows=4, cols=4)
    by_n = [ran.work(Tile(0, 10, n, n + 4, 0, 256)) for n in (0, 4, 8)]
    at_once = ran.work(whole(trace))
    assert sum(part.cycles for part in by_n) == at_once.cycles
    assert sum((part.counts for part in by_n[1:]), by_n[0].counts) == at_once.counts
    by_k = [ran.work(Tile(0, 10, 0, 12, k, k + 128)) for k in (0, 128)]
    assert sum(part.cycles for part in by_k) == at_once.cycles + 3 * 3 * (4 + 4 - 2)
    assert ran.grain.k == 64


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"weight_coding": "pow2", "weight_bits": 4}, "its weights are pow2; two's complement"),
        ({"weight_bits": 1}, "a 1-bit weight is 0"),
        ({"filter_bits": [2, 1]}, "a 1-bit weight is 0"),
        ({"operation": "l1"}, "its operation is l1"),
    ],
)
def test_other_layers_are_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UnsupportedLayerError, match=said):
        program(GemmTrace("t", weight=[[1, 0], [0, 1]], M=1, **fields))


def test_first_layer_of_powers_of_two_runs_on_the_fallback() -> None:
    first = GemmTrace("first", M=3, N=4, K=5, weight_coding="pow2", weight_bits=4)
    report = accelsim.simulate([first, GemmTrace("second", M=3, N=4, K=5)], "lowbit/bitserial-16x16x64")
    assert list(report.layers["array"]) == ["systolic", "bitserial"]


def test_xnor_refuses_several_bits_unless_it_is_built_for_them() -> None:
    trace = GemmTrace("t", M=2, N=3, K=70, weight_bits=2, activation_bits=3)
    with pytest.raises(UnsupportedLayerError, match=r"2 bits and its activations 3; .* or array\.multi_bit"):
        XnorArray().program(trace)
    wide = XnorArray(multi_bit=True)
    assert wide.program(trace).work(whole(trace)).cycles == 2 * 2 * 3 + 16 + 16 - 2
    assert (wide.baseline_macs(2, 3), XnorArray().baseline_macs(2, 3)) == (16384 // 6, 16384)


def test_one_bit_layers_cost_the_same_on_xnor_with_and_without_several_bits() -> None:
    trace = GemmTrace("t", M=20, N=30, K=100, weight_bits=1, activation_bits=1, weight_coding="binary")
    rows = [
        accelsim.simulate(trace, {"name": "x", "array": {"kind": "xnor", "multi_bit": multi}}).layers.iloc[0]
        for multi in (False, True)
    ]
    same = [c for c in rows[0].index if c.startswith(("sram_", "register_", "xnor_words")) or c.endswith("_cycles")]
    assert (rows[0][same] == rows[1][same]).all()
    assert rows[0]["energy_mac_pj"] == rows[1]["energy_mac_pj"]


@pytest.mark.parametrize("dataflow", ["ws", "is"])
def test_another_dataflow_is_refused_by_name(dataflow: str) -> None:
    with pytest.raises(ConfigError, match=r"array\.dataflow is '.s'"):
        load_hardware({"name": "x", "array": {"kind": "bitserial", "dataflow": dataflow}})


@pytest.mark.parametrize("name", ["bitserial-16x16x64", "xnor-16x16x64-multi"])
def test_shipped_machines_have_the_macs_of_their_words(name: str) -> None:
    array = load_hardware(f"lowbit/{name}").array
    assert array.peak_macs == 16 * 16 * 64
    dense = dense_array(array, 4, 8)
    assert dense.rows * dense.cols == 16 * 16 * 64 // 32


def test_shifter_by_hand() -> None:
    """2 x 3 bits: counts of 7 bits (64 lanes) move by up to 3 places, 2 stages on 10 bits; 32 gates for the sign."""
    array = BitserialArray(word_bits=64)
    assert array.shifter_gates(2, 3) == 2 * 10 + 32
    assert array.shifter_gates(1, 1) == 0
    assert BitserialArray(word_bits=64, accumulator_bits=12).shifter_gates(8, 8) == 4 * 12 + 12


def test_logic_by_hand() -> None:
    """2 x 3 PEs of words of 4: popcount of 3 adders; edges of 2 rows with 5 planes and 3 columns with one."""
    logic = BitserialArray(rows=2, cols=3, word_bits=4).logic(2, 5)
    assert logic == {
        "gate": 6 * (2 * 4 + 3 * min(32, 3 + 5) + 32),
        "full_adder": 6 * (3 + 32) + 2 * (3 + 32),
        "register_bit": 6 * (3 * 4 + 32) + (2 * 5 + 3) * 4 + 2 * 32,
    }


def test_energy_of_two_by_two_by_hand() -> None:
    """2-bit W = [[1, -2], [-1, 0]], 2-bit X = [[1, 1], [-2, 1]] in words of 4: 4 outputs of 4 passes."""
    trace = GemmTrace("t", weight=[[1, -2], [-1, 0]], activation=[[1, 1], [-2, 1]], weight_bits=2, activation_bits=2)
    row = simulated(trace, rows=2, cols=2, word_bits=4).layers.iloc[0]
    figures = default_table().figures
    full_adder = figures["add_8_pj"] / 8
    gate = figures["gate_full_adders"] * full_adder
    shifter = 2 * min(32, 3 + 2) + 32
    assert row["compute_cycles"] == 4 + 2
    assert (row["bitserial_words"], row["macs_executed"]) == (16, 32)
    assert row["utilization"] == 32 / (4 * 4 * 6)
    assert (row["dram_weight_bytes"], row["dram_ifmap_bytes"]) == (1, 1)
    word = (2 * 4 + shifter) * gate + 3 * full_adder + figures["add_32_pj"]
    assert row["energy_mac_pj"] == pytest.approx(16 * word, rel=1e-9)
    latched = 16 * (2 * 4 + 32) + 4 * 2 + 4 * 2
    assert row["energy_register_pj"] == pytest.approx(latched * figures["register_pj_per_bit"], rel=1e-9)


@pytest.mark.parametrize("bits", [(1, 2), (2, 1)])
def test_what_a_one_bit_operand_costs_besides(bits: tuple[int, int]) -> None:
    """3 pixels, 5 filters on 2 columns, 2 words: a popcount a word, plane and fold of 3; an add an output."""
    trace = GemmTrace("t", M=3, N=5, K=7, weight_bits=bits[0], activation_bits=bits[1])
    counts = program(trace, rows=2, cols=2, word_bits=4).work(whole(trace)).counts
    assert counts["bitserial_edge_words"] == 3 * 2 * bits[1] * 3
    assert counts["bitserial_corrections"] == 15
    alike = GemmTrace("t", M=3, N=5, K=7, weight_bits=2, activation_bits=2)
    assert program(alike, rows=2, cols=2, word_bits=4).work(whole(alike)).counts["bitserial_corrections"] == 0
