"""One trace of every sort, by name: shapes, integers, convolutions, patterns, and every number format."""

from __future__ import annotations

import numpy as np

from accelsim import ConvGeometry, GemmTrace

RNG = np.random.default_rng(0)
COLUMNS = ConvGeometry(2, 3, 7, 8, (3, 3), (2, 1), (1, 1), (1, 2), columns=(0, 4, 5, 20))


def ints(*shape: int, low: int = -4, high: int = 5) -> np.ndarray:
    """Seeded integers from `low` to `high` − 1."""
    return RNG.integers(low, high, shape)


TERNARY = {"weight_bits": 2, "weight_coding": "ternary"}
CODEBOOK = {"weight_bits": 16, "weight_coding": "codebook", "codebook_bits": 3}

TRACES = {
    trace.name: trace
    for trace in (
        GemmTrace("shape", M=3, N=4, K=5),
        GemmTrace("ternary shape", M=3, N=4, K=5, groups=2, repeat=3, operation="mac", dense_shape=(3, 9, 9),
                  **TERNARY),
        GemmTrace("codebook shape", M=3, N=4, K=5, dense_groups=2, **CODEBOOK),
        GemmTrace("filter bits shape", M=3, N=2, K=5, groups=2, activation_bits=4, filter_bits=[2, 3, 5, 1]),
        GemmTrace("lstm shape", M=3, N=4, K=5, kind="lstm", repeat=6),
        GemmTrace("values", weight=ints(6, 8), activation=ints(3, 8).astype(np.int8), dense_shape=(3, 10, 20),
                  repeat=3),
        GemmTrace("weights alone", M=3, weight=ints(6, 8), operation="l1"),
        GemmTrace("groups", weight=ints(12, 8), activation=ints(3, 24), groups=3),
        GemmTrace("ternary", weight=ints(6, 8, low=-1, high=2), activation=ints(3, 8), **TERNARY),
        GemmTrace("codebook", weight=ints(6, 8), activation=ints(3, 16), M=3, groups=2, **CODEBOOK),
        GemmTrace("filter bits", weight=ints(6, 8, low=-1, high=1), activation=ints(3, 16), groups=2,
                  filter_bits=[2, 3, 4, 2, 1, 5]),
        GemmTrace("steps", M=2, weight=ints(6, 8), activation=ints(10, 8), kind="gru", repeat=5),
        GemmTrace.from_conv("conv", weight=ints(6, 2, 3, 3), ifmap=ints(2, 4, 8, 8), groups=2, padding=1, **TERNARY | {
            "weight_coding": "uniform", "weight_bits": 4}),
        GemmTrace.from_conv("conv shape", weight=(6, 2, 3, 3), ifmap=(2, 4, 8, 8), groups=2, padding=1, **TERNARY),
        GemmTrace("columns", weight=ints(5, 4), activation=ints(2, 3, 7, 8), conv=COLUMNS, dense_shape=(60, 5, 27)),
        GemmTrace.random("pattern", M=4, N=5, K=16, weight_density=0.5, distribution="2:4", seed=4, groups=2),
        GemmTrace.random("ternary pattern", M=4, N=5, K=16, weight_density=0.5, seed=4, groups=2, **TERNARY),
        GemmTrace.random("conv pattern", N=5, conv=COLUMNS, activation_density=0.3, seed=5, weight_bits=4,
                         weight_coding="pow2"),
        GemmTrace.random("step pattern", M=2, N=5, K=16, kind="lstm", repeat=4, seed=6),
        GemmTrace("unsigned", weight=ints(6, 8, low=0), activation=ints(3, 8, low=0) + 250, weight_signed=False,
                  activation_signed=False),
        GemmTrace.random("unsigned pattern", M=4, N=5, K=16, activation_density=0.5, seed=7, activation_bits=1,
                         activation_signed=False),
        GemmTrace("zero point", weight=ints(6, 8), activation=ints(3, 8, low=-7, high=248), activation_zero_point=7,
                  activation_signed=False),
        GemmTrace.random("zero point pattern", M=4, N=5, K=16, activation_density=0.5, seed=8, activation_bits=4,
                         activation_zero_point=-3),
        GemmTrace("float", weight=ints(6, 8), activation=ints(3, 8) + 1000, weight_coding="float", float_format="bf16"),
        GemmTrace("minifloat shape", M=3, N=4, K=5, weight_coding="float", float_format="e3m2"),
        GemmTrace.random("attention", M=4, N=4, K=8, groups=3, kind="attention", weight_bits=6, activation_bits=6),
    )
}  # fmt: skip
