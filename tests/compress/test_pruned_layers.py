"""Which layers a checkpoint says were pruned: by every method, by several one after another, and in older files."""

import json

import numpy as np
import pytest
import torch

import compress
import workloads
from compress.checkpoint.pruned import pruned_by
from compress.granularity.constraints import Filters, Unstructured
from compress.quantizers.inq import IncrementalQuantizer
from compress.schedules.admm import ADMMPruner
from tests.compress.networks import Cnn, images, made
from workloads.files.shipped import shipped_path

ALL = ["conv1", "conv2", "fc1", "fc2"]
PRUNED = {  # by default settings; those of whole filters, channels and columns leave some layers alone
    "admm": ALL,
    "admm_filter": None,
    "admm_channel": None,
    "admm_column": None,
    "admm_combined": None,
    "admm_progressive": ALL,
    "iterative_magnitude": ALL,
    "l1_regularization": ALL,
    "l2_regularization": ALL,
    "projected_gradient": ALL,
    "pruned_ternary": ALL,
    "simd_blocks": None,
    "pattern_kernel": None,
    "n_m": None,
    "admm_levels": [],
    "admm_binary": [],
    "admm_ternary": [],
    "mixed_precision": [],
    "inq": [],
    "deepshift_q": [],
    "xnor_net": [],
}


def traces_of(folder, model, method=None):
    saved = compress.save(folder, model, method=method, example_input=images(2))
    return workloads.from_checkpoint(saved).traces


def pruned_in(traces):
    return [trace.name for trace in traces if trace.pruned]


@pytest.mark.parametrize("name", [method.name for method in compress.methods()])
def test_every_method_says_what_it_pruned(name, tmp_path):
    method = compress.create(name, made(Cnn), example_input=images(2))
    method.calibrate([(images(4), torch.zeros(4))])
    method.harden()
    traces = traces_of(tmp_path / "net", method.finalize(), method)
    expected = (
        PRUNED[name] if PRUNED[name] is not None else [n for n in ALL if n in method.constraints or less(traces, n)]
    )
    assert pruned_in(traces) == expected
    assert (
        expected
        or any(np.count_nonzero(t.weight) < t.weight.size for t in traces)
        or name in {"admm_binary", "xnor_net"}
    )
    assert {trace.operation for trace in traces} == {"mac"}


def less(traces, name):
    """Whether a layer is smaller than it was, as one is whose neighbour lost filters."""
    trace = next(trace for trace in traces if trace.name == name)
    return trace.weight.size < trace.dense_groups * trace.dense_shape.N * trace.dense_shape.K


def test_only_the_layers_with_a_constraint_were_pruned(tmp_path):
    pruner = ADMMPruner(made(Cnn), {"conv2": Unstructured(0.3)}, example_input=images(2))
    assert pruned_in(traces_of(tmp_path / "net", pruner.finalize(), pruner)) == ["conv2"]


def test_a_neighbour_that_lost_channels_was_pruned_too(tmp_path):
    pruner = ADMMPruner(made(Cnn), {"conv1": Filters(2)}, example_input=images(2))
    assert pruned_in(traces_of(tmp_path / "net", pruner.finalize(), pruner)) == ["conv1", "conv2"]


def test_a_quantizer_keeps_what_a_pruner_before_it_left(tmp_path):
    model = ADMMPruner(made(Cnn), {"fc1": Unstructured(0.3)}, example_input=images(2)).finalize()
    quantizer = IncrementalQuantizer(model, images(2))
    traces = traces_of(tmp_path / "net", quantizer.finalize(), quantizer)
    assert pruned_in(traces) == ["fc1"]
    rounded = [t for t in traces if not t.pruned and np.count_nonzero(t.weight) < t.weight.size]
    assert rounded  # whose zeros are no pruning


def test_without_a_method_exact_zeros_say_it(tmp_path):
    model = made(Cnn)
    with torch.no_grad():
        model.conv2.weight[:, 0] = 0
        model.fc2.weight[0, 0] = 0  # one of hundreds may be chance
    expected = ["conv2"] if model.fc2.weight.numel() > 1000 else ["conv2", "fc2"]
    assert pruned_in(traces_of(tmp_path / "net", model)) == expected
    assert pruned_in(traces_of(tmp_path / "plain", made(Cnn))) == []


class Halves(compress.Compressor):
    """A method of somebody's own that knows nothing of all this: half of a layer's weights become 0."""

    def harden(self):
        with torch.no_grad():
            self.model.fc1.weight[::2] = 0

    def finalize(self):
        return self.model


def test_an_own_method_need_not_say_it(tmp_path):
    method = Halves(made(Cnn), images(2))
    method.harden()
    assert pruned_in(traces_of(tmp_path / "net", method.finalize(), method)) == ["fc1"]


def older(folder):
    """A checkpoint as it was before layers said whether they were pruned, or what they compute."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    for layer in manifest["layers"]:
        del layer["pruned"], layer["operation"]
    path.write_text(json.dumps(manifest))
    return workloads.from_checkpoint(folder).traces


@pytest.mark.parametrize(
    ("name", "expected"), [("admm", ALL), ("inq", []), ("admm_ternary", []), ("pruned_ternary", ALL)]
)
def test_older_checkpoints_are_judged_by_their_method(name, expected, tmp_path):
    method = compress.create(name, made(Cnn), example_input=images(2))
    method.harden()
    compress.save(tmp_path / "net", method.finalize(), method=method)
    traces = older(tmp_path / "net")
    assert pruned_in(traces) == expected
    assert {trace.operation for trace in traces} == {"mac"}


def test_older_checkpoints_of_no_method_were_not_pruned(tmp_path):
    compress.save(tmp_path / "net", made(Cnn), example_input=images(2))
    assert pruned_in(older(tmp_path / "net")) == []


@pytest.mark.parametrize(
    ("stages", "layers"),
    [
        ([], []),
        ([{"method": "inq"}], []),
        ([{"method": "admm", "settings": {"keep": 0.1}}, {"method": "inq"}], ALL),
        ([{"method": "admm", "keep": {"conv1": 9, "fc1": 3}}, {"method": "admm_levels"}], ["conv1", "fc1"]),
        (
            [{"method": "admm", "settings": {"keep": {"fc2": 0.5}}}, {"method": "admm", "keep": {"fc1": 1}}],
            ["fc1", "fc2"],
        ),
        ([{"method": "admm", "settings": 3}], ALL),
        ([3], ALL),
    ],
)
def test_stages_of_a_recipe_name_their_layers(stages, layers):
    assert list(filter(pruned_by("ADMMPruner", {"stages": stages}), ALL)) == layers


def test_shipped_checkpoints_count_the_layers_that_their_recipes_pruned():
    conv = workloads.from_checkpoint(shipped_path("lenet5-conv-114x-3bit")).traces
    assert pruned_in(conv) == ["conv1", "conv2"]
    assert pruned_in(workloads.from_checkpoint(shipped_path("lenet5-348x-3bit")).traces) == ALL
    shrunk = workloads.from_checkpoint(shipped_path("lenet5-conv-structured-88x")).traces
    assert pruned_in(shrunk) == ["conv1", "conv2", "fc1"]  # fc1 lost the inputs that conv2's filters made
