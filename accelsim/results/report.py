"""What a simulation says: a row a layer, totals, and files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from html import escape
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..engine.dram_traffic import DramTraffic
from ..errors import shortened, unknown_name
from ..files import write_text
from ..memory.base import BITS_ALONE, Accounting
from ..technology.settings import figures_line
from ..trace.coverage import csv_head, not_simulated_fields, not_simulated_line, not_simulated_share
from ..trace.not_simulated import NotSimulated
from ..trace.workload import LONGEST_LINE
from .activations import activation_storage
from .columns import Row, row_of
from .layer import ReportedLayer
from .quantities import energy, size, time
from .timeline import timeline_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

SHOWN: dict[str, Callable[[Any], str]] = {  # columns of a notebook's table, and how their cells are written
    "name": str, "kind": str, "array": str, "cycles": "{:,}".format, "stall_cycles": "{:,}".format,
    "utilization": "{:.1%}".format, "bound": str, "dram_bytes": size, "energy_pj": energy,
}  # fmt: skip
ENERGY_PARTS = ("energy_on_chip_pj", "energy_dram_access_pj", "energy_dram_standby_pj")
TOTALS = ("cycles", "compute_cycles", "stall_cycles", "energy_pj", *ENERGY_PARTS, "dram_bytes")


@dataclass(frozen=True)
class Report:
    """One workload on one machine. `results` are typed, one a layer; `layers` and `rows` are made of them for export.

    Units stand in the names: cycles of the array's clock, bytes, pJ, µm², bits. `hardware` is the machine's
    configuration and `area` its µm² by part. `outputs[name]` is (M, groups·N) int64 where the run was verified;
    `accounting` says how the DRAM's energy is counted, and `extrapolated` of which parts of the machine the SRAM has a
    size or a word beyond what its laws were fitted to. Where weights stay on chip between inferences a report is of one
    in the steady state, and `warmup_bytes` of weights come with the first alone. `batch` is how many inputs a run
    takes. `not_simulated` names the matrix work of the network that is in no layer, which no number here counts, and
    `remarks` say what is assumed about the others. The text of `to_json` holds no time or date.

    >>> import accelsim
    >>> report = accelsim.simulate(accelsim.GemmTrace("fc", M=1, N=500, K=800), "dense/os-16x16")
    >>> report.cycles == report.compute_cycles + report.stall_cycles
    True
    >>> report.layer("fc").result.bound, report.layers["name"].tolist()
    ('compute', ['fc'])
    """

    workload: str
    hardware: Mapping[str, Any]
    results: tuple[ReportedLayer, ...]
    area: Mapping[str, float]
    outputs: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    accounting: Accounting = BITS_ALONE
    extrapolated: Mapping[str, str] = field(default_factory=dict)
    batch: int = 1
    warmup_bytes: int = 0
    not_simulated: tuple[NotSimulated, ...] = ()
    remarks: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """One line of totals: a report of a whole network is long, and `layers` shows it."""
        left_out = f"; {shortened(self.not_simulated_line, LONGEST_LINE)}" if self.not_simulated else ""
        return (
            f"Report({shortened(self.workload)!r} on {shortened(self.name)!r}: {len(self.results)} rows, "
            f"{self._totals_line}; .layers has a row a layer, .to_dict() everything{left_out})"
        )

    @property
    def _totals_line(self) -> str:
        return (
            f"{self.cycles:,} cycles ({self.stall_cycles:,} of them stall) = {time(self.seconds)} at "
            f"{self.clock_mhz:g} MHz, {energy(self.energy_pj)}, {size(self.dram_bytes)} DRAM"
        )

    @property
    def name(self) -> str:
        """The machine's name."""
        return str(self.hardware["name"])

    @property
    def clock_mhz(self) -> float:
        """The array's clock."""
        return float(self.hardware["clock_mhz"])

    @property
    def figures_line(self) -> str:
        """Which node the energy and area figures are of, and what they were scaled by."""
        return figures_line(float(self.hardware["technology_nm"]), self.hardware.get("energy"))

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all dense GEMMs, groups and repeats included, as `Workload.macs`."""
        return sum(layer.result.macs_dense for layer in self.results)

    @property
    def not_simulated_share(self) -> float | None:
        """MACs of the network that are not simulated ÷ all of its MACs; None where they are not known."""
        return not_simulated_share(self.not_simulated, self.macs)

    @property
    def not_simulated_line(self) -> str:
        """What of the network no number here counts, and its share of the MACs, in one line; "" where nothing is."""
        return not_simulated_line(self.not_simulated, self.not_simulated_share)

    @property
    def cycles(self) -> int:
        """compute_cycles + stall_cycles."""
        return sum(layer.result.cycles for layer in self.results)

    @property
    def compute_cycles(self) -> int:
        """Cycles in which the array was busy."""
        return sum(layer.result.compute_cycles for layer in self.results)

    @property
    def stall_cycles(self) -> int:
        """Cycles in which the array waited, prologue and drain included."""
        return sum(layer.result.stall_cycles for layer in self.results)

    @property
    def dram_bytes(self) -> int:
        """Bytes between DRAM and the chip."""
        return sum(layer.result.dram_bytes for layer in self.results)

    @property
    def energy_pj(self) -> float:
        """All components: energy_on_chip_pj + energy_dram_access_pj + energy_dram_standby_pj."""
        return float(sum(layer.energy.total_pj for layer in self.results))

    @property
    def energy_on_chip_pj(self) -> float:
        """All components of the chip itself, leakage included."""
        return float(sum(layer.energy.on_chip_pj for layer in self.results))

    @property
    def energy_dram_access_pj(self) -> float:
        """What the traffic costs: activates, reads, writes and I/O of the DRAM."""
        return float(sum(layer.energy.dram_access_pj for layer in self.results))

    @property
    def energy_dram_standby_pj(self) -> float:
        """What the time costs: background and refresh of the DRAM; 0 where the machine's DRAM does not say."""
        return float(sum(layer.energy.dram_standby_pj for layer in self.results))

    @property
    def energy_active_pj(self) -> float:
        """On chip and DRAM access, without DRAM standby: what verdicts of energy are by."""
        return self.energy_on_chip_pj + self.energy_dram_access_pj

    @property
    def dram_io_share(self) -> float:
        """The interface's share of the DRAM access, 0 of none."""
        io = sum(layer.energy.run_io_pj * layer.energy.times for layer in self.results)
        return io / self.energy_dram_access_pj if self.energy_dram_access_pj else 0.0

    @property
    def traffic(self) -> DramTraffic:
        """Bytes between DRAM and the chip by operand."""
        return reduce(add, (layer.result.run.traffic * layer.result.times for layer in self.results), DramTraffic())

    @property
    def energy_by_component_pj(self) -> dict[str, float]:
        """pJ of all layers, by component of energy."""
        layers = [layer.energy.components_pj() for layer in self.results]
        return {part: sum(layer[part] for layer in layers) for part in (layers[0] if layers else ())}

    @property
    def activation_storage(self) -> str:
        """How activations lay in DRAM, and which could not be compressed for want of integers, in one line."""
        return activation_storage(self.hardware.get("tensors", {}), self.results)

    @property
    def steady_state(self) -> str:
        """What the first inference fetches that stays for the others, in one line; "" where nothing stays."""
        if not self.warmup_bytes:
            return ""
        return f"steady state: the first inference fetches {self.warmup_bytes:,} B of weights more, which stay on chip"

    @property
    def area_um2(self) -> float:
        """Array, fallback, vector unit and buffers."""
        return sum(self.area.values())

    @property
    def fallback_layers(self) -> list[str]:
        """Layers that ran on the machine's fallback array; operators on the vector unit are none."""
        return [layer.name for layer in self.results if layer.result.shape.on_fallback]

    @property
    def seconds(self) -> float:
        """cycles at the array's clock."""
        return self.cycles / (self.clock_mhz * 1e6)

    @property
    def edp(self) -> float:
        """Energy-delay product in joule-seconds."""
        return self.energy_pj * 1e-12 * self.seconds

    @property
    def tops_per_w(self) -> float:
        """10¹² operations of the dense network (two a MAC) a joule, as papers state it: `tops_per_w_dense`."""
        return self.tops_per_w_dense

    @property
    def tops_per_w_dense(self) -> float:
        """10¹² operations a joule, two for each MAC of the dense GEMMs whether an operand is zero or not."""
        return self._tops_per_w(self.macs)

    @property
    def tops_per_w_effectual(self) -> float:
        """10¹² operations a joule, two for each MAC whose operands are both nonzero."""
        return self._tops_per_w(sum(layer.result.macs_effectual for layer in self.results))

    def _tops_per_w(self, macs: int) -> float:
        return 2 * float(macs) / self.energy_pj if self.energy_pj else 0.0

    @property
    def inferences_per_s(self) -> float:
        """Inputs that go through the whole workload a second, those of a batch together; 0 for a run of no cycles."""
        return self.batch / self.seconds if self.cycles else 0.0

    def layer(self, name: str) -> ReportedLayer:
        """The typed result of one layer. Raises UnknownNameError where no layer or operator has this name."""
        for layer in self.results:
            if layer.name == name:
                return layer
        raise unknown_name("layer", name, [layer.name for layer in self.results])

    @cached_property
    def rows(self) -> list[Row]:
        """One dict a layer, in the order in which they ran: what files and tables are written from."""
        return [row_of(layer, clock_mhz=self.clock_mhz) for layer in self.results]

    @cached_property
    def layers(self) -> pd.DataFrame:
        """One row a layer. `attrs` say what is not simulated, where something is."""
        import pandas as pd

        frame = pd.DataFrame(self.rows)
        frame.attrs |= {"not_simulated": self.not_simulated_line} if self.not_simulated else {}
        return frame

    def to_frame(self) -> pd.DataFrame:
        """A copy of `layers`."""
        return self.layers.copy()

    def csv_text(self) -> str:
        """`layers` as CSV, below a line "# not simulated: ..." where something is not."""
        return csv_head(self.not_simulated_line) + str(self.layers.to_csv(index=False))

    def to_csv(self, path: str | Path) -> None:
        """Write `csv_text`, whole or not at all."""
        write_text(Path(path), self.csv_text())

    def to_dict(self) -> dict[str, Any]:
        """Totals, configuration and layers as plain values."""
        totals = {key: getattr(self, key) for key in TOTALS}
        return {
            "workload": self.workload, "hardware": self.name, **totals, "area_um2": self.area_um2,
            "seconds": self.seconds, "batch": self.batch, "warmup_bytes": self.warmup_bytes,
            "energy_accounting": self.accounting.sentence, "figures": self.figures_line,
            "extrapolated": dict(self.extrapolated), "activation_storage": self.activation_storage,
            **not_simulated_fields(self.not_simulated, self.not_simulated_share),
            **({"remarks": list(self.remarks)} if self.remarks else {}),
            "configuration": dict(self.hardware), "layers": self.rows,
        }  # fmt: skip

    def to_json(self, path: str | Path | None = None) -> str:
        """The text of `to_dict`; written to `path` too where one is given."""
        text = json.dumps(self.to_dict(), indent=1, allow_nan=False)
        if path is not None:
            write_text(Path(path), text + "\n")
        return text

    def plot(self, name: str, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw one of the figures that `accelsim.plots()` lists, into an Axes where one is given.

        Raises UnknownNameError with the nearest name.
        """
        import accelsim

        axes: Axes = accelsim.plot(name, self, ax, **options)
        return axes

    def to_timeline(self, path: str | Path | None = None) -> str:
        """Chrome-trace JSON for Perfetto: a process a layer, a thread a track, DRAM bandwidth as a counter; µs."""
        text = timeline_text(self.results, self.clock_mhz, self.not_simulated_line)
        if path is not None:
            write_text(Path(path), text + "\n")
        return text

    def _repr_html_(self) -> str:
        head = f"<p>{escape(self.workload)} on {escape(self.name)}: {self._totals_line}</p>"
        head += "".join(f"<p>{escape(line)}</p>" for line in (self.not_simulated_line, *self.remarks) if line)
        return head + str(self.layers[list(SHOWN)].to_html(index=False, formatters=SHOWN))
