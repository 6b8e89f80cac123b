"""The one written form of a layer: whole in workload files and checkpoints, brief in the shipped shapes."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import numpy as np
import pytest

from accelsim import GemmTrace
from accelsim.errors import FileFormatError, TraceError
from accelsim.trace.serialization import brief, describe, restore
from tests.accelsim.trace.layers import TRACES
from workloads.models import list_models
from workloads.shapes import FOLDER

FIELDS = [field.name for field in fields(GemmTrace) if not field.name.endswith("_operand")]
every = pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)


def same(one: GemmTrace, other: GemmTrace) -> None:
    """Every field, and every integer in its type."""
    assert [getattr(one, name) for name in FIELDS] == [getattr(other, name) for name in FIELDS]
    for a, b in ((one.weight_operand, other.weight_operand), (one.activation_operand, other.activation_operand)):
        assert type(a) is type(b)
        if a is not None:
            assert a.whole().dtype == b.whole().dtype
            np.testing.assert_array_equal(a.whole(), b.whole())


@every
def test_a_whole_record_gives_back_everything(trace):
    arrays: dict[str, np.ndarray] = {}
    record = json.loads(json.dumps(describe(trace, "7.", arrays)))
    same(restore(record, "7.", arrays, "a record"), trace)
    assert not arrays


@every
def test_a_brief_record_gives_back_the_shape(trace):
    if trace.conv is not None and trace.conv.columns is not None:
        with pytest.raises(TraceError, match="columns that a brief record cannot hold"):
            brief(trace)
        trace = replace(trace.as_shape(), conv=replace(trace.conv, columns=None), K=trace.conv.taps * 3)
    record = json.loads(json.dumps(brief(trace)))
    same(restore(record, "", {}, "a record", whole=False), trace.as_shape())
    assert len(record) <= len(describe(trace, "", {})) - 3


def test_a_brief_record_is_not_taken_for_a_whole_one():
    record = brief(GemmTrace("fc", M=1, N=2, K=3))
    with pytest.raises(FileFormatError, match="groups is missing"):
        restore(record, "", {}, "a file")
    with pytest.raises(FileFormatError, match="N is missing"):
        restore({"name": "fc"}, "", {}, "a file", whole=False)


@pytest.mark.parametrize("name", list_models())
def test_shipped_shapes_are_written_as_briefly_as_can_be(name):
    for entry in json.loads((FOLDER / f"{name}.json").read_text())["layers"]:
        assert brief(restore(entry, "", {}, "a shape", whole=False)) == entry
