"""Which storage the activations of a layer have, by the machine's configuration."""

from __future__ import annotations

from collections.abc import Sequence

from ..arrays.base import Program
from ..hardware.accelerator import Accelerator
from ..trace.gemm import GemmTrace
from .placed_storage import PlacedStorage
from .tensor_storage import PackedStorage, TensorStorage
from .tensor_values import TensorValues
from .vector_unit import FusedOperators


def layer_storage(
    machine: Accelerator,
    trace: GemmTrace,
    programs: Sequence[Program],
    fused: FusedOperators | None,
    outputs: TensorValues | None,
) -> TensorStorage:
    """How the activations of a layer lie in DRAM; `outputs` are what it hands on, where that is known."""
    tensors = machine.tensors
    if tensors.layout != "tiled":
        elements = trace.groups * trace.M * trace.N
        left = elements if fused is None else fused.results(0, elements)
        return PlacedStorage(tensors.layout, machine.dram.burst_bytes, trace, left)
    if tensors.activation_format == "dense":
        return TensorStorage()
    return PackedStorage(tensors.activation_format, programs, outputs)
