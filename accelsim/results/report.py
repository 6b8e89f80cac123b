"""What a simulation says: a row a layer, totals, and files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from accelsim.engine.simulation import Span
from accelsim.errors import InternalError
from accelsim.files import write_text, written_whole
from accelsim.results.timeline import layer_events

if TYPE_CHECKING:
    import pandas as pd

DRAM_PARTS = tuple(f"dram_{part}_bytes" for part in ("ifmap", "weight", "index", "ofmap", "psum"))
SHOWN = ["name", "kind", "array", "cycles", "stall_cycles", "utilization", "bound", "dram_bytes", "energy_pj"]
TOTALS = ("cycles", "compute_cycles", "stall_cycles", "energy_pj", "dram_bytes")


@dataclass(frozen=True)
class Report:
    """One workload on one machine. `rows` are plain dicts, one a layer; `layers` is the same as a DataFrame.

    Units stand in the names: cycles of the array's clock, bytes, pJ, µm², bits. `outputs[name]` is (M, groups·N) int64
    where the run was verified. The text of `to_json` holds no time or date.
    """

    workload: str
    hardware: Mapping[str, Any]
    rows: list[dict[str, Any]]
    area: Mapping[str, float]
    spans: Mapping[str, list[Span]] = field(default_factory=dict)
    outputs: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The machine's name."""
        return str(self.hardware["name"])

    @property
    def clock_mhz(self) -> float:
        """The array's clock."""
        return float(self.hardware["clock_mhz"])

    def _total(self, key: str) -> Any:
        return sum(row[key] for row in self.rows)

    @property
    def cycles(self) -> int:
        """compute_cycles + stall_cycles."""
        return int(self._total("cycles"))

    @property
    def compute_cycles(self) -> int:
        """Cycles in which the array was busy."""
        return int(self._total("compute_cycles"))

    @property
    def stall_cycles(self) -> int:
        """Cycles in which the array waited, prologue and drain included."""
        return int(self._total("stall_cycles"))

    @property
    def dram_bytes(self) -> int:
        """Bytes between DRAM and the chip."""
        return int(self._total("dram_bytes"))

    @property
    def energy_pj(self) -> float:
        """All components."""
        return float(self._total("energy_pj"))

    @property
    def area_um2(self) -> float:
        """Array, fallback, vector unit and buffers."""
        return sum(self.area.values())

    @property
    def fallback_layers(self) -> list[str]:
        """Layers that ran on the machine's fallback array; operators on the vector unit are none."""
        own = {self.hardware["array"]["kind"], "vector"}
        return [row["name"] for row in self.rows if row["array"] not in own]

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
        """10¹² effectual operations (two a MAC) a joule."""
        return 2 * float(self._total("macs_effectual")) / self.energy_pj

    @property
    def inferences_per_s(self) -> float:
        """Runs of the whole workload, its batch included, a second."""
        return 1 / self.seconds

    @cached_property
    def layers(self) -> pd.DataFrame:
        """One row a layer."""
        import pandas as pd

        return pd.DataFrame(self.rows)

    def to_frame(self) -> pd.DataFrame:
        """A copy of `layers`."""
        return self.layers.copy()

    def to_csv(self, path: str | Path) -> None:
        """Write `layers` as CSV, whole or not at all."""
        with written_whole(Path(path)) as temporary:
            self.layers.to_csv(temporary, index=False)

    def to_dict(self) -> dict[str, Any]:
        """Totals, configuration and layers as plain values."""
        totals = {key: self._total(key) for key in TOTALS}
        return {
            "workload": self.workload, "hardware": self.name, **totals, "area_um2": self.area_um2,
            "seconds": self.seconds, "configuration": dict(self.hardware), "layers": self.rows,
        }  # fmt: skip

    def to_json(self, path: str | Path | None = None) -> str:
        """The text of `to_dict`; written to `path` too where one is given."""
        text = json.dumps(self.to_dict(), indent=1, allow_nan=False)
        if path is not None:
            write_text(Path(path), text + "\n")
        return text

    def to_timeline(self, path: str | Path | None = None) -> str:
        """Chrome-trace JSON for Perfetto: a process a layer, a thread a track, DRAM bandwidth as a counter; µs."""
        events: list[dict[str, Any]] = []
        start = 0
        for pid, row in enumerate(self.rows):
            spans = self.spans.get(row["name"], [])
            events += layer_events(pid, row["name"], spans, start, row["cycles"], self.clock_mhz)
            start += row["cycles"]
        text = json.dumps({"displayTimeUnit": "ns", "traceEvents": events})
        if path is not None:
            write_text(Path(path), text + "\n")
        return text

    def _repr_html_(self) -> str:
        totals = f"{self.cycles:,} cycles, {self.energy_pj / 1e6:,.3f} µJ, {self.dram_bytes:,} B of DRAM traffic"
        head = f"<p>{self.workload} on {self.name}: {totals}</p>"
        return head + str(self.layers[SHOWN].to_html(index=False))


def check_row(row: Mapping[str, Any], peak_macs: int, compulsory_bytes: int) -> None:
    """Raise InternalError unless a layer's parts add up and its bounds hold (DESIGN section 3)."""
    energy = sum(v for k, v in row.items() if k.startswith("energy_") and k not in {"energy_pj"})
    negative = [k for k, v in row.items() if isinstance(v, int | float) and v < 0]
    laws = {
        "cycles = compute + stall": row["cycles"] == row["compute_cycles"] + row["stall_cycles"],
        "dram_bytes = sum of operands": row["dram_bytes"] == sum(row[part] for part in DRAM_PARTS),
        "energy_pj = sum of components": abs(energy - row["energy_pj"]) <= 1e-9 * max(1.0, energy),
        f"no negative counter ({negative})": not negative,
        "cycles >= effectual MACs / peak": row["cycles"] * peak_macs >= row["macs_effectual"],
        "dram_bytes >= compulsory bytes": row["dram_bytes"] >= compulsory_bytes,
        "stalls add up by cause": row["stall_cycles"]
        == sum(v for k, v in row.items() if k.startswith("stall_") and k != "stall_cycles"),
    }
    broken = [law for law, holds in laws.items() if not holds]
    if broken:
        raise InternalError(f"layer {row['name']!r} breaks: {'; '.join(broken)}")
