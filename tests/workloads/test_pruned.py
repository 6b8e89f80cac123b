"""What workloads say of their layers: multiply-accumulates, pruned by nobody unless a density or a user says so."""

import numpy as np
import pytest
import torch

import accelsim
import workloads
from tests.workloads import onnx_builders
from workloads.models.trained import of_model
from workloads.settings import Settings


def said(network):
    return {(trace.pruned, trace.operation) for trace in network.traces}


UNPRUNED, PRUNED = {(False, "mac")}, {(True, "mac")}


def test_networks_of_the_zoo_are_pruned_where_a_density_says_so():
    assert said(workloads.load("lenet5")) == said(workloads.load("lstm_lm", batch=2)) == UNPRUNED
    assert said(workloads.load("lenet5", weights="random")) == said(workloads.load("lenet5", density=1)) == UNPRUNED
    assert said(workloads.load("lenet5", density=0.2)) == PRUNED


def test_layers_of_a_profile_are_pruned_where_it_prints_a_density():
    network = workloads.load("alexnet_caffe", profile="admm_nn_s_nonstructured")
    for trace in network.traces:
        assert trace.operation == "mac"
        assert trace.pruned == (trace.weight_operand.pattern.density < 1)
    assert any(trace.pruned for trace in network.traces)
    columns = workloads.load("alexnet_caffe", profile="admm_nn_s_structured")
    assert all(trace.pruned for trace in columns.traces if trace.K < trace.dense_shape.K)


@pytest.mark.parametrize("values", [None, "weights", "activations"])
@pytest.mark.parametrize("trace_by", ["torch.export", "hooks"])
def test_a_torch_model_was_pruned_where_its_user_says_so(values, trace_by):
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 5))
    image = torch.rand(1, 1, 8, 8)
    assert said(workloads.from_torch(model, image, values=values, trace_by=trace_by)) == UNPRUNED
    assert said(workloads.from_torch(model, image, values=values, trace_by=trace_by, pruned=True)) == PRUNED


@pytest.mark.parametrize("values", [None, "activations"])
def test_an_onnx_model_was_pruned_where_its_user_says_so(tmp_path, values):
    path, _ = onnx_builders.qdq_cnn(tmp_path / "m.onnx")
    data = onnx_builders.drawn(1, 3, 8, 8) if values else None
    assert said(workloads.from_onnx(path, values=values, data=data)) == UNPRUNED
    assert said(workloads.from_onnx(path, values=values, data=data, pruned=True)) == PRUNED


def test_weights_of_a_file_were_not_pruned():
    network = of_model("lenet5", workloads.model("lenet5"), "here", Settings())
    assert said(network) == UNPRUNED
    report = accelsim.simulate(network, "dense/os-16x16")
    assert report.layers["weights_nonzero"].sum() < report.layers["weights_dense"].sum()  # some round to 0
    assert accelsim.ppr(report, report).alpha == 1


def test_an_unpruned_four_bit_layer_has_alpha_one_and_a_pruned_one_its_own():
    torch.manual_seed(0)
    layer = torch.nn.Linear(200, 100)
    traces = [
        workloads.from_torch(layer, torch.rand(2, 200), values="activations", weight_bits=4, pruned=pruned)
        for pruned in (False, True)
    ]
    before, now = (accelsim.simulate(trace, "dense/os-16x16") for trace in traces)
    assert accelsim.ppr(before, before).alpha == 1
    nonzero = np.count_nonzero(traces[1].traces[0].weight)
    assert accelsim.ppr(before, now).alpha == 20_000 / nonzero > 1.05  # what was reported of both
