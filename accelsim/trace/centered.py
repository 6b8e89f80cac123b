"""A layer without its zero point, for arrays that need the activations themselves and not their codes."""

from __future__ import annotations

from dataclasses import replace

from .gemm import GemmTrace


def centered(trace: GemmTrace) -> GemmTrace:
    """The layer with signed activations x in one bit more, which holds every code less the zero point.

    The layer itself where its zero point is 0. Raises TraceError where that bit is one too many.

    >>> layer = GemmTrace("fc", weight=[[1]], activation=[[-3]], activation_signed=False, activation_zero_point=3)
    >>> centered(layer).activation_bits, centered(layer).activation, layer.raw_tile(0, 1, 0, 1)
    (9, array([[-3]]), array([[0]]))
    """
    if not trace.activation_zero_point:
        return trace
    return replace(trace, activation_zero_point=0, activation_signed=True, activation_bits=trace.activation_bits + 1)
