"""The energy model of a machine, made once: its area, its leakage, and what every action of a layer costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan

from ..arrays.base import PEArray
from ..engine.layer_result import LayerResult, OperandWidths
from ..errors import ConfigError
from ..hardware.accelerator import Accelerator
from ..mapping.goals import MappingCosts
from ..memory.base import ACCESS, STANDBY
from ..trace.operand_names import BufferName
from .actions import COMPONENTS, Action, actions, buffer_bytes, quantities_of
from .area import area_by_part, area_items, clocked_bits, leakage_uw
from .built import Widths
from .mapping_costs import mapping_costs
from .sram import check_reads


@dataclass(frozen=True)
class LayerEnergy:
    """pJ by component of one run of a layer, and how many such runs there are.

    The components are in three parts that do not overlap: on chip, DRAM access and DRAM standby. `run_io_pj` is the
    DRAM interface's share of the access.
    """

    run_pj: Mapping[str, float]
    times: int
    run_io_pj: float = 0.0

    @property
    def total_pj(self) -> float:
        """All components of all runs."""
        return sum(self.run_pj.values()) * self.times

    @property
    def on_chip_pj(self) -> float:
        """What is neither DRAM access nor DRAM standby, all runs."""
        return sum(pj for part, pj in self.run_pj.items() if part not in (ACCESS, STANDBY)) * self.times

    @property
    def dram_access_pj(self) -> float:
        """What the traffic costs in the DRAM and on its bus, all runs."""
        return self.run_pj.get(ACCESS, 0.0) * self.times

    @property
    def dram_standby_pj(self) -> float:
        """What the time costs in the DRAM: background and refresh, all runs."""
        return self.run_pj.get(STANDBY, 0.0) * self.times

    @property
    def active_pj(self) -> float:
        """On chip and DRAM access, all runs: what work and traffic cost, without the DRAM's standby."""
        return self.on_chip_pj + self.dram_access_pj

    @property
    def dram_io_share(self) -> float:
        """The interface's share of the DRAM access, 0 of none."""
        access = self.run_pj.get(ACCESS, 0.0)
        return self.run_io_pj / access if access else 0.0

    def components_pj(self) -> dict[str, float]:
        """All runs, by component."""
        return {part: pj * self.times for part, pj in self.run_pj.items()}


class EnergyModel:
    """Energy and area of one machine for operands of at most these bits, on its fallback of at most `fallback`.

    Its MACs are of the `float_format`, of integers where that is None.

    `area_um2` is by part of the machine, `leakage_uw` of all of it. Raises InternalError where an array's operation
    names a counter that it does not declare, and ConfigError where `buffers` describes ports that cannot deliver what a
    layer reads.

    >>> import accelsim
    >>> model = EnergyModel(accelsim.load_hardware("dense/os-16x16"), weight_bits=8, activation_bits=8)
    >>> sorted(model.area_um2)
    ['array', 'filter_buffer', 'ifmap_buffer', 'ofmap_buffer', 'vector']
    """

    def __init__(
        self,
        machine: Accelerator,
        *,
        weight_bits: int,
        activation_bits: int,
        fallback: Widths | None = None,
        float_format: str | None = None,
    ) -> None:
        self.machine = machine
        self.own, self.other = Widths(weight_bits, activation_bits), fallback
        self.float_format = float_format
        items = area_items(machine, weight_bits, activation_bits, fallback, float_format=float_format)
        self.extrapolated = {item.part: item.beyond for item in items if item.beyond}
        self.area_um2, self.leakage_uw = area_by_part(items), leakage_uw(machine, self.own, items)
        self._actions: dict[object, list[Action]] = {}

    def layer(self, result: LayerResult) -> LayerEnergy:
        """The energy of a layer: Σ count × pJ over its action list.

        A DRAM model that counts commands knows DRAM access and standby itself, and replaces them.
        """
        check_reads(self.machine, result)
        quantities, run_io_pj = quantities_of(result), 0.0
        run_pj = dict.fromkeys(COMPONENTS, 0.0)
        for action in self._actions_of(result):
            pj = action.count.of(quantities) * action.pj
            run_pj[action.component] += pj
            run_io_pj += pj if action.is_io else 0.0
        return LayerEnergy({**run_pj, **_known(result.run.dram.energy_pj)}, result.times, run_io_pj)

    def mapping_costs(self) -> MappingCosts:
        """What a byte and a cycle cost, for mappings of least energy; unlimited buffers cost nothing to fill."""
        sizes = {name: 0.0 if isnan(size) else size for name, size in buffer_bytes(self.machine).items()}
        array, built = self.machine.array, self.own
        bits = built.activation_bits
        widths = OperandWidths(
            built.weight_bits,
            built.weight_bits,
            bits,
            array.output_bits or bits,
            array.accumulator_bits,
            self.float_format,
        )
        listed = actions(self.machine, array, widths, sizes, self.leakage_uw, clocked_bits(array, built))
        return mapping_costs(self.machine, listed, widths)

    def _actions_of(self, result: LayerResult) -> list[Action]:
        """The action list of a layer, made once for all that run on the same array with operands of the same bits."""
        sizes = buffer_bytes(self.machine, result.largest_traffic)
        key = result.is_operator, result.shape.on_fallback, result.widths, tuple(sizes.values())
        if key not in self._actions:
            self._actions[key] = self._listed(self._array(result), result, sizes)
        return self._actions[key]

    def _listed(self, array: PEArray | None, result: LayerResult, sizes: Mapping[BufferName, float]) -> list[Action]:
        built = self.other if result.shape.on_fallback and self.other else self.own
        clocked = 0 if array is None else clocked_bits(array, built)
        return actions(self.machine, array, result.widths, sizes, self.leakage_uw, clocked)

    def _array(self, result: LayerResult) -> PEArray | None:
        """The array that ran a layer, the machine's own or its fallback; None for an operator."""
        if result.is_operator:
            return None
        return self.machine.fallback if result.shape.on_fallback else self.machine.array


def _known(dram_pj: Mapping[str, float]) -> Mapping[str, float]:
    """What a DRAM model says of its energy. ConfigError where that is neither access nor standby."""
    for part in dram_pj:
        if part not in (ACCESS, STANDBY):
            raise ConfigError(f"a DRAM model's energy_pj names {part!r:.60}; {ACCESS} or {STANDBY} is expected")
    return dram_pj
