"""What widths of operands a machine is built for: each array for the layers that it runs itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..engine.layer_result import LayerResult
from ..trace.float_format import float_format


class Widths(NamedTuple):
    """Bits of the widest operands; 8 where nothing runs."""

    weight_bits: int = 8
    activation_bits: int = 8


def widest(widths: Iterable[tuple[int, int]]) -> Widths | None:
    """The widest of each operand, None of none."""
    bits = list(widths)
    return Widths(*(max(side) for side in zip(*bits, strict=True))) if bits else None


def widest_float(formats: Iterable[str | None]) -> str | None:
    """The floating-point format of the widest significand, None where all are integers."""
    floats = [float_format(name) for name in formats if name is not None]
    return max(floats, key=lambda kind: (kind.significand_bits, kind.bits)).name if floats else None


def built_for(results: Sequence[LayerResult]) -> tuple[Widths, Widths | None]:
    """(the array's, the fallback's) widths, of the layers that ran on each; an array that ran none has the other's."""
    layers = [result for result in results if not result.is_operator]
    own, other = (
        widest((r.widths.weight_bits, r.widths.activation_bits) for r in layers if r.shape.on_fallback is on_fallback)
        for on_fallback in (False, True)
    )
    return own or other or Widths(), other
