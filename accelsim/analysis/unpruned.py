"""β at α = 1: the layers of the dense baseline, which nobody pruned, on the machine that is made for pruned ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..errors import MappingError, UnsupportedLayerError
from ..hardware.accelerator import Accelerator
from ..results.report import Report
from ..simulate import simulate
from ..trace.workload import Workload

Simulate = Callable[[Workload, Accelerator], Report]


def unpruned_report(
    layers: Workload, workload: Workload, machine: Accelerator, run: Simulate = simulate
) -> Report | None:
    """The report of the dense baseline's `layers` on `machine`, which ran `workload`: what `ppr` takes as `unpruned`.

    `layers` are the uncompressed network's at the bits of the compressed one (`dense_workload`). `run` simulates, or
    looks up. None where the machine cannot run them, as one whose buffers are made for compressed layers alone.
    """
    try:
        return run(unpruned_workload(layers, workload), unpruned_machine(machine))
    except (UnsupportedLayerError, MappingError):
        return None


def unpruned_workload(layers: Workload, workload: Workload) -> Workload:
    """The layers, each of which is what it is in `workload`: an L1 distance goes where that went, and so does a MAC."""
    operations = {trace.name: trace.operation for trace in workload.traces}
    traces = [replace(t, operation=operations.get(t.name, t.operation), pruned=False) for t in layers.traces]
    return replace(layers, traces=traces)


def unpruned_machine(machine: Accelerator) -> Accelerator:
    """The machine as it runs layers that nobody pruned: its arrays expect no pattern of zeros.

    Tile sizes that were given are for the compressed layers; those of the uncompressed ones are chosen.
    """
    fallback = machine.fallback
    return machine.model_copy(
        update={
            "array": machine.array.without_pattern(),
            "fallback": None if fallback is None else fallback.without_pattern(),
            "mapping": machine.mapping.without_tiles,
        }
    )
