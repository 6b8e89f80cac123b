"""One point evaluated: the workload opened once for all its points, the machine made, simulated or found."""

from __future__ import annotations

import json

from accelsim.errors import CompressionError, ConfigError, MappingError, TraceError, UnsupportedLayerError
from accelsim.hardware.accelerator import Accelerator
from accelsim.simulate import simulate
from accelsim.trace.workload import Workload

from ..cache import content_key
from .known_points import Figures, KnownPoints
from .row import Row, done_row, figures_of, infeasible_row
from .space import Point, Space

CANNOT_BE = (MappingError, TraceError, ConfigError, UnsupportedLayerError, CompressionError, MemoryError)
OPEN_AT_ONCE = 2  # workloads that an evaluator keeps: points come by workload


class Evaluator:
    """Evaluates points of a space, in any order, and keeps the workloads that it opened last.

    >>> from explore.sweep.axes import Grid
    >>> from explore.sweep.space import Machine
    >>> from explore.sweep.workload_entry import WorkloadEntry
    >>> os = {"name": "os", "array": {"kind": "systolic", "rows": 8, "cols": 8}}
    >>> space = Space([WorkloadEntry("lenet5", "lenet5")], [Machine("os", os)], Grid({"array.rows": [4, 8]}))
    >>> Evaluator(space).row(0).status
    'done'
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self._workloads: dict[str, Workload] = {}
        self._known = KnownPoints()

    def row(self, number: int) -> Row:
        """The row of a point; of one that cannot be mapped or made, with the reason. Raises what is no point's fault:
        files that are gone, and errors of the simulator."""
        point = self.space[number]
        try:
            machine = point.machine.with_settings(point.hardware_settings)
            workload = self._opened(point)
            key = content_key(workload, machine)
            figures = self._known.find(key) or self._simulated(key, workload, machine)
        except CANNOT_BE as error:
            return infeasible_row(point, str(error) or f"{type(error).__name__}: sizes like these need more memory")
        return done_row(point, workload, figures, key)

    def _simulated(self, key: str, workload: Workload, machine: Accelerator) -> Figures:
        figures = figures_of(simulate(workload, machine))
        self._known.put(key, figures)
        return figures

    def _opened(self, point: Point) -> Workload:
        name = json.dumps([point.workload.label, point.options], sort_keys=True)
        if name not in self._workloads:
            if len(self._workloads) >= OPEN_AT_ONCE:
                self._workloads.pop(next(iter(self._workloads)))
            self._workloads[name] = point.workload.opened(point.options)
        return self._workloads[name]
