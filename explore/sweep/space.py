"""The space of a sweep: its points by number, made on demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.loading import load_hardware

from .axes import Axes, Settings
from .workload_entry import WorkloadEntry


@dataclass(frozen=True)
class Machine:
    """A machine of a sweep before its settings: what stands in the column `hardware`, and what is set on."""

    label: str
    base: Mapping[str, Any] | Accelerator

    def with_settings(self, settings: Settings) -> Accelerator:
        """The machine of one point. Raises ConfigError where the settings make none."""
        return load_hardware(self.base, **settings)


@dataclass(frozen=True)
class Point:
    """One evaluation: a workload with its options, a machine, and the settings of both that the sweep varies."""

    id: int
    workload: WorkloadEntry
    options: Settings
    machine: Machine
    hardware_settings: Settings

    @property
    def settings(self) -> Settings:
        """All that is swept of this point; options of the workload as `workload.NAME`."""
        return {f"workload.{name}": value for name, value in self.options.items()} | self.hardware_settings

    def __str__(self) -> str:
        settings = ", ".join(f"{field}={value}" for field, value in self.settings.items())
        return f"point {self.id} ({self.workload.label} on {self.machine.label}{', ' * bool(settings)}{settings})"


@dataclass(frozen=True)
class Space:
    """Every workload and its options, with every machine, with all settings; the last varies fastest.

    Points are numbered from 0 and made when they are asked for, so that a space takes no memory by its points.

    >>> from explore.sweep.axes import Grid
    >>> space = Space([WorkloadEntry("lenet5", "lenet5")], [Machine("os", {})], Grid({"array.rows": [4, 8]}))
    >>> len(space), str(space[1])
    (2, 'point 1 (lenet5 on os, array.rows=8)')
    """

    workloads: Sequence[WorkloadEntry]
    machines: Sequence[Machine]
    axes: Axes

    def __len__(self) -> int:
        return sum(len(entry.swept) for entry in self.workloads) * self.points_a_workload

    @property
    def points_a_workload(self) -> int:
        """Points that share a workload with the same options."""
        return len(self.machines) * len(self.axes)

    @property
    def swept_fields(self) -> tuple[str, ...]:
        """The keys of any point's settings, in their order."""
        options = dict.fromkeys(f"workload.{name}" for entry in self.workloads for name in entry.swept.fields)
        return (*options, *self.axes.fields)

    def __getitem__(self, index: int) -> Point:
        if not 0 <= index < len(self):
            raise IndexError(index)
        variant, place = divmod(index, self.points_a_workload)
        machine, settings = divmod(place, len(self.axes))
        for entry in self.workloads:
            if variant < len(entry.swept):
                break
            variant -= len(entry.swept)
        return Point(index, entry, entry.swept[variant], self.machines[machine], self.axes[settings])

    def __iter__(self) -> Iterator[Point]:
        return (self[index] for index in range(len(self)))
