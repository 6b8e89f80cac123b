"""`dataclasses.replace` on traces of every sort: what is not named stays, and integers are not looked at again."""

from __future__ import annotations

import pickle
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from accelsim import ConvGeometry, GemmTrace, Workload
from accelsim.analysis.comparison import uncompressed
from accelsim.analysis.dense_baseline import dense_workload
from accelsim.errors import TraceError
from accelsim.trace.operand import ArrayOperand, PatternOperand
from tests.accelsim.trace.layers import COLUMNS, TRACES, ints
from workloads.shapes.changes import changed

FIELDS = [field.name for field in fields(GemmTrace)]
FORMAT = ("weight_bits", "activation_bits", "weight_coding", "codebook_bits", "filter_bits")
every = pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
WITH_ARRAYS = {n: t for n, t in TRACES.items() if isinstance(t.weight_operand, ArrayOperand)}
FORMATS = {name: TRACES[name] for name in ("ternary", "codebook", "ternary shape", "ternary pattern", "conv shape")}


def values(trace: GemmTrace, *but: str) -> dict[str, Any]:
    """Its fields; operands compare by identity."""
    return {name: getattr(trace, name) for name in FIELDS if name not in but}


@every
def test_a_copy_has_every_field_and_the_very_operands(trace):
    copy = replace(trace)
    assert values(copy) == values(trace)
    assert copy is not trace
    assert copy.number_format == trace.number_format
    assert copy != trace  # equality is identity


@every
def test_another_name_changes_nothing_else(trace):
    copy = replace(trace, name="another")
    assert values(copy, "name") == values(trace, "name")
    assert copy.name == "another"
    for one, other in ((copy.weight, trace.weight), (copy.activation, trace.activation)):
        np.testing.assert_array_equal(one, other)


@every
def test_without_integers_only_they_are_gone(trace):
    gone = ("weight_operand", "activation_operand")
    for shape in (trace.as_shape(), replace(trace, weight=None, activation=None)):
        assert values(shape, *gone) == values(trace, *gone)
        assert (shape.weight, shape.activation, shape.ifmap) == (None, None, None)


@every
def test_other_bits_keep_the_coding_and_are_checked(trace):
    """Patterns are drawn anew in the format, values must fit it, and bits of single filters must be named with it."""
    attention = {} if trace.has_weights else {"activation_bits": 1}
    if trace.filter_bits is not None:
        with pytest.raises(TraceError, match="filter_bits of filter"):
            replace(trace, weight_bits=1)
        return
    if trace.float_format is not None:  # which says the bits itself
        assert replace(trace, weight_bits=1).weight_bits == trace.weight_bits
        return
    if isinstance(trace.weight_operand, ArrayOperand) and trace.weight_coding != "ternary":
        with pytest.raises(TraceError, match=r"allows (-1|0) to 1"):
            replace(trace, weight_bits=1)
        return
    copy = replace(trace, weight_bits=1, **attention)
    assert copy.weight_bits == copy.number_format.weight_bits == 1
    assert values(copy, "weight_bits", "weight_operand", *attention, "activation_operand") == values(
        trace, "weight_bits", "weight_operand", *attention, "activation_operand"
    )
    if isinstance(trace.weight_operand, PatternOperand):
        assert copy.weight_operand.pattern == trace.weight_operand.pattern
        assert set(np.unique(copy.weight)) <= {-1, 0, 1}
        assert trace.weight.shape == copy.weight.shape


def test_two_bits_of_values_that_fit():
    wide = GemmTrace("t", weight=ints(4, 6, low=-2, high=2), activation=ints(3, 6))
    narrow = replace(wide, weight_bits=2)
    assert (narrow.weight_bits, narrow.weight_operand) == (2, wide.weight_operand)
    with pytest.raises(TraceError, match="allows -1 to 1"):
        replace(wide, weight_bits=2, weight_coding="ternary")


