"""Bytes that must cross between DRAM and the chip once, whatever the tiling."""

from __future__ import annotations

from collections.abc import Sequence

from ..arrays.base import Program
from ..mapping.footprint import bytes_of
from .residency import Residency
from .vector_unit import FusedOperators


def encoded_filter_bytes(program: Program) -> int:
    """All weights of a group with their indices, as they travel."""
    whole = 0, program.trace.N, 0, program.trace.K
    return bytes_of(program.weight_bits(*whole)) + bytes_of(program.index_bits(*whole))


def compulsory_bytes(programs: Sequence[Program], residency: Residency, fused: FusedOperators | None) -> int:
    """Encoded weights, indices, touched ifmap and ofmap of a layer's groups, less what stays on chip."""
    total = 0
    for program in programs:
        trace = program.trace
        total += 0 if residency.weights == "resident" else encoded_filter_bytes(program)
        total += 0 if residency.ifmap else bytes_of(program.ifmap_bits(0, trace.M, 0, trace.K))
        leaves = not residency.ofmap and fused is None
        total += bytes_of(trace.M * trace.N * program.output_bits) if leaves else 0
    if fused is None:
        return total
    parameters = 0 if residency.weights == "resident" else bytes_of(fused.parameter_bits)
    results = 0 if residency.ofmap else bytes_of(fused.results(0, fused.elements) * programs[0].output_bits)
    return total + parameters + results
