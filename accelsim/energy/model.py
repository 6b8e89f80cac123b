"""The energy model of a machine, made once: its area, its leakage, and what every action of a layer costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..arrays.base import PEArray
from ..engine.layer_result import LayerResult, OperandWidths
from ..hardware.accelerator import Accelerator
from ..trace.operand_names import BufferName
from .actions import COMPONENTS, Action, actions, buffer_bytes, quantities_of
from .area import machine_area, machine_leakage_uw


@dataclass(frozen=True)
class LayerEnergy:
    """pJ by component of one run of a layer, and how many such runs there are."""

    run_pj: Mapping[str, float]
    times: int

    @property
    def total_pj(self) -> float:
        """All components of all runs."""
        return sum(self.run_pj.values()) * self.times

    def components_pj(self) -> dict[str, float]:
        """All runs, by component."""
        return {part: pj * self.times for part, pj in self.run_pj.items()}


class EnergyModel:
    """Energy and area of one machine for operands of at most these bits.

    `area_um2` is by part of the machine, `leakage_uw` of all of it. Raises InternalError where an array's operation
    names a counter that it does not declare.

    >>> import accelsim
    >>> model = EnergyModel(accelsim.load_hardware("dense/os-16x16"), weight_bits=8, activation_bits=8)
    >>> sorted(model.area_um2)
    ['array', 'filter_buffer', 'ifmap_buffer', 'ofmap_buffer', 'vector']
    """

    def __init__(self, machine: Accelerator, *, weight_bits: int, activation_bits: int) -> None:
        self.machine = machine
        self.area_um2 = machine_area(machine, weight_bits, activation_bits)
        self.leakage_uw = machine_leakage_uw(machine, self.area_um2)
        self._actions: dict[object, list[Action]] = {}

    def layer(self, result: LayerResult) -> LayerEnergy:
        """The energy of a layer: Σ count × pJ over its action list.

        A DRAM model that counts commands knows the components `dram` and `dram_io` better, and replaces them.
        """
        quantities = quantities_of(result)
        run_pj = dict.fromkeys(COMPONENTS, 0.0)
        for action in self._actions_of(result):
            if action.component not in result.run.dram.energy_pj:
                run_pj[action.component] += action.count.of(quantities) * action.pj
        return LayerEnergy({**run_pj, **result.run.dram.energy_pj}, result.times)

    def _actions_of(self, result: LayerResult) -> list[Action]:
        """The action list of a layer, made once for all that run on the same array with operands of the same bits."""
        sizes = buffer_bytes(self.machine, result.largest_traffic)
        key = result.is_operator, result.shape.on_fallback, result.widths, tuple(sizes.values())
        if key not in self._actions:
            self._actions[key] = self._listed(self._array(result), result.widths, sizes)
        return self._actions[key]

    def _listed(self, array: PEArray | None, widths: OperandWidths, sizes: Mapping[BufferName, float]) -> list[Action]:
        return actions(self.machine, array, widths, sizes, self.leakage_uw)

    def _array(self, result: LayerResult) -> PEArray | None:
        """The array that ran a layer, the machine's own or its fallback; None for an operator."""
        if result.is_operator:
            return None
        return self.machine.fallback if result.shape.on_fallback else self.machine.array