@pytest.mark.parametrize("name", ["shape", "ternary shape", "pattern", "attention"])
def test_groups_of_shapes_and_patterns(name):
    trace = TRACES[name]
    copy = replace(trace, groups=7)
    assert (copy.groups, copy.shape, copy.weight_coding) == (7, trace.shape, trace.weight_coding)
    if trace.has_values:
        assert (copy.weight.shape, copy.activation.shape) == ((7 * trace.N, trace.K), (trace.M, 7 * trace.K))


def test_sizes_of_a_pattern_follow_and_those_of_integers_must_fit():
    longer = replace(TRACES["pattern"], M=9, K=32)
    assert (longer.weight.shape, longer.activation.shape) == ((10, 32), (9, 64))
    steps = replace(TRACES["step pattern"], repeat=7)
    assert steps.activation.shape == (14, 16)
    for change in ({"N": 3}, {"K": 4}, {"M": 5}, {"groups": 2}):
        with pytest.raises(TraceError, match="one size is expected"):
            replace(TRACES["values"], **change)
    wider = ConvGeometry(2, 2, 8, 9, (3, 3), padding=(1, 1))
    with pytest.raises(TraceError, match=r"ifmap of 'conv' has shape \(8, 64\); \(8, 72\) is expected"):
        replace(TRACES["conv"], conv=wider, M=wider.M)


def test_a_larger_convolution_is_named_with_what_follows_from_it():
    trace = TRACES["conv pattern"]
    conv = replace(COLUMNS, batch=4)
    with pytest.raises(TraceError, match="M of trace"):
        replace(trace, conv=conv)
    larger = replace(trace, conv=conv, M=conv.M)
    assert larger.ifmap.shape == (4, 3, 7, 8)
    assert (larger.weight_bits, larger.weight_coding, larger.dense_shape) == (4, "pow2", trace.dense_shape)


def test_integers_are_given_as_to_the_constructor():
    copy = replace(TRACES["conv"], activation=np.zeros((2, 4, 8, 8), int))
    assert not copy.ifmap.any()
    assert copy.weight_operand is TRACES["conv"].weight_operand
    with pytest.raises(TraceError, match="holds 9"):
        replace(TRACES["ternary"], weight=np.full((6, 8), 9))


def test_filter_bits_stay_with_their_filters():
    trace = TRACES["filter bits"]
    assert trace.group(1).filter_bits == (2, 1, 5)
    with pytest.raises(TraceError, match="filter_bits"):
        replace(TRACES["filter bits shape"], groups=3)


@pytest.mark.parametrize("trace", FORMATS.values(), ids=FORMATS)
def test_no_number_format_is_lost_on_the_way(trace):
    """2-bit ternary weights once became 8-bit uniform ones wherever a layer was copied field by field."""
    net, eight_bits = Workload("net", [trace]), Workload("8 bits", [GemmTrace(trace.name, M=3, N=4, K=5)])
    copies = {
        "changed": changed(trace, name="x", batch=2, repeat=4),
        "step": replace(trace, repeat=2).step(1),
        "group": trace.group(0),
        "shape": trace.as_shape(),
        "uncompressed": uncompressed(net).traces[0],
        "dense baseline": dense_workload(uncompressed(net), net).traces[0],
        "dense baseline of 8 bits": dense_workload(eight_bits, net).traces[0],
        "file": Workload.from_manifest(*net.manifest(), "a file").traces[0],
    }
    for how, copy in copies.items():
        assert [getattr(copy, name) for name in FORMAT] == [getattr(trace, name) for name in FORMAT], how


def test_a_dense_baseline_multiplies_at_the_bits_of_all_filters():
    trace = replace(TRACES["filter bits"], operation="l1")
    layer = dense_workload(uncompressed(Workload("net", [trace])), Workload("net", [trace])).traces[0]
    assert (layer.weight_bits, layer.filter_bits, layer.operation) == (5, None, "any")


