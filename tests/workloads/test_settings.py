"""Inputs, bits and densities that a user asks for, whatever the workload comes from."""

import json

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from typer.testing import CliRunner

import accelsim
import compress
import workloads
from accelsim import GemmTrace, Workload
from accelsim.errors import ConfigError
from accelsim.trace.operator import Operator
from explore.cli import app
from workloads.settings import repeated, with_bits


def zoo(folder):
    return "lenet5"


def saved(folder):
    traces = [GemmTrace.random("a", M=64, N=8, K=36), GemmTrace("b", M=1, N=2, K=8)]
    operators = [Operator("relu", "relu", "a", 512, 512, 512)]
    Workload("net", traces, operators=operators).save(folder / "net.npz")
    return folder / "net.npz"


def checkpoint(folder):
    model = nn.Sequential(nn.Conv2d(4, 8, 3), nn.Flatten(), nn.Linear(512, 3))
    return compress.save(folder / "net", model, example_input=torch.rand(1, 4, 10, 10))


def topology(folder):
    (folder / "net.csv").write_text("Layer,H,W,R,S,C,K,Stride,\na,10,10,3,3,4,8,1,\n")
    return folder / "net.csv"


def onnx_model(folder):
    weight = numpy_helper.from_array(np.ones((8, 40), np.float32), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="fc")
    sides = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["B", size]) for n, size in (("x", 8), ("y", 40))]
    graph = helper.make_graph([node], "g", sides[:1], sides[1:], [weight])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), folder / "net.onnx")
    return folder / "net.onnx"


SOURCES = [zoo, saved, checkpoint, topology, onnx_model]


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_takes_inputs_bits_and_densities(tmp_path, source):
    path = source(tmp_path)
    plain = workloads.load(path)
    asked = workloads.load(path, batch=3, weight_bits=4, activation_bits=6, density=0.5, seed=1)
    assert asked.macs == 3 * plain.macs
    assert {(t.weight_bits, t.activation_bits) for t in asked} == {(4, 6)}
    assert {operator.activation_bits for operator in asked.operators} <= {6}
    weights = np.concatenate([t.weight.ravel() for t in asked])
    assert (weights.min(), weights.max()) == (-8, 7)
    assert np.count_nonzero(weights) / weights.size == pytest.approx(0.5, abs=0.06)
    assert all(t.pruned and t.has_values for t in asked)
    assert asked.provenance["density"] == 0.5
    assert accelsim.simulate(asked, "dense/os-16x16", verify=True).cycles > 0


@pytest.mark.parametrize("source", SOURCES)
def test_the_commands_take_them_too(tmp_path, source):
    path = str(source(tmp_path))
    options = ["--batch", "2", "--weight-bits", "4", "--activation-bits", "6", "--density", "0.5"]
    one = CliRunner().invoke(app, ["run", path, "--hw", "dense/os-16x16", "--json"])
    two = CliRunner().invoke(app, ["run", path, "--hw", "dense/os-16x16", "--json", *options])
    assert two.exit_code == 0, two.output

    def dense(result):
        return sum(layer["macs_dense"] for layer in json.loads(result.stdout)["layers"])

    assert dense(two) == 2 * dense(one)
    machines = ["--hw", "dense/os-16x16", "--hw", "sparse/csr-rows-16x16"]
    compared = CliRunner().invoke(app, ["compare", path, *machines, *options])
    assert compared.exit_code == 0, compared.output
    shown = CliRunner().invoke(app, ["workload", "show", path, *options])
    assert shown.exit_code == 0, shown.output
    assert "4/6" in shown.stdout
    assert "50 %" in shown.stdout


def test_saved_inputs_are_repeated():
    layer = GemmTrace.from_conv(
        "c", weight=np.ones((2, 1, 2, 2), int), ifmap=np.arange(9).reshape(1, 1, 3, 3), pruned=False
    )
    twice = repeated(layer, 2)
    np.testing.assert_array_equal(twice.ifmap, np.arange(18).reshape(2, 1, 3, 3) % 9)
    assert (twice.M, twice.dense_shape.M) == (8, 8)


