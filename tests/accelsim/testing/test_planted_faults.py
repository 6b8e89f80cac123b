"""Tests of the test: an array with one planted fault fails the conformance class, at the test that is there for it."""

import subprocess
import sys
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
import pytest

from accelsim.arrays.base import Program, Work
from accelsim.arrays.counters import CounterSchema, Counts, statistic
from accelsim.arrays.csr_rows.array import CsrRowsArray, CsrRowsProgram
from accelsim.arrays.operation import Operation
from accelsim.arrays.systolic import SystolicArray, SystolicProgram
from accelsim.errors import InternalError, VerificationError
from accelsim.technology.cost import Cost
from accelsim.testing import ArrayConformance, SparseConformance
from accelsim.trace.gemm import GemmTrace


class Sparse(CsrRowsProgram):
    """csr_rows, in which a fault is planted."""


class Dense(SystolicProgram):
    """systolic, in which a fault is planted."""


class SparseArray(CsrRowsArray):
    kind: Literal["csr_rows"] = "csr_rows"
    faulty: ClassVar[type[Program]] = Sparse

    def program(self, trace: GemmTrace) -> Program:
        return self.faulty(self, trace)


class DenseArray(SystolicArray):
    kind: Literal["systolic"] = "systolic"
    faulty: ClassVar[type[Program]] = Dense

    def program(self, trace: GemmTrace) -> Program:
        return self.faulty(self, trace)


def failures(array, suite=SparseConformance) -> dict[str, str]:
    """The tests of the array alone that fail, with what they say."""

    class Suite(suite):
        arrays = (array,)

    source, result = Suite(), {}
    for name in (name for name in dir(source) if name.startswith("test_program_")):
        try:
            getattr(source, name)(array)
        except (AssertionError, InternalError, VerificationError) as error:
            result[name.removeprefix("test_program_")] = str(error)
    return result


def planted(program: type[Program]):
    """The small array that runs on a faulty program."""
    if issubclass(program, CsrRowsProgram):
        return type("Planted", (SparseArray,), {"faulty": program, "__module__": __name__})(pes=4, vector_width=4)
    return type("Planted", (DenseArray,), {"faulty": program, "__module__": __name__})(rows=4, cols=8)


@pytest.mark.parametrize("array", [planted(Sparse), planted(Dense)], ids=["sparse", "dense"])
def test_without_a_fault_nothing_fails(array):
    assert failures(array, SparseConformance if isinstance(array, SparseArray) else ArrayConformance) == {}


class SevenCyclesMore(Dense):
    def work(self, tile):
        return replace(super().work(tile), cycles=super().work(tile).cycles + 7)


class SevenCyclesMoreOnLanes(Sparse):
    def work(self, tile):
        return replace(super().work(tile), cycles=super().work(tile).cycles + 7)


class IdleLanesForgotten(Sparse):
    def work(self, tile):
        work = super().work(tile)
        return replace(work, counts=work.counts.replace(csr_rows_idle_edge=0))


class ExecutedTwice(Dense):
    def work(self, tile):
        work = super().work(tile)
        return replace(work, cycles=1)


class BitsDisagree(Sparse):
    def bits_of_tiles(self, n, k):
        weights, indices = super().bits_of_tiles(n, k)
        return weights, indices + 13


class BitsOfWeightsDisagree(Sparse):
    def weight_bits(self, n0, n1, k0, k1):
        return super().weight_bits(n0, n1, k0, k1) + 8


class TooFewBits(Sparse):
    def weight_bits(self, n0, n1, k0, k1):
        return super().weight_bits(n0, n1, k0, k1) // 2

    def bits_of_tiles(self, n, k):
        return Program.bits_of_tiles(self, n, k)


class ShrinkingBits(Sparse):
    def index_bits(self, n0, n1, k0, k1):
        return 10000 // (n1 - n0)

    def bits_of_tiles(self, n, k):
        return Program.bits_of_tiles(self, n, k)


class UniformWeightsClaimed(Sparse):
    uniform_weights = True

    def entries(self, n0, n1, k0, k1):
        return self.entry_sums.of_tile(n0, n1, k0, k1) if self.trace.weight_operand else (n1 - n0) * (k1 - k0)


