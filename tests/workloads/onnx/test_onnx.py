"""ONNX models as workloads: operators, shapes, quantized models, and networks that come from torch too."""

import sys
import warnings

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

import accelsim
import workloads
from accelsim.errors import ConfigError
from explore.cli.workload import show
from tests.workloads.onnx_builders import drawn, integers, node, qdq_cnn, saved
from workloads.onnx.operators import FREE, OPERATORS

ARRAY = {"name": "small", "array": {"kind": "systolic", "rows": 8, "cols": 8, "dataflow": "os"}}


def figures(workload):
    return [(t.name, t.kind, t.M, t.N, t.K, t.groups, t.repeat) for t in workload]


def work(workload):
    return [(o.name, o.op, o.after, o.inputs, o.outputs, o.work, o.parameters, o.fused) for o in workload.operators]


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8)
        self.depthwise, self.pointwise = nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 8, 1)
        self.act, self.relu, self.pool = nn.ReLU6(), nn.ReLU(), nn.MaxPool2d(3, 2)
        self.fc = nn.Linear(32, 5)

    def forward(self, x):
        x = self.act(self.norm(self.stem(x)))
        x = x + self.pointwise(self.relu(self.depthwise(x)))
        return self.fc(self.pool(x).flatten(1)).softmax(1)