def test_products_of_activations_and_recurrent_steps_are_repeated_too():
    product = GemmTrace("qk", weight=[[1, 2]], activation=[[3, 4], [5, 6]], kind="attention")
    twice = repeated(product, 2)
    assert (twice.groups, twice.weight.tolist()) == (2, [[1, 2], [1, 2]])
    assert twice.activation.tolist() == [[3, 4, 3, 4], [5, 6, 5, 6]]
    lstm = GemmTrace("h", M=1, weight=[[1, 1]], activation=[[1, 2], [3, 4]], kind="lstm", repeat=2)
    assert repeated(lstm, 2).activation.tolist() == [[1, 2], [1, 2], [3, 4], [3, 4]]
    assert repeated(lstm, 2).step(1).activation.tolist() == [[3, 4], [3, 4]]


def test_integers_are_kept_where_they_fit_and_rounded_where_not():
    """127 is the 7 of 4 bits: −64 becomes −64 · 7 / 127 = −3.5, even −4, and 20 becomes 1.1."""
    layer = GemmTrace("fc", weight=[[127, -64, 20, 0]], activation=[[7, -8, 0, 1]])
    narrow = with_bits(layer, 4, 4)
    assert narrow.weight.tolist() == [[7, -4, 1, 0]]
    assert narrow.activation.tolist() == [[7, -8, 0, 1]]
    assert with_bits(layer, 1, None).weight.tolist() == [[1, -1, 1, 1]]
    assert with_bits(layer, 16, None).weight.tolist() == layer.weight.tolist()
    filters = GemmTrace("f", weight=[[1, 0], [-8, 7]], activation=[[1, 1]], weight_bits=4, filter_bits=[2, 4])
    assert with_bits(filters, 4, None).filter_bits is None


def test_coded_weights_keep_their_bits():
    layer = GemmTrace("fc", weight=[[1, -1]], activation=[[1, 1]], weight_coding="ternary", weight_bits=2)
    assert with_bits(layer, 2, 4).activation_bits == 4
    with pytest.raises(ConfigError, match="layer 'fc' has ternary weights of 2 bits"):
        with_bits(layer, 4, None)


def test_the_zoos_other_ways_take_bits(tmp_path):
    shapes = workloads.load("lenet5", weight_bits=3, activation_bits=5)
    assert {(t.weight_bits, t.activation_bits, t.weight) for t in shapes} == {(3, 5, None)}
    published = workloads.load("lenet5", profile="admm_nn_s_nonstructured", weight_bits=2)
    assert {t.weight_bits for t in published} == {2}
    torch.save(workloads.model("lenet5").state_dict(), tmp_path / "lenet5.pth")
    real = workloads.load("lenet5", tmp_path / "lenet5.pth", weight_bits=4)
    assert max(t.weight.max() for t in real) == 7
    assert workloads.load("lenet5@deep_compression").provenance["profile"]["name"] == "deep_compression"


@pytest.mark.parametrize(
    ("zero", "bits", "expected"), [(8, 2, [0, 1]), (8, 5, [-3, 7]), (0, 2, [1, 3]), (0, 1, [0, 1])]
)
def test_unsigned_activations_at_other_bits(zero, bits, expected):
    """x itself where fewer bits do not hold the zero point; codes from 0 on stay codes from 0 on."""
    given = [[-3, 7]] if zero else [[3, 15]]
    layer = GemmTrace(
        "fc", weight=[[1, 1]], activation=given, activation_bits=4, activation_signed=False, activation_zero_point=zero
    )
    changed = with_bits(layer, None, bits)
    assert changed.activation_bits == bits
    assert changed.activation.tolist() == [expected]
    narrower = zero and bits < 4
    assert (changed.activation_signed, changed.activation_zero_point) == ((True, 0) if narrower else (False, zero))
