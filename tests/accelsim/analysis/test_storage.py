"""Storage of whole networks by format."""

import numpy as np
import pytest

from accelsim import GemmTrace
from accelsim.analysis.storage import storage_rows, stored_codes
from accelsim.errors import TraceError
from accelsim.trace.workload import Workload


def test_values_and_indices_add_up_over_the_layers():
    rng = np.random.default_rng(0)
    layers = []
    for name, shape, density in (("a", (30, 100), 0.2), ("b", (10, 30), 0.5)):
        weight = rng.integers(1, 100, shape) * (rng.random(shape) < density)
        layers.append(GemmTrace(name, M=4, weight=weight))
    nonzero = sum(int(np.count_nonzero(t.weight)) for t in layers)
    rows = {row["format"]: row for row in storage_rows({"net": Workload("net", layers)})}
    assert (rows["dense"]["value_bits"], rows["dense"]["index_bits"]) == (8 * (30 * 100 + 10 * 30), 0)
    assert rows["csr_absolute"]["value_bits"] == 8 * nonzero
    assert rows["csr_absolute"]["index_bits"] == 6 * nonzero + 13 * (30 * 2 + 10 * 1)
    assert rows["csr_relative"]["value_bits"] == 8 * (nonzero + rows["csr_relative"]["padding_entries"])


def test_powers_of_two_are_stored_as_their_codes():
    trace = GemmTrace("a", M=1, weight=np.array([[0, 1, -1, 64, -8]]), weight_bits=4, weight_coding="pow2")
    assert stored_codes(trace).tolist() == [[0, 1, -1, 7, -4]]
    (row,) = storage_rows({"net": Workload("net", [trace])}, ["dense"])
    assert row["value_bits"] == 5 * 4
    with pytest.raises(TraceError, match="sums of powers"):
        stored_codes(GemmTrace("a", M=1, weight=np.array([[3]]), weight_bits=4, weight_coding="pow2"))


def test_a_shape_has_no_storage():
    with pytest.raises(TraceError, match="is a shape"):
        storage_rows({"net": Workload("net", [GemmTrace("a", M=1, N=2, K=3)])})
