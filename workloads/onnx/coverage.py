"""Which operators hold matrix work, and how much: what is not lowered among them is never left out in silence."""

from __future__ import annotations

import math
from collections.abc import Mapping

import onnx

from accelsim.errors import FileFormatError
from accelsim.trace.not_simulated import NotSimulated

from .definitions import ORT, QONNX
from .nodes import Node

_MATRIX_NAMES = """
    Conv ConvInteger QLinearConv ConvTranspose DeformConv CausalConvWithState Gemm MatMul MatMulInteger QLinearMatMul
    Einsum Attention FlexAttention LinearAttention LSTM GRU RNN Loop Scan If SequenceMap LinearClassifier
    LinearRegressor SVMClassifier SVMRegressor Det
"""
MATRIX = frozenset(_MATRIX_NAMES.split())
"""Operators of ONNX's own domains that multiply matrices, or may: those with a body of their own."""
_PLAIN = """
    BifurcationDetector BitmaskBiasDropout BitmaskDropout ComplexMul ComplexMulConj CropAndResize DequantizeBFP
    DynamicTimeWarping GemmaRotaryEmbedding GridSample IsAllFinite MaxpoolWithMask MulInteger MurmurHash3
    NGramHashMapping NGramRepeatBlock QuantizeBFP Range ReduceSumInteger RelativePositionBias RemovePadding
    RestorePadding Rfft Irfft Tokenizer Trilu UnfoldTensor Unique VarlenNGramHashMapping
"""
PLAIN: Mapping[str, frozenset[str]] = {
    ORT: frozenset(_PLAIN.split()),
    "com.microsoft.nchwc": frozenset({"AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool", "ReorderInput",
                                      "ReorderOutput", "Upsample"}),
    **dict.fromkeys(QONNX, frozenset({"Quant", "IntQuant", "BipolarQuant", "FloatQuant", "Trunc", "MultiThreshold",
                                      "QuantAvgPool2d", "MaxPoolNHWC", "Shuffle", "DebugMarker"})),
}  # fmt: skip
"""Operators of other domains that are known to multiply no matrices."""


_OWN = frozenset({"", "ai.onnx", "ai.onnx.ml"})


def is_matrix_work(node: Node) -> bool:
    """Whether an operator multiplies matrices, or is unknown, so that it may."""
    domain, op = node.proto.domain, node.proto.op_type
    if domain in _OWN:
        return op in MATRIX or not _has_schema(op, "" if domain == "ai.onnx" else domain)
    return op not in PLAIN.get(domain, frozenset())


def is_vendors(domain: str, op: str) -> bool:
    """Whether an operator that multiplies matrices, or may, is of a domain that is not ONNX's own."""
    return domain not in _OWN and op not in PLAIN.get(domain, frozenset())


def _has_schema(op: str, domain: str) -> bool:
    return bool(onnx.defs.has(op, domain=domain))


def left_out(node: Node) -> NotSimulated:
    """The record of a node that is not simulated."""
    name = node.proto.name or next((name for name in node.proto.output if name), node.proto.op_type)
    return NotSimulated(name[:120], node.operation, macs_of(node))


def refusal(where: str, lost: list[NotSimulated], simulated: int, reasons: Mapping[str, str]) -> FileFormatError:
    """The error that names what is not simulated, with its share of the MACs where that is known."""
    whole = simulated + sum(part.macs or 0 for part in lost)
    known = all(part.macs is not None for part in lost)
    share = f"{100 * (whole - simulated) / whole:.1f} % of its MACs" if known and whole else "matrix work of it"
    parts = [_told(part, whole, reasons) for part in lost[:8]] + [f"{len(lost) - 8} more"] * (len(lost) > 8)
    return FileFormatError(
        f"{where}: {share} cannot be simulated: {'; '.join(parts)}. partial='allow' (--partial) simulates the rest"
    )


def _told(part: NotSimulated, whole: int, reasons: Mapping[str, str]) -> str:
    reason = reasons.get(part.name, "it has no lowering to a GEMM or to the vector unit")
    count = "MACs not known" if part.macs is None else f"{part.macs:,} MACs"
    share = f", {100 * part.macs / whole:.1f} %" if part.macs and whole else ""
    return f"node {part.name[:80]!r} ({part.operation[:80]}; {count}{share}): {reason}"


def macs_of(node: Node) -> int | None:
    """The multiply-accumulates that a node's shapes and attributes tell; None where they tell none."""
    count = _COUNTS.get(node.proto.op_type)
    try:
        return None if count is None else count(node)
    except (FileFormatError, IndexError, KeyError, ValueError, TypeError, AttributeError):
        return None  # a shape that is not known, or a node that is malformed: nothing can be said of it


def _of_filters(node: Node) -> int:
    """Outputs times the weights of one filter."""
    weight = node.value(_WEIGHT_OF.get(node.proto.op_type, 1)).shape
    return math.prod(node.outputs[0].shape()) * math.prod(weight[1:])


def _of_matrices(node: Node) -> int:
    """Outputs times the length of a row of the first operand."""
    shape = node.value(0).shape
    return math.prod(node.outputs[0].shape()) * shape[-2 if node.attribute("transA", 0) else -1]


def _of_letters(node: Node) -> int:
    """All combinations of an Einsum's letters."""
    inputs = str(node.attribute("equation", "")).replace(" ", "").partition("->")[0].split(",")
    sizes = {a: n for i, part in enumerate(inputs) for a, n in zip(part, node.value(i).shape, strict=True)}
    return math.prod(sizes.values())


def _of_steps(node: Node) -> int:
    """All gates of each step of a recurrent layer."""
    inputs, of_input, of_hidden = (node.value(i).shape for i in range(3))
    return inputs[0] * inputs[1] * of_input[0] * (math.prod(of_input[1:]) + math.prod(of_hidden[1:]))


def _of_attributes(node: Node) -> int:
    """Rows times the K and N that the node names."""
    size, filters = int(node.attribute("K")), int(node.attribute("N"))
    return math.prod(node.value(0).shape) // size * size * filters


def _of_stated_shape(node: Node) -> int:
    """Rows times a packed matrix whose shape is an input."""
    shape = node.numbers(2)
    assert shape is not None
    return math.prod(node.value(0).shape) * int(shape.reshape(-1)[-1])


def _of_coefficients(node: Node) -> int:
    return int(node.value(0).shape[0]) * len(node.attribute("coefficients"))


_WEIGHT_OF = {"QLinearConv": 3}
_COUNTS = {
    **dict.fromkeys(("Conv", "ConvInteger", "QLinearConv", "DeformConv", "FusedConv", "NhwcConv"), _of_filters),
    **dict.fromkeys(("Gemm", "MatMul", "MatMulInteger", "QLinearMatMul", "SparseToDenseMatMul"), _of_matrices),
    "Einsum": _of_letters, **dict.fromkeys(("LSTM", "GRU", "RNN", "DynamicQuantizeLSTM"), _of_steps),
    **dict.fromkeys(("MatMulNBits", "MatMulBnb4", "MatMulPacked"), _of_attributes), "MatMulFpQ4": _of_stated_shape,
    **dict.fromkeys(("LinearClassifier", "LinearRegressor"), _of_coefficients),
}  # fmt: skip
