"""Sparse tensors of files: their zeros are weights that are 0."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import workloads
from accelsim.errors import FileFormatError
from tests.workloads.onnx_builders import drawn, node, saved
from workloads.onnx.sparse import write_out

PLACES = {"flat": [1, 5, 11], "by axes": [[0, 1], [1, 2], [3, 2]]}  # of a matrix (4, 3)
DENSE = np.array([[0, 100, 0], [0, 0, -127], [0, 0, 0], [0, 0, 50]])


def sparse(places):
    values = numpy_helper.from_array(np.array([100, -127, 50], np.float32), "w")
    return helper.make_sparse_tensor(values, numpy_helper.from_array(np.array(places, np.int64), "i"), [4, 3])


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("how", ["initializer", "constant"])
def test_zeros_are_written_out(tmp_path, how, places):
    product = node("MatMul", "x,w", "y")
    constant = helper.make_node("Constant", [], ["w"], sparse_value=sparse(places))
    nodes = [constant, product] if how == "constant" else [product]
    path = saved(tmp_path / "m.onnx", nodes, {"x": [2, 4]}, ["y"])
    if how == "initializer":
        model = onnx.load(path)
        model.graph.sparse_initializer.append(sparse(places))
        onnx.save(model, path)
    (trace,) = workloads.from_onnx(path, values="weights")
    assert (trace.weight == DENSE.T).all()


@pytest.mark.parametrize("places", [[1, 5, 12], [1, 5], [[0, 1], [1, 2], [4, 0]], [-1, 0, 1]])
def test_places_that_cannot_be_are_refused(tmp_path, places):
    path = saved(tmp_path / "m.onnx", [node("MatMul", "x,w", "y")], {"x": [2, 4]}, ["y"])
    model = onnx.load(path)
    model.graph.sparse_initializer.append(sparse(places))
    onnx.save(model, path)
    with pytest.raises(FileFormatError, match=r"sparse tensor 'w' of shape \[4, 3\] is malformed"):
        workloads.from_onnx(path)


def test_a_model_without_any_stays_as_it_is(tmp_path):
    """ONNX Runtime refuses a node of which an attribute holds a graph, an empty one too, beside its number."""
    nodes = [node("Softmax", "x", "s", axis=1), node("MatMul", "s,w", "y")]
    path = saved(tmp_path / "m.onnx", nodes, {"x": [2, 4]}, ["y"], {"w": drawn(4, 3)})
    model = onnx.load(path)
    before = model.SerializeToString()
    write_out(model, "model")
    assert model.SerializeToString() == before