@every
def test_groups_and_steps_are_parts_of_the_whole(trace):
    """Every field but those that a part has for itself is the whole's, and its integers are views of the whole's."""
    own = ("groups", "repeat", "weight_operand", "activation_operand", "filter_bits", "dense_shape", "dense_groups")
    part = trace.group(trace.groups - 1)
    assert values(part, *own) == values(trace, *own)
    assert (part.groups, part.repeat) == (1, 1)
    step = trace.step(trace.repeat - 1)
    assert values(step, "repeat", "activation_operand") == values(trace, "repeat", "activation_operand")
    assert step.repeat == 1
    if trace.weight is not None and trace.groups > 1:
        np.testing.assert_array_equal(part.weight, trace.weight[-trace.N :])
        assert np.shares_memory(part.weight, trace.weight)
    if trace.has_steps:
        np.testing.assert_array_equal(step.activation, trace.activation[-trace.M :])
        assert np.shares_memory(step.activation, trace.activation)
    elif trace.conv is not None and trace.has_values:
        channels = trace.ifmap.shape[1] // trace.groups
        np.testing.assert_array_equal(part.ifmap, trace.ifmap[:, -channels:])


def test_integers_are_looked_at_once(monkeypatch):
    trace = TRACES["codebook"]
    looked = []
    monkeypatch.setattr(ArrayOperand, "__post_init__", lambda self: looked.append("new"))
    monkeypatch.setattr("accelsim.trace.operand.extent_of", lambda array: looked.append("extent") or (0, 0))
    monkeypatch.setattr(np, "unique", lambda array: looked.append("unique") or array)
    replace(trace, name="x", weight_bits=8)
    assert looked == []
    trace.group(1)
    TRACES["steps"].step(2)
    assert looked == ["new"] * 3  # a weight, an activation; an activation


@every
def test_what_a_trace_holds_cannot_be_written(trace):
    held = [array for array in (trace.weight, trace.ifmap) if array is not None]
    if trace.conv is None and trace.activation is not None:
        held.append(trace.activation)
    for whole in (trace, trace.group(0), trace.step(0)):
        held += [o.whole() for o in (whole.weight_operand, whole.activation_operand) if o is not None]
    for array in held:
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1
    if trace.weight is not None:
        assert not trace.weight_tile(0, 1, 0, 1).flags.writeable


@pytest.mark.parametrize("convolution", [False, True])
def test_the_callers_arrays_stay_writeable(convolution):
    weight, activation = ints(4, 3, 3, 3), ints(1, 3, 8, 8)
    if not convolution:
        weight, activation = weight.reshape(4, 27), ints(2, 27)
    make = GemmTrace.from_conv if convolution else GemmTrace
    trace = make("t", weight=weight, **{"ifmap" if convolution else "activation": activation})
    for array in (weight, activation):
        assert array.flags.writeable
        array[...] = array
    assert not trace.weight.flags.writeable


@every
def test_what_was_sent_to_another_process_is_the_same_and_read_only(trace):
    back = pickle.loads(pickle.dumps(trace))
    gone = ("weight_operand", "activation_operand")
    assert values(back, *gone) == values(trace, *gone)
    for one, other in ((back.weight, trace.weight), (back.activation, trace.activation)):
        np.testing.assert_array_equal(one, other)
    assert back.weight is None or not back.weight.flags.writeable


def test_a_workload_is_copied_too():
    net = Workload("net", [TRACES["shape"], TRACES["values"]], {"source": "a test"})
    copy = replace(net, name="other", traces=list(net.traces[:1]))
    assert (copy.name, copy.traces, copy.provenance) == ("other", (TRACES["shape"],), {"source": "a test"})
    assert isinstance(net.traces, tuple)
    with pytest.raises(TraceError, match="no traces"):
        replace(net, traces=())
    with pytest.raises(AttributeError):
        net.name = "x"
