"""Unsigned operands: every array's datapath against numpy, {0, 1} planes, and what passes they take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import accelsim
from accelsim.arrays.base import Tile
from accelsim.arrays.bitserial import BitserialArray
from accelsim.arrays.xnor.array import XnorArray
from accelsim.errors import TraceError, UnsupportedLayerError
from accelsim.trace.gemm import GemmTrace

ARRAYS: dict[str, dict[str, Any]] = {
    "systolic os": {"kind": "systolic", "rows": 3, "cols": 5},
    "systolic packed": {
        "kind": "systolic", "rows": 20, "cols": 8, "dataflow": "auto", "group_packing": True, "fold_overlap": True,
        "zero_gating": True,
    },
    "csr_rows": {"kind": "csr_rows", "pes": 4, "vector_width": 4},
    "eie": {"kind": "eie", "pes": 4},
    "cambricon_x": {"kind": "cambricon_x", "pes": 4, "multipliers": 4},
    "scnn": {"kind": "scnn", "pe_rows": 2, "pe_cols": 2},
    "sticker": {"kind": "sticker", "pe_rows": 4, "pe_cols": 4},
    "nm_sparse": {"kind": "nm_sparse", "rows": 3, "cols": 4, "n": 4, "m": 4},
    "adder": {"kind": "adder", "rows": 3, "cols": 4},
    "bitserial": {"kind": "bitserial", "rows": 3, "cols": 4, "word_bits": 16},
    "bitserial skipping": {"kind": "bitserial", "rows": 3, "cols": 4, "word_bits": 16, "skip_zero_planes": True},
    "xnor": {"kind": "xnor", "rows": 3, "cols": 4, "word_bits": 16, "multi_bit": True},
}  # fmt: skip


def codes(rng: np.random.Generator, shape: tuple[int, ...], bits: int, signed: bool) -> np.ndarray:
    """Random codes of a format, half of them 0, and the largest one among them."""
    if signed and bits == 1:
        return rng.choice([-1, 1], shape)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    values = rng.integers(low, high + 1, shape) * (rng.random(shape) < 0.5)
    values.flat[rng.integers(values.size)] = high
    return values if signed else values.astype(np.uint16)


def random_layer(rng: np.random.Generator, conv: bool) -> tuple[GemmTrace, np.ndarray, np.ndarray]:
    """A layer of two groups in a random format, with its operands as (M, groups·K) and (groups·N, K)."""
    bits = [int(v) for v in rng.choice([1, 2, 4, 8, 9], 2)]
    signed = [bool(v) for v in rng.integers(2, size=2)]
    settings = {
        "weight_bits": bits[0], "activation_bits": bits[1], "weight_signed": signed[0], "activation_signed": signed[1],
    }  # fmt: skip
    weight = codes(rng, (6, 2, 3, 3), bits[0], signed[0])
    if conv:
        ifmap = codes(rng, (2, 4, 5, 6), bits[1], signed[1])
        trace = GemmTrace.from_conv("layer", weight=weight, ifmap=ifmap, padding=1, groups=2, **settings)
    else:
        x = codes(rng, (7, 36), bits[1], signed[1])
        trace = GemmTrace("layer", weight=weight.reshape(6, 18), activation=x, groups=2, **settings)
    return trace, np.asarray(trace.activation, np.int64), weight.reshape(6, 18).astype(np.int64)


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("seed", range(12))
def test_datapaths_are_exact(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    trace, x, w = random_layer(rng, conv=name == "scnn" or seed % 2 == 0)
    report = accelsim.simulate(trace, {"name": name, "array": ARRAYS[name]}, verify=True)
    parts = [(x[:, 18 * g : 18 * g + 18], w[3 * g : 3 * g + 3]) for g in range(2)]
    if name == "adder":
        expected = [-np.abs(a[:, None] - b[None]).sum(axis=2) for a, b in parts]
    else:
        expected = [a @ b.T for a, b in parts]
    np.testing.assert_array_equal(report.outputs["layer"], np.hstack(expected))


@pytest.mark.parametrize(
    ("weight_signed", "activation_signed", "corrected"),
    [(False, False, False), (True, False, True), (False, True, True), (True, True, False)],
)
def test_one_bit_operands_take_one_pass(weight_signed: bool, activation_signed: bool, corrected: bool) -> None:
    """Of K = 40 lanes in words of 16: 3 words; ±1 with {0, 1} is an AND with an add an output."""
    rng = np.random.default_rng(4)
    w, x = codes(rng, (2, 40), 1, weight_signed), codes(rng, (5, 40), 1, activation_signed)
    trace = GemmTrace(
        "layer", weight=w, activation=x, weight_bits=1, activation_bits=1, weight_signed=weight_signed,
        activation_signed=activation_signed,
    )  # fmt: skip
    program = BitserialArray(rows=5, cols=2, word_bits=16).program(trace)
    work = program.work(Tile(0, 5, 0, 2, 0, 40))
    assert work.cycles == 3 + 5 + 2 - 2
    assert work.counts["bitserial_words"] == 5 * 2 * 3
    assert work.counts["bitserial_corrections"] == 10 * corrected
    np.testing.assert_array_equal(program.functional(), x.astype(int) @ w.T.astype(int))


def test_unsigned_codes_need_no_plane_for_a_sign() -> None:
    """0 to 3 are two planes; as two's complement they are three, and take 3/2 of the time."""
    rng = np.random.default_rng(5)
    x, w = rng.integers(0, 4, (4, 32)), rng.integers(-8, 8, (4, 32))
    array, cycles = BitserialArray(rows=4, cols=4, word_bits=32), {}
    for bits, signed in ((2, False), (3, True)):
        trace = GemmTrace(
            "layer", weight=w, activation=x, weight_bits=4, activation_bits=bits, activation_signed=signed
        )
        program = array.program(trace)
        np.testing.assert_array_equal(program.functional(), x @ w.T)
        cycles[bits] = program.work(Tile(0, 4, 0, 4, 0, 32)).cycles
    assert cycles == {2: 4 * 2 + 6, 3: 4 * 3 + 6}


