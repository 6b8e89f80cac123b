"""Zero points of integer products: one for all, one a row of the left matrix, one a column of the right one."""

import numpy as np
import pytest

import workloads
from tests.workloads.onnx_builders import drawn, integers, node, saved

OPERANDS = {"MatMulInteger": "xq,w,z,wz", "QLinearMatMul": "xq,s,z,w,s,wz,s,z"}


def product(path, op, weight, points, rows=3):
    held = {"s": np.float32(0.05), "z": np.uint8(128), "w": weight, "wz": points}
    nodes = [node("QuantizeLinear", "x,s,z", "xq"), node(op, OPERANDS[op], "y")]
    return saved(path, nodes, {"x": [rows, weight.shape[0]]}, ["y"], held)


@pytest.mark.parametrize("op", OPERANDS)
@pytest.mark.parametrize("columns", [5, 8])  # as many as rows too, where a wrong axis fits as well
def test_one_a_column(tmp_path, op, columns):
    weight, points = integers(8, columns, kind=np.uint8), np.arange(100, 100 + columns, dtype=np.uint8)
    (trace,) = workloads.from_onnx(product(tmp_path / "m.onnx", op, weight, points))
    for column in range(columns):
        assert (trace.weight[column] == weight[:, column].astype(int) - (100 + column)).all()


def test_one_a_row_of_the_left_matrix(tmp_path):
    held = {"w": integers(4, 5), "z": np.array([1, 2, 3], np.uint8), "wz": np.int8(0), "s": np.float32(1)}
    nodes = [node("Cast", "x", "xq", to=2), node("MatMulInteger", "xq,w,z,wz", "y")]
    path = saved(tmp_path / "m.onnx", nodes, {"x": [3, 4]}, ["y"], held)
    data = np.arange(12, dtype=np.float32).reshape(3, 4)
    (trace,) = workloads.from_onnx(path, data=data)
    assert (trace.activation == data - np.array([[1], [2], [3]])).all()


def test_one_a_filter_of_a_convolution(tmp_path):
    weight, points = integers(4, 3, 2, 2, kind=np.uint8), np.array([7, 130, 0, 255], np.uint8)
    nodes = [node("Cast", "x", "xq", to=2), node("ConvInteger", "xq,w,z,wz", "y")]
    held = {"w": weight, "z": np.uint8(0), "wz": points}
    (trace,) = workloads.from_onnx(saved(tmp_path / "m.onnx", nodes, {"x": [1, 3, 5, 5]}, ["y"], held))
    assert (trace.weight == weight.astype(int).reshape(4, -1) - points.astype(int)[:, None]).all()


def test_what_does_not_fit_is_refused(tmp_path):
    from accelsim.errors import FileFormatError

    path = product(tmp_path / "m.onnx", "MatMulInteger", integers(8, 5, kind=np.uint8), np.zeros(8, np.uint8))
    with pytest.raises(FileFormatError, match=r"zero points \(8,\) of 'w' \(8, 5\)"):
        workloads.from_onnx(path)


def test_weights_alone_in_a_stack_of_products(tmp_path):
    weight, points = integers(6, 4), integers(4, seed=1)
    held = {"w": weight, "ws": np.abs(drawn(4)), "wz": points}
    nodes = [node("DequantizeLinear", "w,ws,wz", "d", axis=-1), node("MatMul", "x,d", "y")]
    (trace,) = workloads.from_onnx(saved(tmp_path / "m.onnx", nodes, {"x": [2, 3, 6]}, ["y"], held))
    assert (trace.weight == (weight.astype(int) - points.astype(int)).T).all()


def test_one_that_the_model_computes_is_no_format_of_the_file(tmp_path):
    """DynamicQuantizeLinear's: x from −128 to 127 around a zero point that nobody knows beforehand takes nine bits."""
    nodes = [node("DynamicQuantizeLinear", "x", "xq,xs,xz"), node("MatMulInteger", "xq,w,xz", "y")]
    path = saved(tmp_path / "m.onnx", nodes, {"x": [3, 8]}, ["y"], {"w": integers(8, 4)})
    data = np.linspace(-1, 1, 24, dtype=np.float32).reshape(3, 8)
    (trace,) = workloads.from_onnx(path, data=data)
    assert (trace.activation_bits, trace.activation_signed, trace.activation_zero_point) == (9, True, 0)
    assert trace.activation.min() < 0 < trace.activation.max()


@pytest.mark.parametrize(("zero", "bits", "kept"), [(100, 8, True), (100, 12, True), (100, 4, False), (0, 4, True)])
def test_fewer_bits_than_the_file_s_drop_a_zero_point(tmp_path, zero, bits, kept):
    held = {"s": np.float32(0.05), "z": np.uint8(zero), "w": integers(8, 4), "wz": np.int8(0)}
    nodes = [node("QuantizeLinear", "x,s,z", "xq"), node("MatMulInteger", "xq,w,z,wz", "y")]
    path = saved(tmp_path / "m.onnx", nodes, {"x": [3, 8]}, ["y"], held)
    (trace,) = workloads.from_onnx(path, activation_bits=bits)
    assert trace.activation_bits == bits
    assert (trace.activation_signed, trace.activation_zero_point) == ((False, zero) if kept else (True, 0))
