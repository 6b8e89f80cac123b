"""Every array passes the same conformance class."""

import numpy as np
import pytest

import accelsim
from accelsim import GemmTrace
from accelsim.arrays import KINDS
from accelsim.errors import UnsupportedLayerError
from tests.references.conformance import ArrayConformance, SparseConformance


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


class TestCsrRowsOfShifts(SparseConformance):
    arrays = [
        {"kind": "csr_rows", "pes": 4, "vector_width": 4, "mac": "shift"},
        {"kind": "csr_rows", "pes": 3, "vector_width": 2, "mac": "shift", "terms": 2},
    ]
    bits = {"weight_bits": 4, "weight_coding": "pow2"}

    def weights(self, rng, shape, density):
        return (rng.choice([-1, 1], shape) << rng.integers(0, 7, shape)) * (rng.random(shape) < density)


class TestEie(SparseConformance):
    arrays = [
        {"kind": "eie", "pes": 4, "fifo_depth": 8},
        {"kind": "eie", "pes": 7, "fifo_depth": 2, "index_bits": 2},
    ]


class TestCambriconX(SparseConformance):
    arrays = [
        {"kind": "cambricon_x", "pes": 4, "multipliers": 4},
        {"kind": "cambricon_x", "pes": 7, "multipliers": 16, "index_bits": 2},
    ]


class TestNmSparse(SparseConformance):
    arrays = [
        {"kind": "nm_sparse", "rows": 4, "cols": 3, "dataflow": "os", "n": 2, "m": 4},
        {"kind": "nm_sparse", "rows": 3, "cols": 5, "dataflow": "ws", "n": 2, "m": 4},
        {"kind": "nm_sparse", "rows": 5, "cols": 2, "dataflow": "is", "n": 4, "m": 8},
    ]

    def weights(self, rng, shape, density):
        rank = rng.random((shape[0], -(-shape[1] // 4), 4)).argsort(axis=2).argsort(axis=2)
        kept = (rank < 2).reshape(shape[0], -1)[:, : shape[1]]
        return super().weights(rng, shape, density) * kept


class TestShift(ArrayConformance):
    arrays = [{"kind": "shift", "rows": 4, "cols": 3}, {"kind": "shift", "rows": 3, "cols": 5, "terms": 2}]
    bits = {"weight_bits": 4, "weight_coding": "pow2"}

    def weights(self, rng, shape, density):
        return (rng.choice([-1, 1], shape) << rng.integers(0, 7, shape)) * (rng.random(shape) < density)


class TestSticker(SparseConformance):
    arrays = [
        {"kind": "sticker", "pe_rows": 4, "pe_cols": 4},
        {"kind": "sticker", "pe_rows": 3, "pe_cols": 5, "thresholds": {"sparse": 1.0, "dense": 1.0}},
        {"kind": "sticker", "pe_rows": 2, "pe_cols": 7, "thresholds": {"sparse": 0.1, "dense": 0.5}},
    ]


class TestXnor(ArrayConformance):
    arrays = [{"kind": "xnor", "rows": 4, "cols": 3, "word_bits": 8}, {"kind": "xnor", "rows": 3, "cols": 5}]
    bits = {"weight_bits": 1, "activation_bits": 1, "weight_coding": "binary"}

    def weights(self, rng, shape, density):
        return rng.choice([-1, 1], shape)

    def activations(self, rng, shape):
        return rng.choice([-1, 1], shape)


class TestXnorOfSeveralBits(ArrayConformance):
    arrays = [{"kind": "xnor", "rows": 4, "cols": 3, "word_bits": 8, "multi_bit": True}]
    bits = {"weight_bits": 3, "activation_bits": 8}

    def weights(self, rng, shape, density):
        return rng.integers(-4, 4, shape) * (rng.random(shape) < density)


class TestBitserial(ArrayConformance):
    arrays = [
        {"kind": "bitserial", "rows": 4, "cols": 3, "word_bits": 8},
        {"kind": "bitserial", "rows": 3, "cols": 5},
        {"kind": "bitserial", "rows": 2, "cols": 2, "word_bits": 16, "skip_zero_planes": True},
    ]


class TestTernary(SparseConformance):
    arrays = [
        {"kind": "ternary", "rows": 4, "cols": 3},
        {"kind": "ternary", "rows": 3, "cols": 5, "zero_skipping": False},
        {"kind": "ternary", "rows": 2, "cols": 1},
    ]
    bits = {"weight_bits": 2, "weight_coding": "ternary"}

    def weights(self, rng, shape, density):
        return rng.choice([-1, 1], shape) * (rng.random(shape) < density)


class TestAdder(ArrayConformance):
    arrays = [{"kind": "adder", "rows": 4, "cols": 3}, {"kind": "adder", "rows": 3, "cols": 5}]

    def expected(self, x, w):
        return -np.abs(x[:, None, :] - w[None]).sum(axis=2)


CONVOLUTIONS_ONLY = {"scnn"}  # tests/test_scnn.py asks the same of it on convolutions


def test_no_array_is_left_out():
    classes = [*ArrayConformance.__subclasses__(), *SparseConformance.__subclasses__()]
    covered = {array["kind"] for c in classes for array in c.arrays}
    assert covered == set(KINDS) - CONVOLUTIONS_ONLY


@pytest.mark.parametrize("kind", sorted(CONVOLUTIONS_ONLY))
def test_what_is_held_to_the_laws_elsewhere_runs_no_gemm(kind):
    """The class asks everything on plain GEMMs, which these refuse: with a fallback it would test the fallback."""
    with pytest.raises(UnsupportedLayerError):
        accelsim.simulate(GemmTrace("layer", M=2, N=3, K=4), {"name": "bare", "array": {"kind": kind}})
