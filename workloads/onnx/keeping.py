"""Which operators hand the integers of a quantized tensor on: they move, repeat, drop or compare elements, no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from onnx import NodeProto, TensorProto

from .files import attribute
from .values import Code, Known

_MOVES = """
    Reshape Transpose Flatten Squeeze Unsqueeze Identity Slice Split Expand Tile Dropout Gather GatherElements GatherND
    DepthToSpace SpaceToDepth
"""
MOVES = frozenset(_MOVES.split())
RETYPES = frozenset({"Cast", "CastLike"})
COMPARES = frozenset({"MaxPool", "GlobalMaxPool", "Relu"})  # under a scale above 0 the greatest integer stays it
FLOATS = frozenset({TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE})


def keeps_code(node: NodeProto, given: Mapping[str, Known], written: Known) -> bool:
    """Whether a node's outputs hold integers of its first input, under that input's scale and zero point."""
    op = node.op_type
    if op in RETYPES:
        return written.kind in FLOATS
    if op == "Pad":
        return _adds_zeros(node, given)
    if op in ("Resize", "Upsample"):
        return bool(attribute(node, "mode", "nearest") == "nearest")
    return op in MOVES or (op in COMPARES and _is_ascending(given.get(node.input[0])))


def _is_ascending(source: Known | None) -> bool:
    """Whether greater integers stand for greater numbers, as far as a tensor has a code at all."""
    if source is None or source.code is None:
        return True
    return source.code.scale is not None and bool(np.all(np.asarray(source.code.scale) > 0))


def joined_limits(parts: Sequence[Known | None]) -> tuple[int, int] | None:
    """The least and greatest integer of tensors side by side, where each has limits."""
    limits = [part.limits for part in parts if part is not None and part.limits is not None]
    if not limits or len(limits) < len(parts):
        return None
    return min(least for least, _ in limits), max(most for _, most in limits)


def _adds_zeros(node: NodeProto, given: Mapping[str, Known]) -> bool:
    """Whether a `Pad` adds nothing but zeros, or copies."""
    if attribute(node, "mode", "constant") != "constant":
        return True
    if len(node.input) < 3 or not node.input[2]:
        return bool(attribute(node, "value", 0.0) == 0)
    value = given.get(node.input[2])
    return value is not None and value.constant and value.numbers is not None and not np.any(value.array())


def joined_code(parts: Sequence[Known | None]) -> Code | None:
    """The code of tensors side by side: theirs where it is one, else the bits and the range that hold all of them."""
    codes = [part.code for part in parts if part is not None and part.code is not None]
    if not codes or len(codes) < len(parts):
        return None
    if all(code == codes[0] for code in codes):
        return codes[0]
    points = {p for code in codes for p in np.atleast_1d(0 if code.zero_point is None else code.zero_point).tolist()}
    return replace(
        codes[0],
        bits=max(code.bits for code in codes),
        least=min(code.least for code in codes),
        most=max(code.most for code in codes),
        scale=None,
        zero_point=sorted(points),
        computed=any(code.computed for code in codes),
    )