def test_filters_of_different_widths_may_be_unsigned() -> None:
    rng = np.random.default_rng(6)
    bits = np.array([1, 4, 2, 1, 8])
    w = np.stack([rng.integers(0, 2**b, 50) for b in bits])
    x = rng.integers(-8, 8, (3, 50))
    trace = GemmTrace("layer", weight=w, activation=x, filter_bits=bits, activation_bits=4, weight_signed=False)
    for skip in (False, True):
        array = BitserialArray(rows=2, cols=2, word_bits=8, skip_zero_planes=skip)
        np.testing.assert_array_equal(array.program(trace).functional(), x @ w.T)
    with pytest.raises(TraceError, match="its 1 bits allow 0 to 1"):
        GemmTrace("layer", M=1, weight=w + 1, filter_bits=bits, weight_bits=8, weight_signed=False)


def test_xnor_without_planes_takes_signs_alone() -> None:
    trace = GemmTrace("layer", M=2, N=2, K=9, weight_bits=1, activation_bits=1, activation_signed=False)
    with pytest.raises(UnsupportedLayerError, match="1 bits and its activations 1, unsigned; 1 and 1 are expected"):
        XnorArray(rows=2, cols=2).program(trace)


def test_corrections_of_one_bit_layers_are_priced() -> None:
    """Before, a machine of 1-bit operands had no price for corrections, which {0, 1} against ±1 now has."""
    rng = np.random.default_rng(7)
    w, x = rng.choice([-1, 1], (4, 64)), rng.integers(0, 2, (4, 64))
    settings: dict[str, Any] = {"weight_bits": 1, "activation_bits": 1}
    machine = {"name": "bits", "array": {"kind": "bitserial", "rows": 4, "cols": 4}}
    zero_one = accelsim.simulate(GemmTrace("a", weight=w, activation=x, activation_signed=False, **settings), machine)
    signs = accelsim.simulate(GemmTrace("b", weight=w, activation=2 * x - 1, **settings), machine)
    assert zero_one.cycles == signs.cycles
    mac = "energy_mac_pj"
    # 16 outputs with an add of 32 bits; 4 pixels of a word of 64 bits: 63 full adders of add_8 / 8 and such an add
    more = 16 * 0.1 + 4 * (63 * 0.03 / 8 + 0.1)
    assert zero_one.layers[mac].iloc[0] - signs.layers[mac].iloc[0] == pytest.approx(more)


def test_ranges_of_unsigned_operands() -> None:
    GemmTrace("layer", weight=[[255]], activation=[[255]], weight_signed=False, activation_signed=False)
    with pytest.raises(TraceError, match="activation of 'layer' holds 255; its format allows -128 to 127"):
        GemmTrace("layer", activation=[[255]], N=1)
    with pytest.raises(TraceError, match="weight of 'layer' holds -1; its format allows 0 to 255"):
        GemmTrace("layer", weight=[[-1]], M=1, weight_signed=False)
    with pytest.raises(TraceError, match="weight_signed of pow2 weights is False"):
        GemmTrace("layer", M=1, N=1, K=1, weight_coding="pow2", weight_signed=False)
    with pytest.raises(TraceError, match="activation_signed is 1; True or False is expected"):
        GemmTrace("layer", M=1, N=1, K=1, activation_signed=1)


def test_random_unsigned_operands_use_all_codes() -> None:
    trace = GemmTrace.random(
        "layer",
        M=40,
        N=8,
        K=64,
        activation_density=0.5,
        activation_bits=3,
        activation_signed=False,
        weight_bits=1,
        weight_signed=False,
        weight_density=0.5,
    )
    assert set(np.unique(trace.activation)) == set(range(8))
    assert set(np.unique(trace.weight)) == {0, 1}
