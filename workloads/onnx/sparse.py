"""Sparse tensors of ONNX files, nonzeros and their places, written out as dense ones."""

from __future__ import annotations

import math

import numpy as np
from onnx import GraphProto, ModelProto, SparseTensorProto, TensorProto, helper, numpy_helper

from accelsim.errors import FileFormatError

DENSE_LIMIT = 2**28  # elements of one tensor, zeros included


def write_out(model: ModelProto, where: str) -> None:
    """Make dense tensors of a model's sparse initializers and constants. FileFormatError where one cannot be."""
    _write_out(model.graph, where)
    for function in model.functions:
        _constants(function.node, where)


def _write_out(graph: GraphProto, where: str) -> None:
    for sparse in graph.sparse_initializer:
        graph.initializer.append(_dense(sparse, sparse.values.name, where))
    del graph.sparse_initializer[:]
    _constants(graph.node, where)


def _constants(nodes: object, where: str) -> None:
    for node in nodes:  # type: ignore[attr-defined]  # protobuf's repeated field, which has no type of its own
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                _write_out(inner, where)  # an unset graph stays unset, which it does not when it is written to
            if node.op_type == "Constant" and attribute.name == "sparse_value":
                dense = _dense(attribute.sparse_tensor, node.output[0] if node.output else "", where)
                attribute.CopyFrom(helper.make_attribute("value", dense))


def _dense(sparse: SparseTensorProto, name: str, where: str) -> TensorProto:
    dims, said = list(sparse.dims), f"{where}: sparse tensor {name[:80]!r}"
    if any(side < 0 for side in dims) or math.prod(dims) > DENSE_LIMIT:
        raise FileFormatError(f"{said} has shape {dims}; at most {DENSE_LIMIT} elements are expected")
    if TensorProto.EXTERNAL in (sparse.values.data_location, sparse.indices.data_location):
        raise FileFormatError(f"{said} lies in another file; its nonzeros are expected within the model")
    try:
        values, places = numpy_helper.to_array(sparse.values), numpy_helper.to_array(sparse.indices)
        flat = np.ravel_multi_index(tuple(places.T), dims) if places.ndim == 2 else places
        if len(flat) != values.size or np.any((flat < 0) | (flat >= math.prod(dims))):
            raise ValueError(f"{values.size} values at {len(flat)} places")
        whole = np.zeros(math.prod(dims), values.dtype)
        whole[flat] = values.reshape(-1)
    except (ValueError, TypeError, IndexError, KeyError) as error:
        raise FileFormatError(f"{said} of shape {dims} is malformed: {' '.join(str(error).split())[:120]}") from error
    return numpy_helper.from_array(whole.reshape(dims), name)
