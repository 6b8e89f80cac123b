"""nm_sparse against its per-clock model, its alias `systolic.nm`, what it charges, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim import GemmTrace
from accelsim.arrays.base import Tile
from accelsim.arrays.common.nm_pattern import NM
from accelsim.arrays.nm_sparse import NmSparseArray, pack
from accelsim.arrays.systolic import SystolicArray
from accelsim.errors import ConfigError, TraceError
from accelsim.technology.table import default_table
from tests.references import nm_sparse as reference_nm_sparse


def keep(weight: np.ndarray, n: int, m: int, rng: np.random.Generator) -> np.ndarray:
    """At most n nonzeros in every m along k."""
    rank = rng.random((len(weight), -(-weight.shape[1] // m), m)).argsort(axis=2).argsort(axis=2)
    return weight * (rank < n).reshape(len(weight), -1)[:, : weight.shape[1]]


def hardware(**array: Any) -> dict[str, Any]:
    return {"name": "t", "array": {"kind": "nm_sparse", **array}}


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    size=st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(1, 17)),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    nm=st.integers(1, 8).flatmap(lambda m: st.tuples(st.integers(1, m), st.just(m))),
    density=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_cycles_and_values_equal_the_per_clock_model(
    dataflow: str,
    size: tuple[int, int, int],
    shape: tuple[int, int],
    nm: tuple[int, int],
    density: float,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    (pixels, filters, k), (rows, cols), (n, m) = size, shape, nm
    dense = rng.integers(-128, 128, (filters, k)) * (rng.random((filters, k)) < density)
    weight, x = keep(dense, n, m, rng), rng.integers(-128, 128, (pixels, k))
    clocks, out = reference_nm_sparse.run(x, weight, rows, cols, dataflow, n, m)
    np.testing.assert_array_equal(out, x @ weight.T)
    trace = GemmTrace("layer", weight=weight, activation=x)
    report = accelsim.simulate(trace, hardware(rows=rows, cols=cols, dataflow=dataflow, n=n, m=m), verify=True)
    row = report.rows[0]
    assert report.compute_cycles == clocks
    np.testing.assert_array_equal(report.outputs["layer"], out)
    lost = [row[f"nm_sparse_idle_{reason}"] for reason in ("load", "skew", "edge")]
    assert min(lost) >= 0
    assert row["macs_executed"] + sum(lost) == rows * cols * clocks


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_systolic_nm_is_the_same_machine(dataflow: str) -> None:
    rng = np.random.default_rng(3)
    weight = keep(rng.integers(-128, 128, (20, 45)), 2, 4, rng)
    trace = GemmTrace("layer", weight=weight, activation=rng.integers(-128, 128, (30, 45)))
    memory = {
        "buffers": {"ifmap_kib": 1, "filter_kib": 1, "ofmap_kib": 1},
        "dram": {"model": "bandwidth", "gbps": 1.0, "latency_cycles": 20},
    }
    fields = {"rows": 4, "cols": 8, "dataflow": dataflow}
    mine = accelsim.simulate(trace, hardware(**fields, n=2, m=4) | memory).rows[0]
    alias = accelsim.simulate(
        trace, {"name": "t", "array": {"kind": "systolic", **fields, "nm": "2:4"}, **memory}
    ).rows[0]
    same = [c for c in alias if c != "array"]
    assert {c: mine[c] for c in same} == {c: alias[c] for c in same}


def test_packed_weights_by_hand() -> None:
    """Groups of 4 with 2 slots, the last one of a single k: its one slot is all there is."""
    values, columns = pack(np.array([[0, 7, 0, -3, 0, 0, 0, 5, 9]]), NM(2, 4))
    assert values.tolist() == [[7, -3, 5, 0, 9]]
    assert columns.tolist() == [[1, 3, 7, 4, 8]]


def test_energy_of_a_two_by_two_case_by_hand() -> None:
    """2 × 2 outputs of K = 4 at 2:4 in one fold: 2 · 2 · 2 MACs, each behind a 4:1 multiplexer of 8 bits."""
    trace = GemmTrace("layer", weight=[[1, 0, 0, 2], [0, 3, 4, 0]], activation=[[1, 2, 3, 4], [5, 6, 7, 8]])
    row = accelsim.simulate(trace, hardware(rows=2, cols=2, n=2, m=4)).rows[0]
    table = default_table()
    multiplexer = 3 * 8 * 0.25 * table.figures["add_8_pj"] / 8
    assert row["compute_cycles"] == 2 + 2 + 2 - 2
    assert row["macs_executed"] == 8
    assert row["energy_mac_pj"] == pytest.approx(8 * (table.mac(8, 8, 32) + multiplexer), rel=1e-9)
    assert row["sram_index_bits"] == 2 * 1 * 2 * 2
    assert row["dram_index_bytes"] == 1
    assert row["dram_weight_bytes"] == 4


def test_dense_groups_need_neither_index_nor_multiplexer() -> None:
    array = NmSparseArray(rows=2, cols=3, n=4, m=4)
    assert array.logic(8, 8) == SystolicArray(rows=2, cols=3).logic(8, 8)
    assert array.logic(8, 8)["gate"] == 0
    assert array.program(GemmTrace("layer", M=3, N=3, K=8)).index_bits(0, 3, 0, 8) == 0


def test_logic_holds_a_multiplexer_and_a_group_a_pe() -> None:
    array = NmSparseArray(rows=2, cols=3, n=2, m=4)
    logic = array.logic(8, 4)
    assert logic["gate"] == 6 * 3 * 4
    assert logic["register_bit"] == 6 * (8 + 4 + 32) + 6 * (3 * 4 + 2)


def test_tiles_add_up_where_t_is_whole() -> None:
    program = NmSparseArray(rows=4, cols=4, n=2, m=4).program(GemmTrace("layer", M=19, N=13, K=40))
    cuts = [(m, min(m + 8, 19), n, min(n + 4, 13)) for m in range(0, 19, 8) for n in range(0, 13, 4)]
    parts = [program.work(Tile(*cut, 0, 40)) for cut in cuts]
    whole = program.work(Tile(0, 19, 0, 13, 0, 40))
    assert sum(part.cycles for part in parts) == whole.cycles
    for reason in ("load", "skew", "edge"):
        counts = [part.counts[f"nm_sparse_idle_{reason}"] for part in parts]
        assert sum(counts) == whole.counts[f"nm_sparse_idle_{reason}"]


def test_a_denser_pattern_is_refused_with_row_and_group() -> None:
    weight = np.zeros((3, 8), int)
    weight[1, 4:7] = 1
    trace = GemmTrace("layer", weight=weight, activation=np.ones((2, 8), int))
    with pytest.raises(TraceError, match=r"row 1 group 1 has 3 nonzeros; 2 in every 4") as caught:
        accelsim.simulate(trace, hardware(rows=2, cols=2))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"n": 5, "m": 4}, "array.m"),
        ({"n": 2, "m": 0}, "array.m is 0"),
        ({"n": 0, "m": 4}, "array.n is 0"),
        ({"n": 2, "m": 2000}, "array.m is 2000"),
        ({"rows": 0}, "array.rows"),
        ({"nm": "2:4"}, "unknown key 'array.nm'"),
    ],
)
def test_wrong_fields_are_named(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        accelsim.load_hardware(hardware(**fields))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
