"""Energy and area: counted actions times the table's figures, every figure with its source."""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.arrays.base import PEArray
from accelsim.energy.actions import COMPONENTS, Widths, actions, buffer_bytes, row_of
from accelsim.energy.area import machine_area, machine_leakage_uw
from accelsim.hardware.accelerator import Accelerator

__all__ = ["COMPONENTS", "Widths", "layer_energy", "machine_area", "machine_leakage_uw"]


def layer_energy(
    machine: Accelerator,
    array: PEArray,
    counts: Mapping[str, int],
    dram_bytes: Mapping[str, int],
    widths: Widths,
    leak_uw: float,
    cycles: int,
    one_run: Mapping[str, int] | None = None,
) -> dict[str, float]:
    """pJ by component of a layer that ran on `array`: Σ count × pJ over the action list.

    `one_run` are the bytes of one of several runs, which unlimited buffers hold at a time; all of them if None.
    A DRAM model that counts commands knows the components `dram` and `dram_io` better, and replaces them.
    """
    row = row_of(counts, dram_bytes, widths, cycles)
    total = dict.fromkeys(COMPONENTS, 0.0)
    for action in actions(machine, array, widths, buffer_bytes(machine, one_run or dram_bytes), leak_uw):
        total[action.component] += action.count.of(row) * action.pj
    return total
