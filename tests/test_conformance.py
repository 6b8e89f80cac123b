"""Every array passes the same conformance class."""

from accelsim.arrays import KINDS
from tests.conformance import ArrayConformance, SparseConformance


class TestSystolic(ArrayConformance):
    arrays = [
        {"kind": "systolic", "rows": 4, "cols": 8, "dataflow": "os"},
        {"kind": "systolic", "rows": 8, "cols": 4, "dataflow": "ws"},
        {"kind": "systolic", "rows": 5, "cols": 3, "dataflow": "is"},
        {
            "kind": "systolic",
            "rows": 5,
            "cols": 3,
            "dataflow": "ws",
            "weight_double_buffer": True,
            "edge_folds": "clipped",
        },
    ]


class TestCsrRows(SparseConformance):
    arrays = [
        {"kind": "csr_rows", "pes": 4, "vector_width": 4},
        {"kind": "csr_rows", "pes": 8, "vector_width": 2, "assignment": "dynamic"},
        {"kind": "csr_rows", "pes": 3, "vector_width": 5, "banks": 7},
    ]


def test_no_array_is_left_out():
    classes = [*ArrayConformance.__subclasses__(), *SparseConformance.__subclasses__()]
    covered = {array["kind"] for c in classes for array in c.arrays}
    assert covered == set(KINDS)
