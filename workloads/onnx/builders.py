"""Which operators are lowered, by their domain."""

from __future__ import annotations

from onnx import NodeProto

from .contrib.operators import CONTRIB
from .contrib.operators import FREE as CONTRIB_FREE
from .definitions import ORT, QONNX
from .nodes import Builder
from .operators import FREE, OPERATORS

QONNX_FREE = frozenset({"Quant", "IntQuant", "BipolarQuant", "FloatQuant", "Trunc"})


def builder_of(node: NodeProto) -> Builder | None:
    """What makes ATen calls of a node; None where it is free or not lowered."""
    if is_free(node):
        return None
    if node.domain in ("", "ai.onnx"):
        return OPERATORS.get(node.op_type)
    return CONTRIB.get(node.op_type) if node.domain == ORT else None


def is_free(node: NodeProto) -> bool:
    """Whether a node only renames, reorders, repeats or rescales elements."""
    if node.domain in ("", "ai.onnx"):
        return node.op_type in FREE
    return node.op_type in (CONTRIB_FREE if node.domain == ORT else QONNX_FREE if node.domain in QONNX else ())
