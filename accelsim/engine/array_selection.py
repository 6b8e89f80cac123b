"""Which array of a machine runs a layer, and the programs that it runs."""

from __future__ import annotations

from collections.abc import Sequence

from ..arrays.base import PEArray, Program
from ..errors import UnsupportedLayerError
from ..hardware.accelerator import Accelerator
from ..trace.gemm import GemmTrace
from .dataflow import best_programs
from .tilings import Tilings


def select_array(
    machine: Accelerator, trace: GemmTrace, tilings: Tilings | None = None
) -> tuple[PEArray, Sequence[Program]]:
    """The array that runs a layer, or its fallback, with its programs in the order of the layer's groups.

    The programs' own array is the variant of it that suits the layer best; `tilings` are the machine's, if there are
    any yet.
    """
    known = tilings or Tilings(machine)
    try:
        return machine.array, best_programs(machine.array, trace, known)
    except UnsupportedLayerError:
        if machine.fallback is None:
            raise
        return machine.fallback, best_programs(machine.fallback, trace, known)


def runs_natively(machine: Accelerator, trace: GemmTrace) -> bool:
    """Whether the machine's own array runs the layer, without its fallback."""
    try:
        machine.array.program(trace.group(0))
    except UnsupportedLayerError:
        return False
    return True
