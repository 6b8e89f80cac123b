"""Broken and hostile ONNX files: one clear line each, nothing executed, no memory taken."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import workloads
from accelsim.errors import FileFormatError, MissingFileError
from tests.workloads.onnx_builders import drawn, node, saved

WEIGHT = {"w": drawn(7, 5)}
PLAIN = [node("MatMul", "x,w", "y", "product")]


@pytest.fixture
def model(tmp_path):
    """A file with one product, loaded and written again after a change."""
    path = saved(tmp_path / "m.onnx", PLAIN, {"x": [3, 7]}, ["y"], WEIGHT)
    return path, onnx.load(str(path))


def refused(path, says, **settings):
    with pytest.raises((FileFormatError, MissingFileError)) as caught:
        workloads.from_onnx(path, **settings)
    text = str(caught.value)
    assert says in text
    assert "\n" not in text
    assert len(text) < 700


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"PK\x03\x04 no zip", bytes(range(256)) * 3])
def test_noise(tmp_path, content):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    refused(path, "an ONNX model is expected" if not content else "no ONNX model")


def test_files_that_are_cut(model):
    path, _ = model
    content = path.read_bytes()
    for share in (0.3, 0.6, 0.9):
        path.write_bytes(content[: int(len(content) * share)])
        refused(path, "m.onnx")


def test_files_that_are_not_there(tmp_path):
    refused(tmp_path / "none.onnx", "not there")
    refused(tmp_path, "a folder")


def reset_opset(proto, version):
    del proto.opset_import[:]
    if version:
        proto.opset_import.append(helper.make_opsetid("", version))


def declared(proto, dims):
    proto.graph.initializer[0].dims[:] = dims


def outside(proto, place):
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.append(onnx.StringStringEntryProto(key="location", value=place))


def recursive(proto):
    body = helper.make_function("f", "F", ["a"], ["b"], [helper.make_node("F", ["a"], ["b"], domain="f")], [])
    proto.functions.append(body)


CHANGES = {  # name -> (what is done to the model, what the message says)
    "no opset": (lambda m: reset_opset(m, None), "names no opset"),
    "an old opset": (lambda m: reset_opset(m, 3), "opset 3; 7 to"),
    "an opset to come": (lambda m: reset_opset(m, 999), "opset 999; 7 to"),
    "a cycle": (
        lambda m: m.graph.node.extend([node("Relu", "b", "a"), node("Relu", "a", "b")]),
        "out of order or in a cycle",
    ),
    "a missing initializer": (lambda m: m.graph.ClearField("initializer"), "reads 'w', which nothing makes"),
    "an output of nothing": (lambda m: m.graph.output.append(helper.make_empty_tensor_value_info("z")), "output 'z'"),
    "a name twice": (lambda m: m.graph.node.append(node("Relu", "x", "y")), "'y' is made more than once"),
    "more declared than held": (lambda m: declared(m, [2**30, 2**30]), "holds 35 numbers"),
    "a negative side": (lambda m: declared(m, [-7, 5]), "sides from 0"),
    "an unknown type": (lambda m: setattr(m.graph.initializer[0], "data_type", 99), "type 99"),
    "sparse weights": (lambda m: m.graph.sparse_initializer.append(onnx.SparseTensorProto()), "sparse"),
    "a path upwards": (lambda m: outside(m, "../w.data"), "within the model's folder"),
    "an absolute path": (lambda m: outside(m, "/etc/passwd"), "within the model's folder"),
    "a function of itself": (recursive, "calls itself"),
    "shapes that do not fit": (lambda m: declared(m, [5, 7]), "does not fit its inputs"),
    "a name that is no text": (lambda m: None, "no UTF-8 text"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_models_that_cannot_be(model, name):
    path, proto = model
    change, says = CHANGES[name]
    change(proto)
    if name == "a function of itself":
        proto.graph.node[0].op_type, proto.graph.node[0].domain = "F", "f"
    content = proto.SerializeToString()
    path.write_bytes(content.replace(b"product", b"pro\xff\xfe\xfdt") if "text" in name else content)
    refused(path, says)


def test_functions_that_grow_without_bound(model):
    path, proto = model
    for i in range(12):
        inner = [
            helper.make_node(f"F{i - 1}" if i else "Relu", ["a"], [f"b{k}"], domain="f" if i else "") for k in range(10)
        ]
        proto.functions.append(helper.make_function("f", f"F{i}", ["a"], ["b0"], inner, [helper.make_opsetid("", 21)]))
    proto.graph.node.append(helper.make_node("F11", ["x"], ["z"], domain="f"))
    path.write_bytes(proto.SerializeToString())
    refused(path, "when its functions are written out")


def test_external_files_that_are_missing_or_linked_outwards(model, tmp_path):
    path, proto = model
    outside(proto, "w.data")
    path.write_bytes(proto.SerializeToString())
    refused(path, "is not there", values="weights")
    assert workloads.from_onnx(path).macs == 3 * 5 * 7  # shapes read no weights
    (tmp_path.parent / "elsewhere").write_bytes(b"\0" * 140)
    (tmp_path / "w.data").symlink_to(tmp_path.parent / "elsewhere")
    refused(path, "by a link", values="weights")


HUGE = np.array([2**31, 2**31])
NODES = {  # name -> (nodes before the product, their weights, what the message says)
    "a loop": ([helper.make_node("Loop", ["", ""], ["z"], body=onnx.GraphProto())], {}, "control flow"),
    "a stride of zero": ([node("Conv", "i,k", "z", strides=[0, 1])], {"k": drawn(2, 3, 2, 2)}, "strides"),
    "a group of zero": ([node("Conv", "i,k", "z", group=0)], {"k": drawn(2, 3, 2, 2)}, "group"),
    "channels that differ": ([node("Conv", "i,k", "z")], {"k": drawn(2, 4, 2, 2)}, "do not fit"),
    "a kernel that differs": ([node("Conv", "i,k", "z", kernel_shape=[1, 1])], {"k": drawn(2, 3, 2, 2)}, "do not fit"),
    "four axes": ([node("Conv", "h,k", "z")], {"k": drawn(2, 3, 2, 2, 2, 2)}, "(Conv; 7,776 MACs, 98.7 %)"),
    "a huge constant": ([node("ConstantOfShape", "s", "c"), node("MatMul", "x,c", "z")], {"s": HUGE}, "x"),
    "a huge rank": ([node("Expand", "x,s", "z")], {"s": np.ones(10**5, np.int64)}, "axes"),
    "zero points along a wrong axis": (
        [node("DequantizeLinear", "k,s,p", "d", axis=2), node("Conv", "i,d", "z")],
        {"k": np.ones((4, 3, 2, 2), np.int8), "s": np.ones(4, np.float32), "p": np.zeros(4, np.int8)},
        "zero points (4,)",
    ),
    "a size that depends on data": (
        [node("NonZero", "x", "n"), node("Cast", "n", "f", to=1), node("MatMul", "f,f", "z")], {}, "dimension 1 of 'f'",
    ),
    "an unknown operator": (
        [helper.make_node("Odd", ["x"], ["o"], domain="a"), node("MatMul", "o,w", "z")], {}, "a::Odd",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NODES)
def test_nodes_that_cannot_be(tmp_path, name):
    nodes, weights, says = NODES[name]
    inputs = {"x": [3, 7], "i": [1, 3, 8, 8], "h": [1, 3, 4, 4, 4, 4]}
    path = saved(tmp_path / "m.onnx", [*nodes, *PLAIN], inputs, ["y"], {**WEIGHT, **weights}, domains=["a"])
    refused(path, says, values="weights")


def test_a_model_without_products_says_what_it_holds(tmp_path):
    path = saved(tmp_path / "m.onnx", [node("CumSum", "x,a", "y")], {"x": [3, 7]}, ["y"], {"a": np.int64(0)})
    refused(path, "nothing to simulate (not lowered: CumSum at the model)")
