"""Einsum with an ellipsis, without an output, of one tensor; and what of it is no product of two matrices."""

import numpy as np
import pytest

import workloads
from accelsim.errors import FileFormatError
from tests.workloads.onnx_builders import drawn, node, saved
from workloads.onnx.einsum import spelled_out

PRODUCTS = [  # equation, shapes of both, GEMM (groups, M, N, K)
    ("...ij,jk", [2, 3, 4], (4, 5), (1, 6, 5, 4)), ("...ij,jk->...ik", [2, 2, 3, 4], (4, 5), (1, 12, 5, 4)),
    ("ba,bc", [3, 4], (3, 5), (1, 4, 5, 3)), ("i...,ij->j...", [4, 3], (4, 5), (1, 3, 5, 4)),
    ("bhwc,cd", [2, 3, 3, 4], (4, 5), (1, 18, 5, 4)), ("A...,A...", [2, 3], (2, 3), (3, 1, 1, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("equation", "left", "right", "gemm"), PRODUCTS, ids=[case[0] for case in PRODUCTS])
def test_a_product_of_two(tmp_path, equation, left, right, gemm):
    weight, data = drawn(*right), drawn(*left, seed=1)
    path = saved(
        tmp_path / "m.onnx", [node("Einsum", "x,w", "y", equation=equation)], {"x": left}, ["y"], {"w": weight}
    )
    found = workloads.from_onnx(path, data=data)
    (trace,) = found
    assert (trace.groups, trace.M, trace.N, trace.K) == gemm
    code = found.provenance["codes"][trace.name]
    rows = np.asarray(trace.activation, float).reshape(trace.M, trace.groups, trace.K)
    filters = np.asarray(trace.weight, float).reshape(trace.groups, trace.N, trace.K)
    got = np.einsum("mgk,gnk->gmn", rows, filters) * code["activation"]["scale"] * code["weight"]["scale"]
    expected = np.einsum(equation, data, weight)
    np.testing.assert_allclose(np.sort(got, None), np.sort(expected, None), atol=0.05 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("equation", "work"), [("ij->ji", []), ("ij", []), ("ij->i", ["reduce_sum"]), ("ij->", ["reduce_sum"])]
)
def test_one_tensor_is_no_matrix_work(tmp_path, equation, work):
    nodes = [node("Einsum", "x", "e", equation=equation), node("MatMul", "x,w", "y")]
    found = workloads.from_onnx(saved(tmp_path / "m.onnx", nodes, {"x": [3, 4]}, ["y", "e"], {"w": drawn(4, 5)}))
    assert found.macs == 60
    assert [operator.op for operator in found.operators] == work


def test_an_axis_that_is_repeated_is_refused(tmp_path):
    path = saved(tmp_path / "m.onnx", [node("Einsum", "x,z", "y", equation="...ij,...jk->...ik")],
                 {"x": [1, 3, 4], "z": [2, 4, 5]}, ["y"])  # fmt: skip
    with pytest.raises(FileFormatError, match=r"Einsum.*repeats elements along an axis"):
        workloads.from_onnx(path)


@pytest.mark.parametrize(
    ("equation", "ranks", "says"),
    [
        ("ij,jk", [2], "of 2 tensors, and 1"),
        ("ij", [3], "its axes"),
        ("i...", [0], "its axes"),
        ("i->j", [1], "result"),
    ],
)
def test_an_equation_that_does_not_fit(equation, ranks, says):
    with pytest.raises(ValueError, match=says):
        spelled_out(equation, ranks)
