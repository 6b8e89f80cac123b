"""What a machine's energy and area are made of, as plain values: what `accelsim hw show NAME --energy` prints."""

from __future__ import annotations

from dataclasses import asdict
from math import isnan
from typing import Any

from ..engine.layer_result import OperandWidths
from ..hardware.accelerator import Accelerator
from ..technology.scaling import KINDS
from ..technology.settings import USER, figures_line, table_of
from ..technology.table import EnergyTable, kind_of
from .actions import Action, actions, buffer_bytes
from .area import AreaItem, area_items, clocked_bits, machine_leakage_uw
from .built import Widths

Records = list[dict[str, Any]]


def energy_sheet(machine: Accelerator, *, weight_bits: int = 8, activation_bits: int = 8) -> dict[str, Any]:
    """Actions, areas, figures, SRAM laws and factors of the node, each with its source, for operands of these bits.

    Outputs are as wide as the activations, unless the array says more. With unlimited buffers the SRAM figures follow
    from the layer: their `pj` is None.
    """
    table = table_of(machine.energy, machine.technology_nm)
    return {
        "hardware": machine.name, "technology_nm": machine.technology_nm, "clock_mhz": machine.clock_mhz,
        "figures_line": figures_line(machine.technology_nm, machine.energy),
        "weight_bits": weight_bits, "activation_bits": activation_bits, "accounting": machine.dram.accounting.sentence,
        "actions": _actions(machine, weight_bits, activation_bits),
        "area": [_area(item) for item in area_items(machine, weight_bits, activation_bits)],
        "figures": _figures(table),
        "sram": [{"law": name, "formula": law.formula, **asdict(law), "scale": table.scales.get(name, 1.0)}
                 for name, law in table.sram.items()],
        "scaling": [
            {"of": kind, "factor": table.scaling.factor(kind, machine.technology_nm),
             "from_nm": table.scaling.reference_nm, "to_nm": machine.technology_nm,
             "source": table.scaling.source(kind, machine.technology_nm)} for kind in KINDS
        ],
    }  # fmt: skip


def _actions(machine: Accelerator, weight_bits: int, activation_bits: int) -> Records:
    """The array's actions, then what the fallback does in other ways."""
    leak_uw, built = machine_leakage_uw(machine, weight_bits, activation_bits), Widths(weight_bits, activation_bits)
    arrays = [array for array in (machine.array, machine.fallback) if array is not None]
    listed: Records = []
    for array in arrays:
        output = array.output_bits or activation_bits
        widths = OperandWidths(weight_bits, weight_bits, activation_bits, output, array.accumulator_bits)
        for action in actions(machine, array, widths, buffer_bytes(machine), leak_uw, clocked_bits(array, built)):
            record = _action(action, machine)
            if record not in listed:
                listed.append(record | {"array": array.kind} if array is machine.fallback else record)
    return listed


def _action(action: Action, machine: Accelerator) -> dict[str, Any]:
    known = not isnan(action.pj)
    return {
        "component": action.component, "action": action.name, "count": str(action.count),
        "formula": action.cost.formula, "pj": action.pj if known else None,
        "node_nm": None if action.component.startswith("dram") else machine.technology_nm,
        "sources": list(action.sources),
    }  # fmt: skip


def _area(item: AreaItem) -> dict[str, Any]:
    return {
        "part": item.part, "unit": item.unit, "count": item.count, "formula": item.cost.formula,
        "figure_um2": float(item.cost), "um2": item.um2, "sources": list(item.sources), "beyond": item.beyond,
    }  # fmt: skip


def _figures(table: EnergyTable) -> Records:
    """Each as its source has it and of which node, what it was scaled by, and what it is at the machine's node."""
    return [
        {"figure": name, "value": value / table.scales.get(name, 1.0), "node_nm": _node(name, table),
         "scale": table.scales.get(name, 1.0), "scaled": value, "source": table.sources[name]}
        for name, value in table.figures.items()
    ]  # fmt: skip


def _node(name: str, table: EnergyTable) -> float | None:
    if not kind_of(name):
        return None
    return table.node_of_user_nm if table.sources[name] == USER else table.scaling.reference_nm
