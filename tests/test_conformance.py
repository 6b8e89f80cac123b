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


class TestEie(SparseConformance):
    arrays = [
        {"kind": "eie", "pes": 4, "fifo_depth": 8},
        {"kind": "eie", "pes": 7, "fifo_depth": 2, "index_bits": 2},
    ]


class TestShift(ArrayConformance):
    arrays = [{"kind": "shift", "rows": 4, "cols": 3}, {"kind": "shift", "rows": 3, "cols": 5, "terms": 2}]
    bits = {"weight_bits": 4, "weight_coding": "pow2"}

    def weights(self, rng, shape, density):
        return (rng.choice([-1, 1], shape) << rng.integers(0, 7, shape)) * (rng.random(shape) < density)


class TestXnor(ArrayConformance):
    arrays = [{"kind": "xnor", "rows": 4, "cols": 3, "word_bits": 8}, {"kind": "xnor", "rows": 3, "cols": 5}]
    bits = {"weight_bits": 1, "activation_bits": 1, "weight_coding": "binary"}

    def weights(self, rng, shape, density):
        return rng.choice([-1, 1], shape)

    def activations(self, rng, shape):
        return rng.choice([-1, 1], shape)


def test_no_array_is_left_out():
    classes = [*ArrayConformance.__subclasses__(), *SparseConformance.__subclasses__()]
    covered = {array["kind"] for c in classes for array in c.arrays}
    assert covered == set(KINDS)
