"""`Einsum` as ONNX writes equations: with an ellipsis, with its output left out, of one tensor."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Sequence

from accelsim.errors import FileFormatError, TraceError
from compress.lowering.calls import Call

from .nodes import Node
from .products import product_of


def einsum(node: Node) -> list[Call]:
    """A product of two tensors, or the sum or another order of one's elements."""
    tensors = [node.layer_value(i) for i in range(len(node.given))]
    try:
        axes, result = spelled_out(str(node.attribute("equation", "")), [len(t.shape) for t in tensors])
    except ValueError as error:
        raise FileFormatError(f"equation of {node.label} is {node.attribute('equation')!r:.60}: {error}") from error
    sizes: dict[str, int] = {}
    for part, tensor in zip(axes, tensors, strict=True):
        for letter, size in zip(part, tensor.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise TraceError(f"{node.label} repeats elements along an axis; without that it can be lowered")
    if len(tensors) == 1:
        summed = [i for i, letter in enumerate(axes[0]) if letter not in result]
        arguments = {"self": tensors[0], "dim": summed}
        return [node.call("sum" if summed else "identity", arguments)]
    weight = next((tensor for tensor in tensors if tensor.constant), None)  # by which a layer is named
    equation = f"{','.join(axes)}->{result}"
    return [product_of(node, "einsum", {"equation": equation, "tensors": tensors, "weight": weight})]


def spelled_out(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The letters of each tensor's axes and of the result's, those of an ellipsis too.

    Without an output the result has the letters that occur once, in alphabetical order, behind the ellipsis. ValueError
    where the equation does not fit tensors of so many axes.

    >>> spelled_out("...ij,jk", [4, 2])
    (['ABij', 'jk'], 'ABik')
    """
    inputs, arrow, result = equation.replace(" ", "").partition("->")
    parts = inputs.split(",")
    if len(parts) != len(ranks):
        raise ValueError(f"it is of {len(parts)} tensors, and {len(ranks)} are given")
    free = [letter for letter in string.ascii_letters[26:] + string.ascii_letters[:26] if letter not in equation]
    hidden = [rank - len(part.replace("...", "")) for part, rank in zip(parts, ranks, strict=True)]
    if any(count and "..." not in part for part, count in zip(parts, hidden, strict=True)) or min(hidden) < 0:
        raise ValueError(f"its axes are not those of tensors of {list(ranks)} axes")
    most = "".join(free[: max(hidden)])
    axes = [p.replace("...", most[len(most) - n :]) for p, n in zip(parts, hidden, strict=True)]
    if not arrow:
        counts = Counter("".join(parts).replace(".", ""))
        result = "..." * ("..." in inputs) + "".join(sorted(letter for letter, count in counts.items() if count == 1))
    result = result.replace("...", most)
    if not set(result) <= set("".join(axes)):
        raise ValueError("its result has axes of no tensor")
    return axes, result
