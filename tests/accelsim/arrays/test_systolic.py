"""The dense array against a register-by-register model, and its options against what they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim import GemmTrace
from accelsim.errors import ConfigError, TraceError
from tests.references import systolic as reference_systolic


def simulate(x, w, verify=True, **array):
    hardware = {"name": "t", "array": {"kind": "systolic", **array}}
    return accelsim.simulate(GemmTrace("layer", weight=w, activation=x), hardware, verify=verify)


@st.composite
def cases(draw):
    m, n, k = (draw(st.integers(1, 9)) for _ in range(3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x, w = rng.integers(-128, 128, (m, k)), rng.integers(-128, 128, (n, k))
    return x, w, draw(st.integers(1, 5)), draw(st.integers(1, 5))


def check_against_the_register_model(dataflow, case, clipped, hidden):
    x, w, rows, cols = case
    clocks, out = reference_systolic.run(x, w, rows, cols, dataflow, clipped, hidden)
    folds = "clipped" if clipped else "full"
    report = simulate(x, w, rows=rows, cols=cols, dataflow=dataflow, edge_folds=folds, weight_double_buffer=hidden)
    assert report.compute_cycles == clocks
    assert np.array_equal(report.outputs["layer"], out)
    assert np.array_equal(out, x @ w.T)


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
@settings(max_examples=300, deadline=None, derandomize=True)
@given(case=cases(), clipped=st.booleans(), hidden=st.booleans())
def test_cycles_and_values_equal_the_register_model(dataflow, case, clipped, hidden):
    check_against_the_register_model(dataflow, case, clipped, hidden)


@pytest.mark.slow
@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
@settings(max_examples=2000, deadline=None)
@given(case=cases(), clipped=st.booleans(), hidden=st.booleans())
def test_many_more_cases_equal_the_register_model(dataflow, case, clipped, hidden):
    check_against_the_register_model(dataflow, case, clipped, hidden)


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_widths_change_bytes_and_energy_but_not_cycles(dataflow):
    reports = []
    for bits in (1, 4, 8, 16, 32):
        trace = GemmTrace("layer", M=33, N=17, K=40, weight_bits=bits, activation_bits=bits)
        array = {"kind": "systolic", "rows": 8, "cols": 8, "dataflow": dataflow}
        reports.append(accelsim.simulate(trace, {"name": "t", "array": array}))
    assert len({r.cycles for r in reports}) == 1
    for figure in ("dram_bytes", "energy_pj", "area_um2"):
        values = [getattr(r, figure) for r in reports]
        assert values == sorted(values)
        assert len(set(values)) == 5


@pytest.mark.parametrize("nm", ["2:4", "1:4", "4:8"])
@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_nm_shortens_k_and_equals_the_dense_run_of_the_shorter_layer(nm, dataflow):
    n, m = map(int, nm.split(":"))
    k = 45
    short = k // m * n + min(n, k % m)
    array = {"kind": "systolic", "rows": 4, "cols": 8, "dataflow": dataflow}
    sparse = accelsim.simulate(GemmTrace("a", M=30, N=20, K=k), {"name": "t", "array": array | {"nm": nm}})
    dense = accelsim.simulate(GemmTrace("a", M=30, N=20, K=short), {"name": "t", "array": array})
    assert sparse.compute_cycles == dense.compute_cycles
    row = sparse.layers.iloc[0]
    assert row.dram_weight_bytes == 20 * short
    assert row.dram_index_bytes == -(-20 * -(-k // m) * n * (m - 1).bit_length() // 8)


def test_nm_refuses_a_denser_pattern_and_names_row_and_group():
    weight = np.zeros((3, 8), int)
    weight[1, 4:7] = 1
    with pytest.raises(TraceError, match=r"row 1 group 1 has 3 nonzeros; 2 in every 4"):
        simulate(np.ones((2, 8), int), weight, nm="2:4")


@pytest.mark.parametrize("nm", ["a:b", "5:4", "0:4", "2", "2:4:8"])
def test_nm_must_be_two_numbers_in_order(nm):
    with pytest.raises(ConfigError, match="nm"):
        accelsim.load_hardware({"name": "t", "array": {"kind": "systolic", "nm": nm}})


def test_clipping_never_costs_cycles_and_full_folds_follow_the_closed_form():
    trace = GemmTrace("a", M=100, N=37, K=50)
    for dataflow, (sr, sc, t) in {"os": (100, 37, 50), "ws": (50, 37, 100), "is": (50, 100, 37)}.items():
        array = {"kind": "systolic", "rows": 16, "cols": 8, "dataflow": dataflow}
        full, clipped = (
            accelsim.simulate(trace, {"name": "t", "array": array | {"edge_folds": e}}).compute_cycles
            for e in ("full", "clipped")
        )
        fold = t + 16 + 8 - 2 + (16 if dataflow != "os" else 0)
        assert full == -(-sr // 16) * -(-sc // 8) * fold
        assert clipped < full
