"""A counter that is not declared raises, wherever it is counted, read or priced."""

from typing import ClassVar, Literal

import numpy as np
import pytest

import accelsim
from accelsim import GemmTrace
from accelsim.arrays import KINDS, array_class
from accelsim.arrays.base import Program, Tile
from accelsim.arrays.counters import COMMON, Cause, CounterSchema, CounterSpec, Counts, Role, idle, statistic
from accelsim.arrays.nm_sparse import NmSparseArray
from accelsim.arrays.operation import Operation
from accelsim.arrays.systolic import SystolicArray, SystolicProgram
from accelsim.energy.actions import Widths, actions, buffer_bytes
from accelsim.errors import InternalError, UnsupportedLayerError
from accelsim.technology.cost import Cost
from accelsim.technology.table import default_table

TRACE = GemmTrace("layer", weight=np.eye(3, 4, dtype=int), activation=np.ones((2, 4), int))


def test_counts_of_a_schema():
    schema = CounterSchema("mine", [statistic("mine_words", "words", "words read")])
    one = schema.count(macs_executed=3, mine_words=np.int64(2))
    assert one["macs_executed"] == 3
    assert one["mine_words"] == 2
    assert one["decodes"] == 0
    assert (one + one) == one * 2 == schema.count(macs_executed=6, mine_words=4)
    assert one * 1 is one
    assert one.replace(mine_words=7)["mine_words"] == 7
    assert [name for name, _ in one.items()] == [*(spec.name for spec in COMMON), "mine_words"]
    assert {type(number) for _, number in one.items()} == {int}


def test_a_misspelt_counter_is_an_error():
    schema = CounterSchema("mine", [statistic("mine_words", "words", "words read")])
    for use in (
        lambda: schema.count(sram_filter_read=1),
        lambda: schema.count()["sram_filter_read"],
        lambda: schema.count().replace(sram_filter_read=1),
    ):
        with pytest.raises(InternalError, match="'sram_filter_read' is not declared by array 'mine'; did you mean"):
            use()


@pytest.mark.parametrize("value", [1.5, 2.0, "3", None])
def test_a_count_is_an_integer(value):
    with pytest.raises(InternalError, match="counter 'decodes' of array 'mine' is "):
        CounterSchema("mine").count(decodes=value)


def test_counts_of_two_arrays_do_not_add_up():
    with pytest.raises(InternalError, match="counts of 'two' are added to those of 'one'"):
        CounterSchema("one").count() + CounterSchema("two", [statistic("two_words", "words", "")]).count()


@pytest.mark.parametrize("name", ["words", "yours_words", "macs_executed", "mine_twice"])
def test_own_counters_begin_with_the_kind_and_stand_once(name):
    with pytest.raises(InternalError, match="counters of 'mine'"):
        CounterSchema("mine", [statistic(name, "words", ""), statistic("mine_twice", "words", "")])


def test_idle_counters_and_no_others_have_a_known_cause():
    assert idle("mine_idle", Cause.EDGE, "").role is Role.IDLE
    with pytest.raises(InternalError, match="cause of counter 'mine_idle'"):
        CounterSpec("mine_idle", "lane cycles", Role.IDLE, "")
    with pytest.raises(InternalError, match="'weather'; expected: imbalance, index"):
        CounterSpec("mine_idle", "lane cycles", Role.IDLE, "", cause="weather")
    with pytest.raises(InternalError, match="expected: none"):
        CounterSpec("mine_words", "words", Role.STATISTIC, "", cause="edges")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_declares_what_it_counts(kind):
    schema = array_class(kind)().schema
    assert schema.kind == kind
    assert schema is array_class(kind)(accumulator_bits=20).schema
    assert all(spec.unit and spec.meaning for spec in schema.specs)
    assert {spec.name for spec in schema.idle} == {name for name in schema.names if f"{kind}_idle_" in name}


class Misspelt(SystolicProgram):
    def _counts(self, tile):
        counts = super()._counts(tile)
        return counts | {"sram_filter_read": counts.pop("sram_filter_reads")}


class MisspeltArray(SystolicArray):
    kind: Literal["misspelt"] = "misspelt"

    def program(self, trace: GemmTrace) -> Program:
        return Misspelt(self, trace)


class UnpricedArray(SystolicArray):
    kind: Literal["unpriced"] = "unpriced"
    wrong: ClassVar[str] = "mac_executed"

    def operations(self, table, weight_bits, activation_bits):
        return (Operation("multiply-accumulate", self.wrong, Cost(1.0, "1")),)


def test_a_misspelt_counter_of_an_array_is_an_error():
    """It used to cost the layer's SRAM energy and nobody noticed."""
    program = MisspeltArray(rows=2, cols=2).program(TRACE)
    with pytest.raises(InternalError, match="'sram_filter_read' is not declared by array 'misspelt'"):
        program.work(Tile(0, 2, 0, 3, 0, 4))


def test_an_operation_priced_by_a_misspelt_counter_is_an_error():
    """It used to cost nothing."""
    array = UnpricedArray(rows=2, cols=2)
    assert array.operations(default_table(), 8, 8)[0].count == "mac_executed"
    with pytest.raises(InternalError, match="'mac_executed' is not declared by array 'unpriced'"):
        array.priced_operations(default_table(), 8, 8)
    machine = accelsim.load_hardware({"name": "test", "array": {"kind": "systolic"}})
    with pytest.raises(InternalError, match="'mac_executed' is not declared by array 'unpriced'"):
        actions(machine, array, Widths(), buffer_bytes(machine), 0.0)


def test_errors_of_nm_sparse_name_it():
    array = NmSparseArray(rows=2, cols=2)
    program = array.program(TRACE)
    assert program.array is array
    assert isinstance(program.count(), Counts)
    with pytest.raises(UnsupportedLayerError, match="cannot run on nm_sparse"):
        array.program(GemmTrace("l1", M=2, N=3, K=4, operation="l1"))
