"""What depends on no input of a model: whether it is a number that the model ships with, or work of every inference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import COUNTED, SHAPE_ONLY
from .calls import Value


def is_constant(op: str, read: Sequence[Value]) -> bool:
    """Whether what an operation writes is constant: all that it reads is, or it looks at shapes alone.

    A product of a trained parameter is none, though it could be folded (learned queries behind a projection): the
    model computes it each time. One that makes a layer's weight of other tensors, as weight_norm, spectral_norm and
    other parametrizations do, is a part of the weight.
    """
    if op in SHAPE_ONLY:
        return True
    if not all(value.constant for value in read):
        return False
    trained = any(value.trained for value in read)
    return not (op in COUNTED and trained) or _make_a_weight([value.parameter for value in read if value.parameter])


def facts_of(op: str, read: Sequence[Value], result: Any) -> dict[str, Any]:
    """Whether what an operation writes is constant; then what it keeps of the constants that it is made of.

    That is the first parameter's name, whether one was trained, whether one is complex, and its copies.
    """
    if not is_constant(op, read):
        return {}
    named = next((value.parameter for value in read if value.parameter), "")
    facts = {"constant": True, "parameter": named, "trained": any(value.trained for value in read)}
    kind = next((value.dtype for value in read if value.dtype.startswith("complex")), "")
    return facts | ({"dtype": kind} if kind else {}) | _copies(op, read, result)


def _copies(op: str, read: Sequence[Value], result: Any) -> dict[str, int]:
    """How often the first axis holds the same numbers over again: expanded first, then copied and viewed."""
    if not read or not hasattr(result, "stride") or not result.shape:
        return {}
    if op == "expand" and result.shape[0] > 1 and result.stride()[0] == 0:
        return {"copies": int(result.shape[0])}
    if op in ("clone", "view", "reshape", "_reshape_alias", "contiguous") and read[0].copies > 1:
        return {"copies": read[0].copies} if result.shape[0] % read[0].copies == 0 else {}
    return {}


def _make_a_weight(parameters: Sequence[str]) -> bool:
    """Whether tensors are what a layer's weight is made of, by the names that torch gives to those.

    Vectors of a spectral norm (`_u`, `_v`) come with the original weight (`_orig`); alone they are somebody's own.
    """
    originals = ["parametrizations." in name or name.endswith("_orig") for name in parameters]
    vectors = [name.endswith(("_u", "_v")) for name in parameters]
    return any(originals) and all(a or b for a, b in zip(originals, vectors, strict=True))
