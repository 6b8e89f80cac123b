"""Bytes that must cross between DRAM and the chip once, whatever the tiling."""

from __future__ import annotations

from collections.abc import Sequence

from ..arrays.base import Program
from ..mapping.footprint import bytes_of
from .residency import Residency
from .tensor_storage import DENSE_TENSORS, TensorStorage
from .vector_unit import FusedOperators


def encoded_filter_bytes(program: Program) -> int:
    """All weights of a group with their indices, as they travel."""
    whole = 0, program.trace.N, 0, program.trace.K
    return bytes_of(program.weight_bits(*whole)) + bytes_of(program.index_bits(*whole))


def compulsory_bytes(
    programs: Sequence[Program],
    residency: Residency,
    fused: FusedOperators | None,
    storage: TensorStorage = DENSE_TENSORS,
) -> int:
    """Encoded weights, indices, touched ifmap and ofmap of a layer's groups, less what stays on chip."""
    total, filters, weights = 0, 0, 0 if fused is None else bytes_of(fused.parameter_bits)
    for program in programs:
        trace = program.trace
        weights += encoded_filter_bytes(program)
        total += bytes_of(residency.crossing(storage.least_ifmap_bits(program)))
        leaves = not residency.ofmap and fused is None
        if leaves:
            total += bytes_of(storage.least_ofmap_bits(program, (filters, filters + trace.N), trace.M * trace.N))
        filters += trace.N
    total += residency.streamed_weights(weights)
    if fused is None or residency.ofmap:
        return total
    outputs = fused.results(0, fused.elements)
    return total + bytes_of(storage.least_ofmap_bits(programs[0], (0, filters), outputs))
