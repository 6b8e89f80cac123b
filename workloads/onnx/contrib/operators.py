"""The builders of com.microsoft's operators. To add one, add an entry to `CONTRIB` and its outputs to `shapes`."""

from __future__ import annotations

from collections.abc import Mapping

from ..nodes import Builder
from ..operators import OPERATORS
from ..recurrent import quantized_lstm
from . import attention, products, vector

_FREE_NAMES = """
    QuantizeLinear DequantizeLinear QuantizeWithOrder DequantizeWithOrder ExpandDims RemovePadding RestorePadding
    GatherPacked
"""
FREE = frozenset(_FREE_NAMES.split())
"""Operators that only rename, reorder or repeat elements, or scale them again."""
AS_IN_ONNX = ("Gelu", "Pad", "GatherND", "QuickGelu", "QLinearSigmoid", "QLinearLeakyRelu")

CONTRIB: Mapping[str, Builder] = {
    "QGemm": products.qgemm, "MatMulIntegerToFloat": products.integer_to_float,
    "DynamicQuantizeMatMul": products.dynamic_product, "MatMulInteger16": products.wide_product,
    **dict.fromkeys(("FusedMatMul", "TransposeMatMul", "FusedMatMulActivation"), products.fused_product),
    **dict.fromkeys(("FusedGemm", "GemmFloat8"), products.fused_gemm), "GemmFastGelu": products.gelu_product,
    **dict.fromkeys(("FusedConv", "NhwcFusedConv"), products.fused_convolution),
    "QLinearConv": products.qlinear_convolution, "MatMulNBits": products.bits_product,
    "DynamicQuantizeLSTM": quantized_lstm,
    **dict.fromkeys(("Attention", "QAttention"), attention.projected),
    **dict.fromkeys(("MultiHeadAttention", "DecoderMaskedMultiHeadAttention"), attention.multi_head),
    **dict.fromkeys(("GroupQueryAttention", "SparseAttention"), attention.grouped_query),
    **{op: OPERATORS[op] for op in AS_IN_ONNX},
    "FastGelu": vector.biased("gelu"), "BiasGelu": vector.biased("gelu"), "BiasSoftmax": vector.biased("softmax"),
    **dict.fromkeys(("BiasAdd", "BiasDropout"), vector.sums),
    **dict.fromkeys(("SkipLayerNormalization", "SkipSimplifiedLayerNormalization"), vector.skip_norm),
    "SimplifiedLayerNormalization": vector.simplified_norm,
    **dict.fromkeys(("GroupNorm", "SkipGroupNorm"), vector.group_norm),
    "EmbedLayerNormalization": vector.embedded_norm, "RotaryEmbedding": vector.rotary(2),
    **dict.fromkeys(("SwiGLU", "BiasSplitGelu"), vector.gated),
    **dict.fromkeys(vector.PAIRS, vector.qlinear_pair), "QLinearWhere": vector.qlinear_where,
    "QLinearConcat": vector.qlinear_concat, "QLinearReduceMean": vector.qlinear_mean,
    "QLinearSoftmax": vector.qlinear_softmax, "QLinearAveragePool": vector.pool("avg_pool"),
    "NhwcMaxPool": vector.pool("max_pool"), "QLinearGlobalAveragePool": vector.qlinear_global_pool,
    **dict.fromkeys(("GatherBlockQuantized", "TorchEmbedding"), vector.table_rows),
}  # fmt: skip
