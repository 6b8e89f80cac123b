"""csr_rows with shifters for multipliers, and with weights from a codebook: outputs, bits, energy and area."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim.arrays.base import Tile
from accelsim.arrays.csr_rows.array import CsrRowsArray, CsrRowsProgram
from accelsim.errors import ConfigError, UnsupportedLayerError
from accelsim.hardware.loading import load_hardware
from accelsim.technology.table import default_table
from accelsim.trace.gemm import GemmTrace
from tests.references import csr_rows as reference_csr_rows

POW2 = {"weight_bits": 4, "weight_coding": "pow2"}
CODEBOOK = {"weight_coding": "codebook", "codebook_bits": 4}
FALLBACK = {"kind": "systolic", "rows": 4, "cols": 4, "dataflow": "os"}


def powers(shape: tuple[int, ...], terms: int, density: float, rng: np.random.Generator) -> np.ndarray:
    """Sums of as many signed powers of two, some of them 0."""
    each = rng.choice([-1, 1], (terms, *shape)) << rng.integers(0, 7, (terms, *shape))
    return (each * (rng.random((terms, *shape)) < density)).sum(axis=0)


def program(trace: GemmTrace, **fields: Any) -> CsrRowsProgram:
    return CsrRowsArray(**fields).program(trace)


def whole(trace: GemmTrace) -> Tile:
    return Tile(0, trace.M, 0, trace.N, 0, trace.K)


@given(
    machine=st.fixed_dictionaries(
        {
            "pes": st.integers(1, 5),
            "vector_width": st.integers(1, 4),
            "assignment": st.sampled_from(["static", "dynamic"]),
            "banks": st.integers(1, 7),
        }
    ),
    size=st.tuples(st.integers(1, 6), st.integers(1, 8), st.integers(1, 130)),
    terms=st.integers(1, 2),
    density=st.sampled_from([0.0, 0.1, 0.5]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=200, deadline=None)
def test_shifting_lanes_equal_the_per_cycle_model(
    machine: dict[str, Any], size: tuple[int, int, int], terms: int, density: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    m, n, k = size
    weight, activation = powers((n, k), terms, density, rng), rng.integers(-128, 128, (m, k))
    expected = reference_csr_rows.run(
        weight, activation, machine["pes"], machine["vector_width"], machine["assignment"], machine["banks"],
        mac=reference_csr_rows.shift,
    )  # fmt: skip
    trace = GemmTrace("layer", weight=weight, activation=activation, **POW2)
    ran = program(trace, mac="shift", terms=terms, **machine)
    assert ran.work(whole(trace)).cycles == expected.cycles
    np.testing.assert_array_equal(expected.output, activation @ weight.T)
    np.testing.assert_array_equal(ran.functional(), expected.output)


def test_other_weights_go_to_the_fallback() -> None:
    sums = GemmTrace("sums", weight=[[3, 0], [0, 8]], activation=[[1, 2]], **POW2)
    uniform = GemmTrace("uniform", weight=[[1, 0], [0, 8]], activation=[[1, 2]])
    one, two = (CsrRowsArray(mac="shift", terms=terms) for terms in (1, 2))
    with pytest.raises(UnsupportedLayerError, match="weight 3 of filter 0 at k 0 is no sum of 1"):
        one.program(sums)
    with pytest.raises(UnsupportedLayerError, match="its weights are uniform; pow2 is expected"):
        two.program(uniform)
    machine = {"name": "c", "array": {"kind": "csr_rows", "mac": "shift"}, "fallback": FALLBACK}
    powers_alone = GemmTrace("powers", weight=[[1, 0], [0, -8]], activation=[[1, 2]], **POW2)
    report = accelsim.simulate([sums, uniform, powers_alone], machine, verify=True)
    assert list(report.layers["array"]) == ["systolic", "systolic", "csr_rows"]


def test_a_weight_takes_a_code_a_term() -> None:
    trace = GemmTrace("layer", weight=[[6, 0, -1]], M=1, **POW2)
    shape = GemmTrace("layer", M=1, N=1, K=3, **POW2)
    ran = program(trace, mac="shift", terms=2)
    assert (ran.stored_weight_bits, ran.weight_bits(0, 1, 0, 3)) == (8, 2 * 8)
    assert program(shape, mac="shift", terms=2).weight_bits(0, 1, 0, 3) == 3 * 8
    assert ran.work(whole(trace)).cycles == 2


def test_terms_belong_to_shifters() -> None:
    with pytest.raises(ConfigError, match=r"array\.terms is 2; with array\.mac multiply 1"):
        load_hardware({"name": "c", "array": {"kind": "csr_rows", "terms": 2}})


def of_mac(trace: GemmTrace, **fields: Any) -> dict[str, Any]:
    array = {"kind": "csr_rows", "pes": 2, "vector_width": 3, "banks": 1} | fields
    row: dict[str, Any] = accelsim.simulate(trace, {"name": "c", "array": array}, verify=True).layers.iloc[0].to_dict()
    return row


def test_energy_of_shifts_by_hand() -> None:
    """3 nonzeros x 2 pixels, 2 terms each: shifters of 3 stages on 15 bits, and 32-bit adds."""
    trace = GemmTrace("t", weight=[[4, 0], [-2, 6]], activation=[[1, 2], [3, 4]], **POW2)
    figures = default_table().figures
    gate = figures["gate_full_adders"] * figures["add_8_pj"] / 8
    row = of_mac(trace, mac="shift", terms=2)
    assert row["macs_executed"] == 6
    assert row["energy_mac_pj"] == pytest.approx(6 * 2 * (3 * 15 * gate + figures["add_32_pj"]), rel=1e-9)
    assert row["storage_weight_bits"] == 3 * 2 * 4


def test_logic_of_shifters_and_of_a_codebook_by_hand() -> None:
    """2 PEs of 3 lanes; a codebook of 4 bits holds 16 weights of 8 bits behind 15 multiplexers a bit."""
    base = CsrRowsArray(pes=2, vector_width=3).logic(4, 8)
    shift = CsrRowsArray(pes=2, vector_width=3, mac="shift", terms=2).logic(4, 8)
    assert "mac" not in shift
    assert shift["gate"] - base["gate"] == 2 * 3 * 2 * (3 * 15)
    assert shift["full_adder"] == 2 * 3 * 2 * 32
    assert shift["register_bit"] - base["register_bit"] == 2 * 4
    base, book = (CsrRowsArray(pes=2, vector_width=3, codebook_bits=bits).logic(8, 8) for bits in (None, 4))
    assert book["register_bit"] - base["register_bit"] == 2 * 16 * 8
    assert book["gate"] - base["gate"] == 2 * 15 * 8


def test_a_codebook_end_to_end() -> None:
    """Codes travel and lie in the buffer, weights come out of the table, and each entry pays its lookup once a pass."""
    rng = np.random.default_rng(7)
    book = np.array([-128, -77, -31, -9, -5, -3, -2, -1, 1, 2, 4, 6, 12, 33, 80, 127])
    weight = rng.choice(book, (20, 200)) * (rng.random((20, 200)) < 0.1)
    activation = rng.integers(-128, 128, (7, 200))
    coded = GemmTrace("t", weight=weight, activation=activation, **CODEBOOK)
    plain = GemmTrace("t", weight=weight, activation=activation)
    buffers = {"ifmap_kib": 16, "filter_kib": 16, "ofmap_kib": 16}
    machine = {"name": "c", "array": {"kind": "csr_rows", "pes": 4, "vector_width": 3}, "buffers": buffers}
    dram = {"dram": {"model": "bandwidth", "gbps": 8.0}, "mapping": {"m": 7, "n": 20, "k": 200}}
    rows = [accelsim.simulate(t, machine | dram, verify=True).layers.iloc[0] for t in (coded, plain)]
    nonzeros, passes = int(np.count_nonzero(weight)), 3
    assert [row["dram_weight_bytes"] for row in rows] == [-(-nonzeros * 4 // 8), nonzeros]
    assert rows[0]["dram_index_bytes"] == rows[1]["dram_index_bytes"]
    assert rows[0]["compute_cycles"] == rows[1]["compute_cycles"]
    assert [row["csr_rows_lookup_multiplexers"] for row in rows] == [nonzeros * passes * 15 * 8, 0]
    figures = default_table().figures
    multiplexer = figures["gate_full_adders"] * figures["add_8_pj"] / 8
    more = rows[0]["energy_mac_pj"] - rows[1]["energy_mac_pj"]
    assert more == pytest.approx(nonzeros * passes * 15 * 8 * multiplexer, rel=1e-6)
    assert rows[0]["energy_sram_pj"] < rows[1]["energy_sram_pj"]


def test_a_wider_codebook_than_the_table_goes_to_the_fallback() -> None:
    trace = GemmTrace("t", M=2, N=3, K=70, weight_coding="codebook", codebook_bits=5)
    assert program(trace, codebook_bits=5).weight_bits(0, 3, 0, 70) == 3 * 70 * 5
    with pytest.raises(UnsupportedLayerError, match="its codebook has 5 bits; at most 4 are expected"):
        program(trace, codebook_bits=4)


@pytest.mark.parametrize("name", ["shift", "codebook"])
def test_shipped_machines_load(name: str) -> None:
    array = load_hardware(f"sparse/csr-rows-16x16-{name}").array
    assert isinstance(array, CsrRowsArray)
    assert (array.peak_macs, array.mac == "shift", array.codebook_bits == 4) == (256, name == "shift", name != "shift")
