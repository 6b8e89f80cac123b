"""bitmap_rows keeps the contract of a PE array, and its cycles are those of a case worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bitmap_rows.array import BitmapRowsArray

import accelsim
from accelsim.testing import SparseConformance

MACHINE = Path(__file__).parent.parent / "bitmap-rows-16x16.yaml"


class TestBitmapRows(SparseConformance):
    """Every law of the suite, on an array that no edge of a layer fits and on a single MAC."""

    arrays = (BitmapRowsArray(rows=3, cols=4), BitmapRowsArray(rows=1, cols=1))

    def stored_bits(self, array, w):
        """8 bits a nonzero, a bit an element."""
        return 8 * int(np.count_nonzero(w)), w.size


def test_two_columns_by_hand():
    """Filter 0 has 3 nonzeros in word 0, none in word 1: 3 + 1 cycles; filter 1 has 2 and 1: 3. The pass takes 4."""
    weight = np.zeros((2, 128), np.int64)
    weight[0, [0, 5, 63]], weight[1, [1, 2, 64]] = 7, -7
    layer = accelsim.GemmTrace("fc", weight=weight, activation=np.ones((2, 128), np.int64))
    machine = {"name": "by hand", "array": {"kind": "bitmap_rows", "rows": 2, "cols": 2}}
    row = accelsim.simulate(layer, machine, verify=True).layers.iloc[0]
    assert row["compute_cycles"] == 4
    assert row["macs_executed"] == 2 * 6
    idle = [row[f"bitmap_rows_idle_{cause}"] for cause in ("empty", "wait", "edge")]
    assert idle == [2, 2, 0]
    assert sum(idle) + 12 == 4 * 2 * 2


def test_the_machine_loads_by_its_kind():
    assert isinstance(accelsim.load_hardware(MACHINE).array, BitmapRowsArray)