class UndeclaredCounter(Sparse):
    def work(self, tile):
        work = super().work(tile)
        return replace(work, counts=work.counts.replace(csr_rows_idle_tea=1))


class CountsOfAnotherArray(Sparse):
    schema_of_another = CounterSchema("csr_rows", [statistic("csr_rows_tea", "cups", "tea")])

    def work(self, tile):
        counts = Counts(self.schema_of_another, (1,) * len(self.schema_of_another.names))
        return Work(super().work(tile).cycles, counts)


class NegativeCounter(Sparse):
    def work(self, tile):
        work = super().work(tile)
        return replace(work, counts=work.counts.replace(csr_rows_lookup_multiplexers=-1))


class CoarseWorkKey(Sparse):
    def work_key(self, tile):
        return tile.shape, tile.k0 > 0


class ForgottenPsums(Sparse):
    def work(self, tile):
        work = super().work(tile)
        return replace(work, counts=work.counts.replace(sram_psum_reads=0))


class PsumsReadForNothing(Dense):
    def work(self, tile):
        work = super().work(tile)
        return replace(work, counts=work.counts.replace(sram_psum_reads=tile.outputs))


class CheapCuts(Dense):
    cut_cycles = 1


class CutsThatExecuteMore(Dense):
    def work(self, tile):
        work = super().work(tile)
        more = 1 if tile.k0 else 0
        return replace(work, counts=work.counts.replace(macs_executed=work.counts["macs_executed"] + more))


class WrongEffectualMacs(Sparse):
    def effectual_macs(self):
        return super().effectual_macs() + 1


class WrongNonzeros(Sparse):
    def weights_nonzero(self):
        return super().weights_nonzero() - 1


class WrongOutput(Sparse):
    def functional(self):
        out = super().functional()
        out[-1, -1] += 1
        return out


class CostlyShape(Sparse):
    def work(self, tile):
        work = super().work(tile)
        if not self.is_shape:
            return work
        idle = work.counts["csr_rows_idle_imbalance"] + self.array.peak_macs
        return Work(work.cycles + 1, work.counts.replace(csr_rows_idle_imbalance=idle))


class ZerosCostTime(Sparse):
    def work(self, tile):
        work = super().work(tile)
        zeros = tile.shape[1] * tile.shape[2] - self.entries(tile.n0, tile.n1, tile.k0, tile.k1)
        idle = work.counts["csr_rows_idle_imbalance"] + self.array.peak_macs * zeros
        return Work(work.cycles + zeros, work.counts.replace(csr_rows_idle_imbalance=idle))


FAULTS = {
    SevenCyclesMore: ("tiles_add_up", "tiles take"),
    SevenCyclesMoreOnLanes: ("lanes_add_up", "lane cycles of Tile"),
    IdleLanesForgotten: ("lanes_add_up", "lane cycles of Tile"),
    ExecutedTwice: ("lanes_add_up", "executed in"),
    BitsDisagree: ("bits_of_tiles_agree", "among all tiles"),
    BitsOfWeightsDisagree: ("bits_of_tiles_agree", "among all tiles"),
    TooFewBits: ("weights_fit_their_bits", "its nonzeros need"),
    ShrinkingBits: ("larger_tiles_have_no_fewer_bits", "around it"),
    UniformWeightsClaimed: ("larger_tiles_have_no_fewer_bits", "another tile as large"),
    UndeclaredCounter: ("counts_are_declared", "'csr_rows_idle_tea' is not declared"),
    CountsOfAnotherArray: ("counts_are_declared", "csr_rows_tea"),
    NegativeCounter: ("counts_are_declared", "-1"),
    CoarseWorkKey: ("equal_keys_cost_equal_work", "have one work key"),
    ForgottenPsums: ("cuts_lose_nothing", "0 psums read by"),
    PsumsReadForNothing: ("psums_spill_where_they_say", "does not spill"),
    CheapCuts: ("cuts_of_time_cost_what_they_say", "cuts add"),
    CutsThatExecuteMore: ("cuts_lose_nothing", "the whole"),
    WrongEffectualMacs: ("nonzeros_by_numpy", "numpy says"),
    WrongNonzeros: ("nonzeros_by_numpy", "numpy says"),
    WrongOutput: ("datapath_on_awkward_sizes", "csr_rows"),
    CostlyShape: ("a_shape_costs_what_nonzeros_cost", "of the shape"),
    ZerosCostTime: ("fewer_nonzeros_never_cost_more", "zeros in place of weights"),
}


