"""Which array of a machine runs a layer, and the programs that it runs."""

from __future__ import annotations

from ..arrays.base import PEArray, Program
from ..errors import UnsupportedLayerError
from ..hardware.accelerator import Accelerator
from ..trace.gemm import GemmTrace


def select_array(machine: Accelerator, trace: GemmTrace) -> tuple[PEArray, list[Program]]:
    """The array that runs a layer, or its fallback, with a program a group; equal groups share one."""
    try:
        return machine.array, programs_of(machine.array, trace)
    except UnsupportedLayerError:
        if machine.fallback is None:
            raise
        return machine.fallback, programs_of(machine.fallback, trace)


def runs_natively(machine: Accelerator, trace: GemmTrace) -> bool:
    """Whether the machine's own array runs the layer, without its fallback."""
    try:
        machine.array.program(trace.group(0))
    except UnsupportedLayerError:
        return False
    return True


def programs_of(array: PEArray, trace: GemmTrace) -> list[Program]:
    """A program a group. Raises UnsupportedLayerError where the array cannot run the layer."""
    if trace.weight_operand is None and trace.activation_operand is None and trace.number_format.filter_bits is None:
        return [array.program(trace.group(0))] * trace.groups
    return [array.program(trace.group(g)) for g in range(trace.groups)]
