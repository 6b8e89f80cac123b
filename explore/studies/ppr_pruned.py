"""Networks that were really pruned, and published per-layer rates, on every design that runs their layers itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import workloads
from accelsim.hardware.loading import load_hardware
from accelsim.simulate import runs_natively
from accelsim.trace.workload import Workload
from workloads.files.shipped import shipped_path

from .ppr_designs import COMPARISONS, DESIGNS, design
from .ppr_points import against_dense

DENSE = "dense/best-16x16"
ON_DENSE = "dense best"
CHECKPOINTS = ("lenet5-conv-114x", "lenet5-conv-structured-88x", "lenet5-246x", "lenet5-348x")  # that ship
PROFILES = {"alexnet_caffe": "admm_nn_s_nonstructured", "resnet18": "admm_nn_s_nonstructured"}


@dataclass(frozen=True)
class PrunedPoint:
    """Conv layers of a pruned network on a design or on the dense array, FC layers on eie; compared at equal MACs."""

    design: str
    network: str

    def label(self) -> dict[str, Any]:
        """The first columns of its row."""
        return {"design": self.design, "workload": self.network, "comparison": "mac", "pattern": "pruned"}

    def measure(self) -> dict[str, Any]:
        """PPR and the gap by cause of all its own layers, and how many those are."""
        known = None if self.design == ON_DENSE else design(self.design)
        machine = load_hardware(known.hardware if known else DENSE)
        kind = "conv" if known is None or known.conv else "linear"
        whole = pruned_networks()[self.network]()
        own = [trace for trace in whole.traces if trace.kind == kind and runs_natively(machine, trace)]
        measured = against_dense(Workload(whole.name, own), *COMPARISONS["mac"](machine))
        return measured | {"layers": len(own), "layers_of": len(whole)}


def pruned_networks() -> dict[str, Callable[[], Workload]]:
    """Every pruned network by name, made when it is called."""
    trained = {name: partial(_checkpoint, name) for name in CHECKPOINTS}
    published = {
        f"{network}, {profile}": partial(workloads.load, network, profile=profile)
        for network, profile in PROFILES.items()
    }
    return {**trained, **published}


def _checkpoint(name: str) -> Workload:
    return workloads.from_checkpoint(shipped_path(name))


def pruned_points(quick: bool) -> list[PrunedPoint]:
    """The networks on the designs; the quick study leaves the large networks out."""
    networks = list(CHECKPOINTS) if quick else list(pruned_networks())
    runnable = [ON_DENSE, *(known.name for known in DESIGNS if known.pattern != "n:m")]
    return [PrunedPoint(name, network) for network in networks for name in runnable]
