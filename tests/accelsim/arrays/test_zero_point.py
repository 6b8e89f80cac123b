"""Activations with a zero point: raw codes on the array, the correction, and who takes x itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import accelsim
from accelsim.errors import TraceError
from accelsim.trace.gemm import GemmTrace
from tests.accelsim.arrays.test_unsigned import ARRAYS

CENTERED = ("eie", "scnn", "sticker", "adder")  # take x itself
RUNNING = ARRAYS | {
    "systolic gated": {"kind": "systolic", "rows": 3, "cols": 5, "zero_gating": True},
    "ternary": {"kind": "ternary", "rows": 3, "cols": 4},
    "shift": {"kind": "shift", "rows": 3, "cols": 4},
}
CODINGS: dict[str, dict[str, Any]] = {
    "ternary": {"weight_bits": 2, "weight_coding": "ternary"},
    "shift": {"weight_bits": 4, "weight_coding": "pow2"},
}


def layer(name: str, seed: int) -> tuple[GemmTrace, np.ndarray, np.ndarray]:
    """A layer of two groups with padding or none, and its operands (M, groups·K) and (groups·N, K)."""
    rng = np.random.default_rng(seed)
    signed, bits = bool(rng.integers(2)), int(rng.choice([2, 4, 8]))
    low = -(1 << bits - 1) if signed else 0
    zero = int(rng.integers(low, low + (1 << bits)))
    raw = rng.integers(low, low + (1 << bits), (2, 4, 5, 6))
    raw = np.where(rng.random(raw.shape) < 0.4, zero, raw)
    w = {"ternary": rng.integers(-1, 2, (6, 2, 3, 3)), "shift": rng.choice([-1, 1], (6, 2, 3, 3)) << 2}.get(
        name, rng.integers(-8, 8, (6, 2, 3, 3)) * (rng.random((6, 2, 3, 3)) < 0.5)
    )
    settings = {"activation_bits": bits, "activation_signed": signed, "activation_zero_point": zero}
    settings |= CODINGS.get(name, {"weight_bits": 4})
    trace = GemmTrace.from_conv("layer", weight=w, ifmap=raw - zero, padding=1, groups=2, **settings)
    return trace, np.asarray(trace.activation, np.int64), w.reshape(6, 18)


@pytest.mark.parametrize("name", RUNNING)
@pytest.mark.parametrize("seed", range(8))
def test_datapaths_are_exact(name: str, seed: int) -> None:
    """What comes out is the product of x, whose zero and padding are 0, though the array sees x + z everywhere."""
    trace, x, w = layer(name, seed)
    report = accelsim.simulate(trace, {"name": name, "array": RUNNING[name]}, verify=True)
    parts = [(x[:, 18 * g : 18 * g + 18], w[3 * g : 3 * g + 3]) for g in range(2)]
    expected = [-np.abs(a[:, None] - b[None]).sum(axis=2) if name == "adder" else a @ b.T for a, b in parts]
    np.testing.assert_array_equal(report.outputs["layer"], np.hstack(expected))


@pytest.mark.parametrize("name", CENTERED)
def test_arrays_that_skip_zeros_take_x_itself_in_one_bit_more(name: str) -> None:
    """As a network does that never had a zero point: nothing is to correct, and a zero is 0."""
    trace = next(t for t, _, _ in (layer(name, seed) for seed in range(9)) if t.activation_zero_point)
    plain = replace(trace, activation_zero_point=0, activation_signed=True, activation_bits=trace.activation_bits + 1)
    machine = {"name": name, "array": ARRAYS[name]}
    one, other = (accelsim.simulate(t, machine).layers for t in (trace, plain))
    assert one.equals(other)
    assert one["vector_operations"].iloc[0] == 0


def test_raw_codes_are_what_zero_gating_sees() -> None:
    """A zero of x is code 3, which has to be multiplied; of 8 MACs those of code 0 and of a weight 0 stand still."""
    trace = GemmTrace(
        "layer", weight=[[1, 0]], activation=[[0, 0], [-3, 1], [5, 0], [-3, -3]], activation_zero_point=3,
        activation_signed=False,
    )  # fmt: skip
    array = {"kind": "systolic", "rows": 4, "cols": 4, "zero_gating": True}
    report = accelsim.simulate(trace, {"name": "gated", "array": array}, verify=True)
    assert report.layers["systolic_gated"].iloc[0] == 4 + 2
    assert report.layers["macs_effectual"].iloc[0] == 3


def test_zero_points_lie_in_their_range() -> None:
    GemmTrace("layer", weight=[[1]], activation=[[-5]], activation_zero_point=5, activation_signed=False)
    with pytest.raises(TraceError, match="activation of 'layer' holds -6; its format allows -5 to 250"):
        GemmTrace("layer", weight=[[1]], activation=[[-6]], activation_zero_point=5, activation_signed=False)
    with pytest.raises(TraceError, match="activation_zero_point is 128; -128 to 127 is expected"):
        GemmTrace("layer", M=1, N=1, K=1, activation_zero_point=128)
    with pytest.raises(TraceError, match="activation_zero_point is 1; 0 to 0 is expected"):
        GemmTrace("layer", M=1, N=1, K=1, activation_zero_point=1, activation_bits=1)


def test_traffic_is_of_the_raw_code() -> None:
    """0 to 255 less 128 fits 8 bits; as numbers of their own, −200 to 55 would need 9."""
    rng = np.random.default_rng(0)
    x = rng.integers(-200, 56, (64, 64))
    raw = GemmTrace("raw", M=64, N=8, K=64, activation=x, activation_zero_point=200, activation_signed=False)
    wide = GemmTrace("wide", M=64, N=8, K=64, activation=x, activation_bits=9)
    machine = {"name": "dense", "array": {"kind": "systolic", "rows": 8, "cols": 8}}
    sizes = [accelsim.simulate(trace, machine).layers["dram_ifmap_bytes"].iloc[0] for trace in (raw, wide)]
    assert sizes == [64 * 64, 64 * 64 * 9 // 8]
