"""What one node writes, in numbers: by ONNX Runtime where it is installed, else by what was checked against it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

from accelsim.errors import FileFormatError

from .definitions import defined, with_plain_padding
from .files import label, short
from .values import Known

COMPUTED_LIMIT = 2**26  # elements of one result, or twice what it is made of where that is more
STORED_LIMIT = 2**30  # bytes of constants within a model of one node; protobuf ends at 2^31
RUNTIME = "onnxruntime"
RECURRENT = frozenset({"LSTM", "GRU", "RNN"})
POOLS = frozenset({"AveragePool", "LpPool"})
_CHECKED = """
    Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization BipolarQuant Cast Ceil
    Clip Concat Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh CumSum DepthToSpace DequantizeLinear
    Div Dropout DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand Flatten Floor Gather GatherElements GatherND
    Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GRU Hardmax HardSigmoid HardSwish Identity
    InstanceNormalization IntQuant IsInf IsNaN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpPool LRN
    LSTM MatMul MatMulInteger Max MaxPool Mean Min Mish Mod Mul Neg NonZero Not Or Pad Pow PRelu QLinearConv
    QLinearMatMul Quant QuantizeLinear Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax
    ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize RNN Round ScatterElements ScatterND
    Selu Shape Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tan
    Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Upsample Where Xor
"""
CHECKED = frozenset(_CHECKED.split())
"""Operators that compute here what ONNX Runtime computes: `tests/workloads/onnx/test_onnx_checked.py` compares."""


def runtime_version() -> str | None:
    """The version of the installed ONNX Runtime, None where there is none."""
    if find_spec(RUNTIME) is None:
        return None
    import onnxruntime

    return str(onnxruntime.__version__)


def computed(
    node: NodeProto,
    inputs: Mapping[str, np.ndarray],
    versions: Mapping[str, int],
    outputs: Sequence[Known],
    real: frozenset[str] = frozenset(),
) -> list[np.ndarray]:
    """What a node writes. `real` names the inputs that are no constants.

    Activations are those of ONNX Runtime (the extra `onnx`) where it is installed. Without it, and for constants, they
    are computed by the operator's definition or by ONNX's reference implementation in numpy. FileFormatError where that
    fails, and, for activations, where the operator is none that was checked against ONNX Runtime.
    """
    _check_size(node, inputs, outputs)
    refused = "it is not installed; pip install 'accelsim[onnx]' brings it"
    if real and runtime_version() is not None:
        result = _by_runtime(node, inputs, versions, real)
        if not isinstance(result, str):
            return result
        refused = result
    ordered = [inputs[name] if name else None for name in node.input]
    version = versions.get("" if node.domain == "ai.onnx" else node.domain, 1)
    try:
        ours = defined(node, ordered, version) if len(outputs) == 1 else None  # type: ignore[arg-type]  # None: left out
    except (ValueError, TypeError, IndexError, ArithmeticError, AttributeError) as error:  # an input is amiss
        raise FileFormatError(f"{label(node)} cannot be computed: {short(error)}") from error
    if ours is not None:
        return ours
    if real and not _is_checked(node):
        raise FileFormatError(
            f"{label(node)} is computed by ONNX Runtime alone ({refused}); values='weights' does without"
        )
    return _of_right_shape(node, _by_reference(node, inputs, versions), outputs)


def _of_right_shape(node: NodeProto, result: list[np.ndarray], outputs: Sequence[Known]) -> list[np.ndarray]:
    """What was computed; FileFormatError where its shape is another than shape inference says."""
    for array, known in zip(result, outputs, strict=False):
        expected = known.known_shape()
        if expected is not None and expected != array.shape:
            raise FileFormatError(f"{label(node)} was computed with the shape {array.shape}; {expected} is expected")
    return result


def _is_checked(node: NodeProto) -> bool:
    """Whether a node computes here what it computes there; recurrent layers do without clipping and lengths alone."""
    plain = node.op_type not in RECURRENT or not (
        any(a.name in ("clip", "activations", "input_forget") for a in node.attribute) or any(node.input[4:5])
    )
    return plain and node.op_type in CHECKED


def _check_size(node: NodeProto, inputs: Mapping[str, np.ndarray], outputs: Sequence[Known]) -> None:
    limit = max(COMPUTED_LIMIT, 2 * sum(array.size for array in inputs.values()))
    for known in outputs:
        size = math.prod(known.known_shape() or ())
        if size > limit:
            raise FileFormatError(f"{label(node)} writes {size} numbers; at most {limit} are computed")


def _by_runtime(
    node: NodeProto, inputs: Mapping[str, np.ndarray], versions: Mapping[str, int], real: frozenset[str]
) -> list[np.ndarray] | str:
    """What ONNX Runtime computes; why not where it does not know this operator, its version or a type."""
    import onnxruntime

    stored = {n: a for n, a in inputs.items() if n not in real}
    if sum(array.nbytes for array in stored.values()) > STORED_LIMIT:
        stored = {}
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    given = {n: a for n, a in inputs.items() if n not in stored}
    try:
        model = _alone(node, given, stored, versions)
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
        return [np.asarray(value) for value in session.run(None, given)]
    except Exception as error:  # its own kinds, which it does not export; a definition may know the operator
        return short(error)


def _alone(
    node: NodeProto, given: Mapping[str, np.ndarray], stored: Mapping[str, np.ndarray], versions: Mapping[str, int]
) -> Any:
    """A model of this one node."""
    values = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), list(a.shape))
        for n, a in given.items()
    ]
    written = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
    held = [numpy_helper.from_array(a, n) for n, a in stored.items()]
    imports = [helper.make_opsetid(d, v) for d, v in versions.items() if d in ("", node.domain)]
    graph = helper.make_graph([node], "one", values, written, held)
    return helper.make_model(graph, opset_imports=imports, ir_version=min(10, int(onnx.IR_VERSION)))


def _by_reference(node: NodeProto, inputs: Mapping[str, np.ndarray], versions: Mapping[str, int]) -> list[np.ndarray]:
    """What ONNX's reference implementation computes."""
    from onnx.reference import ReferenceEvaluator

    try:
        if node.op_type in POOLS and node.input:
            node = with_plain_padding(node, inputs[node.input[0]].shape[2:])
        given = [helper.make_empty_tensor_value_info(name) for name in inputs]
        written = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
        imports = [helper.make_opsetid(domain, version) for domain, version in versions.items()]
        model = helper.make_model(helper.make_graph([node], "one", given, written), opset_imports=imports)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # numpy's remarks on the reference implementation
            result = ReferenceEvaluator(model).run(None, dict(inputs))
    except Exception as error:  # whatever numpy or the library meets
        raise FileFormatError(f"{label(node)} cannot be computed: {short(error)}") from error
    if not all(isinstance(value, np.ndarray | np.generic) for value in result):
        raise FileFormatError(f"{label(node)} makes no tensors")
    return [np.asarray(value) for value in result]
