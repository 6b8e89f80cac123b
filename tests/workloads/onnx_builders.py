"""Small ONNX models, made node by node."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def saved(path, nodes, inputs, outputs, weights=None, opset=21, domains=()):
    """A model file: `inputs` {name: shape}, `outputs` names, `weights` {name: array or tensor}."""
    stored = [
        w if isinstance(w, TensorProto) else numpy_helper.from_array(np.asarray(w), n)
        for n, w in (weights or {}).items()
    ]
    given = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()]
    made = [helper.make_empty_tensor_value_info(n) for n in outputs]
    graph = helper.make_graph(nodes, "graph", given, made, stored)
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    onnx.save(model, str(path))
    return path


def node(op, inputs, output, name="", **attributes):
    return helper.make_node(op, inputs.split(","), output.split(","), name=name, **attributes)


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def integers(*shape, kind=np.int8, seed=0):
    limits = np.iinfo(kind)
    return np.random.default_rng(seed).integers(limits.min, limits.max, shape, kind, endpoint=True)


def qdq_cnn(path, points=0, activation=np.uint8, zero=0):
    """A convolution and a linear layer between quantize and dequantize nodes: int8 weights, a scale a filter."""
    held = {
        "s": np.float32(0.02), "z": activation(zero), "conv1.weight_quantized": integers(4, 3, 3, 3),
        "ws": np.abs(drawn(4)) + 0.01, "wz": np.full(4, points, np.int8),
        "fc.weight_quantized": integers(5, 144, seed=1), "fs": np.float32(0.1), "fz": np.int8(0),
        "shape": np.array([0, -1]),
    }  # fmt: skip
    nodes = [
        node("QuantizeLinear", "x,s,z", "xq"),
        node("DequantizeLinear", "xq,s,z", "xd"),
        node("DequantizeLinear", "conv1.weight_quantized,ws,wz", "w", axis=0),
        node("Conv", "xd,w", "y", "/conv1/Conv", kernel_shape=[3, 3]),
        node("Relu", "y", "r"),
        node("QuantizeLinear", "r,s,z", "rq"),
        node("DequantizeLinear", "rq,s,z", "rd"),
        node("Reshape", "rd,shape", "flat"),
        node("DequantizeLinear", "fc.weight_quantized,fs,fz", "f"),
        node("Gemm", "flat,f", "out", "/fc/Gemm", transB=1),
    ]
    return saved(path, nodes, {"x": ["batch", 3, 8, 8]}, ["out"], held), held
