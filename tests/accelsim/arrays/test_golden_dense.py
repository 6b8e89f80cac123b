"""SCALE-Sim's rows: cycles and SRAM counts, exact (tests/golden/scalesim_dense.csv)."""

import csv

import pytest

import accelsim
from accelsim import GemmTrace
from tests.places import GOLDEN

with (GOLDEN / "scalesim_dense.csv").open(newline="") as file:
    ROWS = [row for row in csv.DictReader(file) if row["sparse_mapping"] != "rowwise"]
COUNTS = ("sram_ifmap_reads", "sram_filter_reads", "sram_ofmap_writes")


def ceil_div(a, b):
    return -(-a // b)


def shape(row):
    """M, N, K; a conv row has no padding and rounds its output size up."""
    if row["kind"] == "gemm":
        return int(row["M"]), int(row["N"]), int(row["K"])
    keys = ("ifmap_h", "ifmap_w", "filt_h", "filt_w", "channels", "num_filters", "stride")
    h, w, r, s, c, n, step = (int(row[k]) for k in keys)
    return ceil_div(h - r + step, step) * ceil_div(w - s + step, step), n, r * s * c


def expected_counts(row, m, n):
    """SCALE-Sim's counts less its slip in os: ⌈M/R⌉·⌈N/C⌉·(R + C) ofmap writes too many."""
    counts = {key: float(row[key]) for key in COUNTS}
    if row["dataflow"] == "os":
        r, c = int(row["array_rows"]), int(row["array_cols"])
        counts["sram_ofmap_writes"] -= ceil_div(m, r) * ceil_div(n, c) * (r + c)
    return counts


@pytest.mark.parametrize("run", sorted({row["run"] for row in ROWS}))
def test_every_row_is_exact(run):
    for row in (r for r in ROWS if r["run"] == run):
        m, n, k = shape(row)
        array = {
            "kind": "systolic",
            "rows": int(row["array_rows"]),
            "cols": int(row["array_cols"]),
            "dataflow": row["dataflow"],
        }
        if row["sparsity_NM"]:
            array["nm"] = row["sparsity_NM"]
        layer = accelsim.simulate(GemmTrace(row["layer"], M=m, N=n, K=k), {"name": "golden", "array": array}).rows[0]
        assert layer["compute_cycles"] == int(row["compute_cycles"]) + 1, row["layer"]
        if not row["sparsity_NM"]:
            assert {key: layer[key] for key in COUNTS} == expected_counts(row, m, n), row["layer"]
