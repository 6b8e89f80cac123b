"""A trace in one line, for `repr`."""

from __future__ import annotations

from typing import Any

from ..errors import shortened


def trace_line(trace: Any) -> str:
    """Kind, sizes, bits and MACs of a GemmTrace, whose module imports this one; the operands are attributes.

    >>> from accelsim.trace.gemm import GemmTrace
    >>> trace_line(GemmTrace("fc", M=1, N=500, K=800))
    "GemmTrace('fc': linear, M=1, N=500, K=800, groups=1, repeat=1, 8-bit uniform weights, 8-bit activations, \
400,000 MACs, a shape)"
    """
    sizes = f"M={trace.M}, N={trace.N}, K={trace.K}, groups={trace.groups}, repeat={trace.repeat}"
    values = "with values" if trace.has_values else "a shape" if trace.weight_operand is None else "with weights"
    bits = f"{trace.weight_bits}-bit {trace.weight_coding} weights, {trace.activation_bits}-bit activations"
    return f"GemmTrace({shortened(trace.name)!r}: {trace.kind}, {sizes}, {bits}, {trace.macs:,} MACs, {values})"