def exported(path, model, *inputs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model.eval(), inputs, str(path), dynamo=False)
    return path


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A small network, its input, and its .onnx file."""
    torch.manual_seed(0)
    model, image = Residual().eval(), torch.randn(2, 3, 12, 12)
    return model, image, exported(tmp_path_factory.mktemp("onnx") / "cnn.onnx", model, image)


def test_the_same_network_from_torch_and_from_onnx(pair):
    model, image, path = pair
    ours, theirs = workloads.from_onnx(path), workloads.from_torch(model, image)
    assert figures(ours) == figures(theirs)
    assert work(ours) == work(theirs)
    assert ours.provenance["not_lowered"] == []


def test_real_numbers_are_those_of_torch(pair):
    model, image, path = pair
    ours = workloads.from_onnx(path, data=image.numpy(), weight_bits=6, activation_bits={"fc": 4})
    theirs = workloads.from_torch(model, image, values="activations", weight_bits=6, activation_bits={"fc": 4})
    for a, b in zip(ours, theirs, strict=True):
        assert (a.weight_bits, a.activation_bits) == (b.weight_bits, b.activation_bits)
        for one, other in ((a.weight, b.weight), (a.activation, b.activation)):
            difference = np.abs(one.astype(int) - other)  # floats are summed in another order: a tie may fall otherwise
            assert difference.max() <= 1
            assert np.count_nonzero(difference) <= max(2, one.size // 1000)
    accelsim.simulate(ours, ARRAY, verify=True)


def test_shapes_load_no_torch(pair):
    import subprocess

    code = f"import sys, workloads; workloads.from_onnx({str(pair[2])!r}); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("both", [False, True])
def test_recurrent_layers_as_torch_has_them(tmp_path, kind, both):
    torch.manual_seed(0)
    model, sequence = getattr(nn, kind)(6, 5, bidirectional=both).eval(), torch.randn(4, 2, 6)
    path = exported(tmp_path / "r.onnx", model, sequence)
    ours, theirs = workloads.from_onnx(path, values="weights"), workloads.from_torch(model, sequence, values="weights")
    assert [f[1:] for f in figures(ours)] == [f[1:] for f in figures(theirs)]
    assert [w[1:2] + w[3:] for w in work(ours) if w[1] != "concat"] == [w[1:2] + w[3:] for w in work(theirs)]
    for a, b in zip(ours, theirs, strict=True):
        assert (a.weight == b.weight).all()  # also the order of the gates
    if both:
        return  # ONNX's reference implementation runs one direction
    real = workloads.from_onnx(path, data=sequence.numpy())
    example = workloads.from_torch(model, sequence, values="activations")
    for a, b in zip(real, example, strict=True):
        assert a.activation.shape == b.activation.shape
        assert np.abs(a.activation.astype(int) - b.activation).max() <= 1


def branch(inner):
    """A subgraph of one node."""
    return helper.make_graph([inner], "branch", [], [helper.make_empty_tensor_value_info(inner.output[0])])


CASES = {  # name -> (nodes, inputs, weights, the traces as (kind, M, N, K, groups) by hand)
    "conv, dilated and grouped": (
        [node("Conv", "x,w", "y", group=2, dilations=[2, 1], strides=[1, 2], pads=[2, 0, 2, 0])],
        {"x": [2, 4, 9, 8]}, {"w": drawn(6, 2, 3, 2)}, [("conv", 2 * 9 * 4, 3, 12, 2)],
    ),
    "conv 1d": ([node("Conv", "x,w", "y")], {"x": [2, 4, 9]}, {"w": drawn(6, 4, 3)}, [("conv", 14, 6, 12, 1)]),
    "same upper": (
        [node("Conv", "x,w", "y", auto_pad="SAME_UPPER", strides=[2, 2])],
        {"x": [1, 3, 8, 7]}, {"w": drawn(4, 3, 3, 3)}, [("conv", 4 * 4, 4, 27, 1)],
    ),
    "transposed conv": (
        [node("ConvTranspose", "x,w", "y", strides=[2, 2])],
        {"x": [2, 4, 5, 6]}, {"w": drawn(4, 3, 2, 2)}, [("conv", 2 * 5 * 6, 3 * 4, 4, 1)],
    ),
    "gemm both ways": (
        [node("Gemm", "x,w,b", "y", transA=1, alpha=0.5)],
        {"x": [7, 3]}, {"w": drawn(7, 5), "b": drawn(5)}, [("linear", 3, 5, 7, 1)],
    ),
    "matmul by a constant": (
        [node("MatMul", "x,w", "y")], {"x": [2, 3, 7]}, {"w": drawn(7, 5)}, [("linear", 6, 5, 7, 1)],
    ),
    "two activations": (
        [node("Transpose", "x", "t", perm=[0, 2, 1]), node("MatMul", "x,t", "s"), node("Softmax", "s", "p"),
         node("MatMul", "p,x", "y")],
        {"x": [2, 3, 7]}, {}, [("attention", 3, 3, 7, 2), ("attention", 3, 7, 3, 2)],
    ),
    "attention": (
        [node("Attention", "x,x,x", "y", q_num_heads=2, kv_num_heads=2)],
        {"x": [2, 3, 8]}, {}, [("attention", 3, 3, 4, 4), ("attention", 3, 4, 3, 4)],
    ),
    "einsum": (
        [node("Einsum", "x,w", "y", equation="bsk,nk->bsn")], {"x": [2, 3, 7]}, {"w": drawn(5, 7)},
        [("linear", 6, 5, 7, 1)],
    ),
    "shapes computed on the way": (
        [node("Shape", "x", "s", start=0, end=1), node("Concat", "s,minus", "t", axis=0), node("Reshape", "x,t", "r"),
         node("MatMul", "r,w", "y")],
        {"x": ["n", 3, 4]}, {"w": drawn(12, 5), "minus": np.array([-1])}, [("linear", 1, 5, 12, 1)],
    ),
    "a constant branch": (
        [node("Constant", "", "c", value=helper.make_tensor("c", TensorProto.BOOL, [], [True])),
         helper.make_node("If", ["c"], ["i"], then_branch=branch(node("MatMul", "x,w", "t")),
                          else_branch=branch(node("Relu", "x", "e"))),
         node("Relu", "i", "y")],
        {"x": [3, 7]}, {"w": drawn(7, 5)}, [("linear", 3, 5, 7, 1)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_gemms_by_hand(tmp_path, name):
    nodes, inputs, weights, expected = CASES[name]
    nodes = [n if n.input != [""] else helper.make_node(n.op_type, [], n.output, **_attributes(n)) for n in nodes]
    path = saved(tmp_path / "m.onnx", nodes, inputs, ["y"], weights, opset=23)
    found = workloads.from_onnx(path)
    assert [(t.kind, t.M, t.N, t.K, t.groups) for t in found] == expected
    assert found.macs == sum(m * n * k * g for _, m, n, k, g in expected)
    assert found.provenance["not_lowered"] == []


def _attributes(proto):
    return {a.name: helper.get_attribute_value(a) for a in proto.attribute}


def test_uneven_padding_is_in_the_ifmap(tmp_path):
    weight, image = drawn(4, 3, 3, 3), drawn(1, 3, 8, 8, seed=1)
    nodes = [node("Conv", "x,w", "y", "/stem/Conv", auto_pad="SAME_UPPER", strides=[2, 2])]
    path = saved(tmp_path / "m.onnx", nodes, {"x": [1, 3, 8, 8]}, ["y"], {"w": weight})
    found = workloads.from_onnx(path, data=image)
    (trace,) = found
    assert found.provenance["padded_ifmaps"] == {"stem": [0, 0, 1, 1]}
    assert trace.ifmap.shape == (1, 3, 9, 9)
    assert not trace.ifmap[..., 8, :].any()
    assert not trace.ifmap[..., :, 8].any()
    wide = nn.functional.pad(torch.from_numpy(trace.ifmap[..., :8, :8].astype(np.float64)), (0, 1, 0, 1))
    exact = nn.functional.conv2d(
        wide, torch.from_numpy(trace.weight.reshape(weight.shape).astype(np.float64)), stride=2
    )
    outputs = accelsim.simulate(found, ARRAY, verify=True).outputs["stem"]
    assert (outputs == exact[0].flatten(1).T.numpy()).all()


def test_open_sizes_are_set_or_named(tmp_path):
    nodes, weights = [node("MatMul", "x,w", "y")], {"w": drawn(7, 5)}
    path = saved(tmp_path / "m.onnx", nodes, {"x": ["n", "steps", 7]}, ["y"], weights)
    assert workloads.from_onnx(path, batch=3, dimensions={"steps": 4}).traces[0].M == 12
    with pytest.raises(accelsim.errors.FileFormatError, match=r"dimension 1 of input 'x' is 'steps'"):
        workloads.from_onnx(path, batch=3)
    fixed = saved(tmp_path / "f.onnx", nodes, {"x": [2, 7]}, ["y"], weights)
    with pytest.raises(accelsim.errors.FileFormatError, match="for a batch of 2, not 3"):
        workloads.from_onnx(fixed, batch=3)


def test_integers_of_a_quantized_model_are_kept(tmp_path):
    path, held = qdq_cnn(tmp_path / "q.onnx")
    found = workloads.from_onnx(path, batch=2)
    conv, fc = found
    assert (conv.name, fc.name) == ("conv1", "fc")
    assert (conv.weight == held["conv1.weight_quantized"].reshape(4, -1)).all()
    assert (fc.weight == held["fc.weight_quantized"]).all()
    assert [(t.weight_bits, t.activation_bits) for t in found] == [(8, 8), (8, 8)]
    code = found.provenance["codes"]["conv1"]
    assert np.allclose(code["weight"]["scale"], held["ws"])
    assert code["activation"] == {"stored": True, "bits": 8, "scale": pytest.approx(0.02), "zero_point": 0}
    assert [o.op for o in found.operators] == ["relu"]
    accelsim.simulate(found, ARRAY, verify=True)


@pytest.mark.parametrize(
    ("kind", "zero", "raw"),
    [(np.uint8, 0, (False, 0)), (np.uint8, 100, (False, 100)), (np.int8, -7, (True, -7)), (np.uint8, 128, (True, 0)),
     (np.int8, 0, (True, 0))],
)  # fmt: skip
def test_activations_of_a_quantized_model(tmp_path, kind, zero, raw):
    path, held = qdq_cnn(tmp_path / "q.onnx", activation=kind, zero=zero)
    image, limits = drawn(2, 3, 8, 8, seed=3), np.iinfo(kind)
    found = workloads.from_onnx(path, batch=2, data={"x": image})
    conv = found["conv1"]
    assert (conv.activation_bits, (conv.activation_signed, conv.activation_zero_point)) == (8, raw)
    quantized = np.clip(np.rint(image / np.float32(0.02)) + zero, limits.min, limits.max) - zero
    assert (found["conv1"].ifmap == quantized).all()
    outputs = accelsim.simulate(found, ARRAY, verify=True).outputs["conv1"]
    weight = held["conv1.weight_quantized"].astype(np.float64)
    exact = nn.functional.conv2d(torch.from_numpy(quantized.astype(np.float64)), torch.from_numpy(weight))
    assert (outputs == exact.permute(0, 2, 3, 1).flatten(0, 2).numpy()).all()


def test_zero_points_of_weights_are_subtracted(tmp_path):
    path, held = qdq_cnn(tmp_path / "q.onnx", points=-3)
    found = workloads.from_onnx(path)
    stored = held["conv1.weight_quantized"].reshape(4, -1).astype(int)
    assert (found["conv1"].weight == stored + 3).all()
    assert found["conv1"].weight_bits == (9 if stored.max() + 3 > 127 else 8)
    assert found["fc"].weight_bits == 8


def test_four_bit_weights(tmp_path):
    weight = np.arange(-8, 8).repeat(2).reshape(4, 8)
    held = {"w": helper.make_tensor("w", TensorProto.INT4, [4, 8], weight.flatten().tolist()), "s": np.float32(0.5)}
    nodes = [node("DequantizeLinear", "w,s", "d"), node("Transpose", "d", "t"), node("MatMul", "x,t", "y")]
    (trace,) = workloads.from_onnx(saved(tmp_path / "m.onnx", nodes, {"x": [3, 8]}, ["y"], held))
    assert trace.weight_bits == 4
    assert (trace.weight == weight).all()


INTEGER_OPERATORS = {
    "QLinearConv": ("xq,s,z,w,s,wz,s,z", (4, 3, 3, 3)),
    "ConvInteger": ("xq,w,z,wz", (4, 3, 3, 3)),
    "QLinearMatMul": ("xq,s,z,w,s,wz,s,z", (8, 5)),
    "MatMulInteger": ("xq,w,z,wz", (8, 5)),
}


@pytest.mark.parametrize("op", INTEGER_OPERATORS)
def test_integer_operators(tmp_path, op):
    operands, shape = INTEGER_OPERATORS[op]
    held = {"s": np.float32(0.05), "z": np.uint8(128), "w": integers(*shape, kind=np.uint8), "wz": np.uint8(128)}
    nodes = [node("QuantizeLinear", "x,s,z", "xq"), node(op, operands, "y")]
    path = saved(tmp_path / "m.onnx", nodes, {"x": [2, 3, 8, 8]}, ["y"], held)
    image = drawn(2, 3, 8, 8)
    found = workloads.from_onnx(path, data=image)
    (trace,) = found
    weight = held["w"].astype(int) - 128
    assert (trace.weight == (weight.reshape(4, -1) if "Conv" in op else weight.T)).all()
    quantized = np.clip(np.rint(image / np.float32(0.05)), -128, 127)
    given = trace.ifmap if "Conv" in op else trace.activation.reshape(image.shape)
    assert (given == quantized).all()
    accelsim.simulate(found, ARRAY, verify=True)


def test_a_batch_norm_becomes_a_part_of_its_layer(tmp_path):
    norm = {name: np.abs(drawn(4, seed=i)) + 0.1 for i, name in enumerate(("scale", "shift", "mean", "var"))}
    nodes = [node("Conv", "x,w", "c"), node("BatchNormalization", "c,scale,shift,mean,var", "y")]
    held = {"w": drawn(4, 3, 1, 1), **norm}
    found = workloads.from_onnx(saved(tmp_path / "m.onnx", nodes, {"x": [1, 3, 5, 5]}, ["y"], held), values="weights")
    real = held["w"].reshape(4, 3) * (norm["scale"] / np.sqrt(norm["var"] + 1e-5))[:, None]
    assert found.operators == ()
    assert (found.traces[0].weight == np.rint(real / (np.abs(real).max() / 127))).all()


VECTOR = {  # nodes behind a convolution with (1, 4, 6, 6) outputs -> (op, inputs, outputs, parameters) of each
    "MaxPool": ({"kernel_shape": [2, 2], "strides": [2, 2]}, ("max_pool", 144, 36, 0)),
    "GlobalAveragePool": ({}, ("global_avg_pool", 144, 4, 0)),
    "Sigmoid": ({}, ("sigmoid", 144, 144, 0)),
    "HardSwish": ({}, ("hard_swish", 144, 144, 0)),
    "Softmax": ({"axis": 1}, ("softmax", 144, 144, 0)),
    "LRN": ({"size": 5}, ("lrn", 144, 144, 0)),
    "ReduceMean": ({"keepdims": 0}, ("reduce_mean", 144, 1, 0)),
    "Transpose": ({}, None),
    "Flatten": ({}, None),
}


@pytest.mark.parametrize("op", VECTOR)
def test_vector_work(tmp_path, op):
    attributes, expected = VECTOR[op]
    nodes = [node("Conv", "x,w", "c", "/conv/Conv"), node(op, "c", "y", **attributes)]
    found = workloads.from_onnx(saved(tmp_path / "m.onnx", nodes, {"x": [1, 3, 6, 6]}, ["y"], {"w": drawn(4, 3, 1, 1)}))
    assert [(o.op, o.inputs, o.outputs, o.parameters) for o in found.operators] == ([expected] if expected else [])
    assert all(o.after == "conv" for o in found.operators)


def test_embeddings_read_the_rows_asked_for(tmp_path):
    nodes = [node("Cast", "x", "i", to=TensorProto.INT64), node("Gather", "e,i", "r"), node("MatMul", "r,w", "y")]
    path = saved(tmp_path / "m.onnx", nodes, {"x": [2, 3]}, ["y"], {"e": drawn(100, 8), "w": drawn(8, 5)})
    (table,) = workloads.from_onnx(path).operators
    assert (table.op, table.inputs, table.outputs, table.parameters) == ("embedding", 6, 48, 48)


def test_what_multiplies_nothing_and_has_no_lowering_is_named(tmp_path):
    nodes = [node("MatMul", "x,w", "m"), node("CumSum", "m,axis", "c", "/head/CumSum"), node("Relu", "m", "y")]
    path = saved(tmp_path / "m.onnx", nodes, {"x": [3, 7]}, ["y"], {"w": drawn(7, 5), "axis": np.int64(0)})
    found = workloads.from_onnx(path)
    assert found.provenance["not_lowered"] == ["CumSum at head"]
    assert found.not_simulated == ()


def test_layers_of_one_shape_keep_apart_and_shared_weights_count_together(tmp_path):
    nodes = [node("MatMul", "x,v", "a"), node("MatMul", "a,w", "b"), node("MatMul", "b,v", "y")]
    path = saved(tmp_path / "m.onnx", nodes, {"x": [3, 5]}, ["y"], {"v": drawn(5, 5), "w": drawn(5, 5, seed=1)})
    assert [(t.name, t.repeat) for t in workloads.from_onnx(path)] == [("matmul1", 2), ("matmul2", 1)]


def test_external_weights_within_the_folder(tmp_path):
    import onnx

    weight = drawn(64, 32)
    path = saved(tmp_path / "m.onnx", [node("MatMul", "x,w", "y")], {"x": [3, 64]}, ["y"], {"w": weight})
    before = workloads.from_onnx(path, values="weights")
    onnx.save(onnx.load(str(path)), str(path), save_as_external_data=True, location="m.data", size_threshold=0)
    assert (workloads.from_onnx(path, values="weights").traces[0].weight == before.traces[0].weight).all()
    (tmp_path / "m.data").write_bytes(b"\0" * 100)
    with pytest.raises(accelsim.errors.FileFormatError, match="may be cut"):
        workloads.from_onnx(path, values="weights")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"values": "all"}, "values is 'all'"),
        ({"values": "activations"}, "data is None"),
        ({"values": "weights", "data": drawn(1, 3, 8, 8)}, "'activations' takes data"),
        ({"data": drawn(1, 3, 8, 9)}, r"shape \(1, 3, 8, 9\)"),
        ({"data": {"z": drawn(1)}}, r"\['z'\]"),
        ({"batch": 0}, "batch is 0"),
    ],
)
def test_settings_that_cannot_be(tmp_path, settings, message):
    path, _ = qdq_cnn(tmp_path / "q.onnx")
    with pytest.raises(ConfigError, match=message):
        workloads.from_onnx(path, **settings)


def test_opened_by_its_path_and_shown(tmp_path, capsys):
    path, _ = qdq_cnn(tmp_path / "q.onnx")
    assert workloads.open_workload(path, batch=2).macs == 2 * workloads.open_workload(path).macs
    show(str(path))
    shown = capsys.readouterr().out
    assert "conv1" in shown
    assert "source: onnx" in shown


def test_every_operator_has_one_place():
    assert not FREE & set(OPERATORS)


def test_a_convolution_over_three_axes_is_what_torch_computes(tmp_path):
    weight, volume = drawn(4, 2, 3, 2, 2), drawn(1, 2, 6, 5, 7, seed=1)
    conv = node("Conv", "x,w", "y", strides=[2, 1, 1], pads=[1, 0, 1, 1, 1, 1])
    path = saved(tmp_path / "m.onnx", [conv], {"x": [1, 2, 6, 5, 7]}, ["y"], {"w": weight})
    network = workloads.from_onnx(path, values="activations", data=volume)
    (trace,), codes = network.traces, network.provenance["codes"]
    ints, filters = (
        torch.from_numpy(values).double().div(codes[trace.name][side]["scale"]).round()
        for values, side in ((volume, "activation"), (weight, "weight"))
    )
    padded = nn.functional.pad(ints, (1, 1, 0, 1, 1, 1))
    expected = nn.functional.conv3d(padded, filters, stride=(2, 1, 1))[0].permute(1, 2, 3, 0).reshape(-1, 4)
    report = accelsim.simulate(network, "dense/os-16x16", verify=True)
    np.testing.assert_array_equal(report.outputs[trace.name], expected.numpy())
    assert network.macs == expected.numel() * 2 * 3 * 2 * 2
