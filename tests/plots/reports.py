"""Small reports of every kind of array, to draw."""

from __future__ import annotations

from functools import cache

import accelsim
from accelsim.results.report import Report
from accelsim.trace.not_simulated import NotSimulated

SPARSE = "sparse/csr-rows-16x16"
DENSE = "dense/os-16x16"
OF_KIND = {  # kind of array -> a machine that ships with it, and what its layer must be
    "systolic": (DENSE, {}),
    "csr_rows": (SPARSE, {}),
    "eie": ("sparse/eie-64pe", {}),
    "cambricon_x": ("sparse/cambricon-x-16x16", {}),
    "scnn": ("sparse/scnn-8x8", {}),
    "sticker": ("sparse/sticker-16x16", {}),
    "nm_sparse": ("sparse/nm-sparse-2-4-16x16", {"distribution": "2:4", "weight_density": 0.5}),
    "shift": ("lowbit/shift-16x16", {"weight_coding": "pow2", "weight_bits": 4}),
    "ternary": ("lowbit/ternary-16x16", {"weight_coding": "ternary", "weight_bits": 2}),
    "adder": ("lowbit/adder-16x16", {"operation": "l1"}),
    "xnor": ("lowbit/xnor-16x16x64", {"weight_coding": "binary", "weight_bits": 1, "activation_bits": 1}),
    "bitserial": ("lowbit/bitserial-16x16x64", {"weight_bits": 3, "activation_bits": 4}),
}


@cache
def of_kind(kind: str) -> Report:
    """A 3 × 3 conv layer that the array of this kind runs itself, and an operator on the vector unit behind it."""
    hardware, settings = OF_KIND[kind]
    conv = accelsim.ConvGeometry(batch=1, channels=8, height=6, width=6, kernel=(3, 3), padding=(1, 1))
    given = {"weight_density": 0.4, **settings}
    layer = accelsim.GemmTrace.random("conv", N=16, conv=conv, seed=1, pruned=True, **given)
    pool = accelsim.Operator("pool", "max_pool", after="conv", inputs=576, outputs=144, work=576)
    return accelsim.simulate(accelsim.Workload("tiny", [layer], operators=[pool]), hardware)


@cache
def of_layers(count: int, hardware: str = DENSE, left_out: bool = False) -> Report:
    """So many fully connected layers of different sizes; `left_out` says that an operation of 500 MACs is missing."""
    layers = [accelsim.GemmTrace.random(f"block{i}.fc", M=4, N=16 + 8 * (i % 5), K=64, weight_density=0.3, seed=i,
                                        pruned=True) for i in range(count)]  # fmt: skip
    missing = (NotSimulated("attention", "MultiheadAttention", 500),) if left_out else ()
    return accelsim.simulate(accelsim.Workload(f"net{count}", layers, not_simulated=missing), hardware)