@pytest.mark.parametrize("program", FAULTS, ids=lambda program: program.__name__)
def test_a_fault_of_the_program_is_caught(program):
    test, said = FAULTS[program]
    caught = failures(planted(program))
    assert test in caught, sorted(caught)
    assert said in caught[test]


class CheapFills(Dense):
    fill_cycles = 1


class GroupsInMoreCycles(Dense):
    joins_groups = True

    def work(self, tile):
        work = super().work(tile)
        return replace(work, cycles=work.cycles + 99 * tile.continues)


def test_faults_of_overlapped_folds_are_caught():
    class Suite(ArrayConformance):
        arrays = tuple(
            planted(program).model_copy(update={"fold_overlap": True}) for program in (CheapFills, GroupsInMoreCycles)
        )

    cheap, slow = Suite.instances()
    assert "cycles, at most" in failures(cheap)["cuts_cost_what_they_say"]
    assert failures(slow) == {}  # programs of one group
    with pytest.raises(AssertionError):
        Suite().test_groups_run_one_after_another(slow)


class PricedUndeclared(SparseArray):
    def operations(self, table, weight_bits, activation_bits):
        more = Operation("tea", "csr_rows_tea", Cost(1.0, "1"))
        return (*super().operations(table, weight_bits, activation_bits), more)


class NoCost(SparseArray):
    def operations(self, table, weight_bits, activation_bits):
        return (Operation("multiply-accumulate", "macs_executed", Cost(float("nan"), "nan")),)


class UnknownLogic(SparseArray):
    def logic(self, weight_bits, activation_bits):
        return {"teapot": 1.0}


class ScalesNothing(SparseArray):
    scalable: ClassVar = ("pes", "banks")


class ScalesNoField(SparseArray):
    scalable: ClassVar = ("rows",)


@pytest.mark.parametrize(
    ("array", "test", "said"),
    [
        (PricedUndeclared(), "operations_and_logic_are_priced", "'csr_rows_tea' is not declared by array 'csr_rows'"),
        (NoCost(), "operations_and_logic_are_priced", "costs nan pJ"),
        (UnknownLogic(), "operations_and_logic_are_priced", "'teapot'"),
        (ScalesNothing(banks=4), "size_and_configuration", "at banks 4"),
        (ScalesNoField(), "size_and_configuration", "'rows' is no field"),
    ],
)
def test_a_fault_of_the_configuration_is_caught(array, test, said):
    assert said in failures(array)[test]


class WrongFormat(SparseConformance):
    arrays = (CsrRowsArray(pes=4, vector_width=4),)

    def stored_bits(self, array, w):
        return np.count_nonzero(w) * 8, 0


def test_bits_are_compared_with_what_numpy_says_of_the_format():
    with pytest.raises(AssertionError, match="numpy says"):
        WrongFormat().test_program_weights_fit_their_bits(WrongFormat.instances()[0])


def test_one_array_or_several_as_instances_or_as_plain_values():
    class One(ArrayConformance):
        array = DenseArray(rows=2, cols=3)

    class Several(ArrayConformance):
        arrays = (DenseArray(rows=2, cols=3), {"kind": "systolic", "rows": 4, "cols": 5})

    assert One.instances() == [One.array]
    assert Several.instances() == [Several.arrays[0], SystolicArray(rows=4, cols=5)]


def test_a_class_without_arrays_is_an_error():
    class Empty(ArrayConformance):
        pass

    with pytest.raises(AssertionError, match="Empty names no arrays"):
        Empty.instances()


def test_importing_it_needs_no_hypothesis():
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import accelsim.testing; assert 'pytest' not in sys.modules\n"
        "from accelsim.testing import ArrayConformance"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
