"""Every array passes the same conformance class."""

from typing import ClassVar

import numpy as np
import pytest

from accelsim import GemmTrace
from accelsim.arrays import KINDS, array_class
from accelsim.arrays.adder.array import AdderArray
from accelsim.arrays.bitserial import BitserialArray
from accelsim.arrays.cambricon_x.array import CambriconXArray
from accelsim.arrays.csr_rows.array import CsrRowsArray
from accelsim.arrays.eie.array import EieArray
from accelsim.arrays.nm_sparse import NmSparseArray
from accelsim.arrays.scnn.array import ScnnArray
from accelsim.arrays.shift.array import ShiftArray
from accelsim.arrays.sticker.array import StickerArray, Thresholds
from accelsim.arrays.systolic import SystolicArray
from accelsim.arrays.ternary.array import TernaryArray
from accelsim.arrays.xnor.array import XnorArray
from accelsim.errors import UnsupportedLayerError
from accelsim.testing import ArrayConformance, SparseConformance


def blocks(n: int, k: int, size: int) -> int:
    return n * -(-k // size)


def pow2_weights(rng, shape, density):
    return (rng.choice([-1, 1], shape) << rng.integers(0, 7, shape)) * (rng.random(shape) < density)


class TestSystolic(ArrayConformance):
    arrays = (
        SystolicArray(rows=4, cols=8, dataflow="os"),
        SystolicArray(rows=8, cols=4, dataflow="ws"),
        SystolicArray(rows=5, cols=3, dataflow="is"),
        SystolicArray(rows=5, cols=3, dataflow="ws", weight_double_buffer=True, edge_folds="clipped"),
        SystolicArray(rows=5, cols=3, dataflow="is", weight_double_buffer=True),
        SystolicArray(rows=5, cols=3, dataflow="os", edge_folds="clipped"),
        SystolicArray(rows=4, cols=3, dataflow="os", fold_overlap=True, zero_gating=True),
        SystolicArray(rows=3, cols=5, dataflow="os", fold_overlap=True, edge_folds="clipped"),
        SystolicArray(rows=4, cols=3, dataflow="ws", fold_overlap=True, group_packing=True, edge_folds="clipped"),
        SystolicArray(rows=3, cols=4, dataflow="is", fold_overlap=True, group_packing=True),
        SystolicArray(rows=4, cols=3, dataflow="ws", group_packing=True, zero_gating=True),
        SystolicArray(rows=4, cols=4, dataflow="auto"),
        SystolicArray(rows=4, cols=3, dataflow="auto", fold_overlap=True, group_packing=True, zero_gating=True),
    )

    def stored_bits(self, array, w):
        return w.size * 8, 0


class TestCsrRows(SparseConformance):
    arrays = (
        CsrRowsArray(pes=4, vector_width=4),
        CsrRowsArray(pes=8, vector_width=2, assignment="dynamic"),
        CsrRowsArray(pes=3, vector_width=5, banks=7),
        CsrRowsArray(pes=4, vector_width=3, order="balanced"),
    )

    def stored_bits(self, array, w):
        nonzeros = np.count_nonzero(w)
        return nonzeros * 8, nonzeros * 6 + blocks(*w.shape, 64) * 13


class TestCsrRowsOfShifts(SparseConformance):
    arrays = (
        CsrRowsArray(pes=4, vector_width=4, mac="shift"),
        CsrRowsArray(pes=3, vector_width=2, mac="shift", terms=2),
    )
    bits: ClassVar = {"weight_bits": 4, "weight_coding": "pow2"}

    def weights(self, rng, shape, density):
        return pow2_weights(rng, shape, density)

    def stored_bits(self, array, w):
        nonzeros = np.count_nonzero(w)
        return nonzeros * 4 * array.terms, nonzeros * 6 + blocks(*w.shape, 64) * 13


class TestCsrRowsOfACodebook(SparseConformance):
    arrays = (CsrRowsArray(pes=4, vector_width=4, codebook_bits=4),)
    bits: ClassVar = {"weight_coding": "codebook", "codebook_bits": 3}

    def weights(self, rng, shape, density):
        return rng.choice([-90, -7, -1, 2, 5, 31, 64, 100], shape) * (rng.random(shape) < density)

    def stored_bits(self, array, w):
        nonzeros = np.count_nonzero(w)
        return nonzeros * 3, nonzeros * 6 + blocks(*w.shape, 64) * 13


class TestEie(SparseConformance):
    arrays = (EieArray(pes=4, fifo_depth=8), EieArray(pes=7, fifo_depth=2, index_bits=2))


class TestCambriconX(SparseConformance):
    arrays = (
        CambriconXArray(pes=4, multipliers=4),
        CambriconXArray(pes=7, multipliers=16, index_bits=2),
        CambriconXArray(pes=3, multipliers=5, index_bits=16),
    )

    def stored_bits(self, array, w):
        """Steps of 16 bits need no padding."""
        if array.index_bits < 16:
            return None
        nonzeros = np.count_nonzero(w)
        return nonzeros * 8, nonzeros * 16 + blocks(*w.shape, 256) * 9


class TestNmSparse(SparseConformance):
    arrays = (
        NmSparseArray(rows=4, cols=3, dataflow="os", n=2, m=4),
        NmSparseArray(rows=3, cols=5, dataflow="ws", n=2, m=4),
        NmSparseArray(rows=5, cols=2, dataflow="is", n=4, m=8),
    )

    def weights(self, rng, shape, density):
        rank = rng.random((shape[0], -(-shape[1] // 4), 4)).argsort(axis=2).argsort(axis=2)
        allowed = (rank < 2).reshape(shape[0], -1)[:, : shape[1]]
        return super().weights(rng, shape, density) * allowed

    def stored_bits(self, array, w):
        n, k = w.shape
        slots = k // array.m * array.n + min(array.n, k % array.m)
        return n * slots * 8, blocks(n, k, array.m) * array.n * (array.m - 1).bit_length()


class TestShift(ArrayConformance):
    arrays = (ShiftArray(rows=4, cols=3), ShiftArray(rows=3, cols=5, terms=2))
    bits: ClassVar = {"weight_bits": 4, "weight_coding": "pow2"}

    def weights(self, rng, shape, density):
        return pow2_weights(rng, shape, density)

    def stored_bits(self, array, w):
        return w.size * 4 * array.terms, 0


class TestSticker(SparseConformance):
    arrays = (
        StickerArray(pe_rows=4, pe_cols=4),
        StickerArray(pe_rows=3, pe_cols=5, thresholds=Thresholds(sparse=1.0, dense=1.0)),
        StickerArray(pe_rows=2, pe_cols=7, thresholds=Thresholds(sparse=0.1, dense=0.5)),
        StickerArray(pe_rows=2, pe_cols=3, thresholds=Thresholds(sparse=0.0, dense=0.0)),
    )

    def stored_bits(self, array, w):
        nonzeros, sizes = np.count_nonzero(w), array.thresholds
        if nonzeros / w.size <= sizes.sparse:
            return nonzeros * 8, nonzeros * 6 + blocks(*w.shape, 64) * 7
        return (w.size * 8, 0) if nonzeros / w.size > sizes.dense else (nonzeros * 8, w.size)


class TestScnn(SparseConformance):
    arrays = (
        ScnnArray(pe_rows=2, pe_cols=2),
        ScnnArray(pe_rows=3, pe_cols=1, ifmap_vector=3, filter_vector=2, banks=5, accumulators=100),
        ScnnArray(pe_rows=1, pe_cols=4, barrier="group", accumulators=150),
    )
    convolutions = True


class TestXnor(ArrayConformance):
    arrays = (XnorArray(rows=4, cols=3, word_bits=8), XnorArray(rows=3, cols=5))
    bits: ClassVar = {"weight_bits": 1, "activation_bits": 1, "weight_coding": "binary"}

    def weights(self, rng, shape, density):
        return rng.choice([-1, 1], shape)

    def activations(self, rng, shape):
        return rng.choice([-1, 1], shape)

    def stored_bits(self, array, w):
        return w.size, 0


class TestXnorOfSeveralBits(ArrayConformance):
    arrays = (XnorArray(rows=4, cols=3, word_bits=8, multi_bit=True),)
    bits: ClassVar = {"weight_bits": 3, "activation_bits": 8}

    def weights(self, rng, shape, density):
        return rng.integers(-4, 4, shape) * (rng.random(shape) < density)

    def stored_bits(self, array, w):
        return w.size * 3, 0


class TestBitserialUnsigned(ArrayConformance):
    """{0, 1} weights and activations of 0 to 7: no plane for a sign, and no correction."""

    arrays = (BitserialArray(rows=4, cols=3, word_bits=8), BitserialArray(rows=2, cols=2, skip_zero_planes=True))
    bits: ClassVar = {"weight_bits": 1, "activation_bits": 3, "weight_signed": False, "activation_signed": False}

    def weights(self, rng, shape, density):
        return (rng.random(shape) < density).astype(int)

    def activations(self, rng, shape):
        return rng.integers(0, 8, shape) * (rng.random(shape) < 0.7)

    def stored_bits(self, array, w):
        return w.size, 0


class TestSystolicOfZeroPoints(ArrayConformance):
    """Raw codes of 0 to 255 with 100 for zero; gated MACs are those of code 0."""

    arrays = (SystolicArray(rows=4, cols=3), SystolicArray(rows=3, cols=5, dataflow="ws", zero_gating=True))
    bits: ClassVar = {"activation_signed": False, "activation_zero_point": 100}

    def activations(self, rng, shape):
        return rng.integers(-100, 156, shape) * (rng.random(shape) < 0.7)


class TestBitserial(ArrayConformance):
    arrays = (
        BitserialArray(rows=4, cols=3, word_bits=8),
        BitserialArray(rows=3, cols=5),
        BitserialArray(rows=2, cols=2, word_bits=16, skip_zero_planes=True),
    )

    def stored_bits(self, array, w):
        return w.size * 8, 0


class TestTernary(SparseConformance):
    arrays = (
        TernaryArray(rows=4, cols=3),
        TernaryArray(rows=3, cols=5, zero_skipping=False),
        TernaryArray(rows=2, cols=1),
    )
    bits: ClassVar = {"weight_bits": 2, "weight_coding": "ternary"}

    def weights(self, rng, shape, density):
        return rng.choice([-1, 1], shape) * (rng.random(shape) < density)

    def stored_bits(self, array, w):
        folds = [w[n : n + array.cols] for n in range(0, len(w), array.cols)]
        if not array.zero_skipping:
            return w.size * 2, 0
        return sum(int(fold.any(axis=0).sum()) * len(fold) * 2 for fold in folds), len(folds) * w.shape[1]


class TestAdder(ArrayConformance):
    arrays = (AdderArray(rows=4, cols=3), AdderArray(rows=3, cols=5))

    def expected(self, x, w):
        return -np.abs(x[:, None, :] - w[None]).sum(axis=2)

    def effectual(self, x, w):
        return len(x) * w.size

    def stored_bits(self, array, w):
        return w.size * 8, 0


SUITES = [suite for name, suite in list(globals().items()) if name.startswith("Test")]


def test_no_array_is_left_out():
    assert {array.kind for suite in SUITES for array in suite.arrays} == set(KINDS)


@pytest.mark.parametrize("suite", [suite for suite in SUITES if suite.convolutions])
def test_what_is_held_to_the_laws_on_convolutions_runs_no_gemm(suite):
    with pytest.raises(UnsupportedLayerError):
        array_class(suite.arrays[0].kind)().program(GemmTrace("layer", M=2, N=3, K=4))


@pytest.mark.parametrize("suite", [suite for suite in SUITES if not suite.convolutions])
def test_datapaths_of_gemm_arrays_on_convolutions(suite):
    class OfConvolutions(suite):
        convolutions = True

    source = OfConvolutions()
    for array in source.instances():
        source.test_program_datapath_on_awkward_sizes(array)
        source.test_program_nonzeros_by_numpy(array)
