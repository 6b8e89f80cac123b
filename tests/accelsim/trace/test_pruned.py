"""`pruned`: kept by replace and views, written and read back, and no contradiction to the sizes."""

from dataclasses import replace

import numpy as np
import pytest

from accelsim import GemmTrace
from accelsim.errors import FileFormatError, TraceError
from accelsim.trace.serialization import brief, describe, restore
from accelsim.trace.workload import Workload


def traces():
    conv = GemmTrace.from_conv("conv", weight=np.ones((4, 1, 3, 3), int), ifmap=(1, 2, 8, 8), groups=2, pruned=False)
    steps = GemmTrace("lstm", M=1, N=8, K=4, kind="lstm", repeat=3, pruned=False)
    return [GemmTrace("fc", weight=[[0, 1]], M=3, pruned=False), conv, steps]


def test_every_constructor_takes_it_and_true_is_the_default():
    assert GemmTrace("a", M=1, N=1, K=1).pruned
    assert GemmTrace.from_conv("a", weight=(4, 1, 3, 3), ifmap=(1, 1, 8, 8)).pruned
    assert GemmTrace.random("a", M=1, N=1, K=1).pruned
    assert not any(trace.pruned for trace in traces())
    assert not GemmTrace.random("a", M=1, N=4, K=4, weight_density=0.5, pruned=False).pruned


@pytest.mark.parametrize("trace", traces(), ids=lambda trace: trace.name)
def test_replace_and_views_keep_it(trace):
    for part in (replace(trace, weight_bits=4), trace.as_shape(), trace.group(0), trace.step(0), trace.filled()):
        assert not part.pruned
    assert replace(trace, pruned=True).group(0).pruned


@pytest.mark.parametrize("settings", [{"weight_density": 0.5}, {"distribution": "2:4"}])
def test_random_zeros_are_pruned_ones_unless_somebody_says_otherwise(settings):
    shape = GemmTrace("a", M=2, N=8, K=8, pruned=False)
    assert shape.filled(**settings).pruned
    assert not shape.filled(**settings, pruned=False).pruned
    binary = GemmTrace("a", M=2, N=8, K=8, weight_bits=1, weight_coding="binary", pruned=False)
    assert not binary.filled(0.5).pruned  # it has no zeros


def test_files_say_it(tmp_path):
    whole = Workload("net", [*traces(), GemmTrace("thin", weight=[[0, 1]], M=3)])
    whole.save(tmp_path / "net.npz")
    assert [trace.pruned for trace in Workload.load(tmp_path / "net.npz")] == [False, False, False, True]
    for trace in whole:
        arrays = {}
        record = describe(trace, "", arrays)
        assert record["pruned"] is trace.pruned
        assert restore(record, "", arrays, "a record").pruned is trace.pruned
        assert restore(brief(trace), "", {}, "a record", whole=False).pruned is trace.pruned
    assert "pruned" not in brief(whole["thin"])


@pytest.mark.parametrize("value", [None, 1, "false", []])
def test_anything_else_is_refused(value):
    with pytest.raises(TraceError, match="pruned of trace 'a'"):
        GemmTrace("a", M=1, N=1, K=1, pruned=value)
    record = describe(GemmTrace("a", M=1, N=1, K=1), "", {}) | {"pruned": value}
    with pytest.raises(FileFormatError, match="pruned is"):
        restore(record, "", {}, "a record")


def test_a_layer_that_is_smaller_than_it_was_has_been_pruned():
    with pytest.raises(TraceError, match="6 weights of the 12 of its dense shape; pruned=True"):
        GemmTrace("a", M=1, N=2, K=3, dense_shape=(1, 4, 3), pruned=False)
    with pytest.raises(TraceError, match="6 weights of the 12"):
        replace(GemmTrace("a", M=1, N=2, K=3, groups=2, pruned=False), groups=1)
    assert not GemmTrace("a", M=1, N=2, K=3, dense_shape=(9, 2, 3), pruned=False).pruned
