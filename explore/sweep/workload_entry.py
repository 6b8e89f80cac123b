"""A workload of a sweep: a name, a path or a Workload, with options, of which some may be swept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelsim.trace.workload import Workload

from .axes import Axes, Grid
from .given import placed
from .trained import Training, checkpoint_of

OF_ANY = ("batch", "density", "seed", "weight_bits", "activation_bits", "float")  # a Workload among them
OF_NAMED = ("weights", "profile", "dimensions", "open_sizes", "partial", "recipe")
OPTIONS = (*OF_ANY, *OF_NAMED)  # of `workloads.load`; `float`: of `Workload.in_float`; `recipe`: trained by it


@dataclass(frozen=True)
class WorkloadEntry:
    """What stands in the column `workload`, where it comes from, options for all of it, and those that are swept.

    A recipe's file lies in `folder`, else where its path says; `seed` beside a recipe is the recipe's.
    """

    label: str
    source: str | Workload
    options: Mapping[str, Any] = field(default_factory=dict)
    swept: Axes = field(default_factory=lambda: Grid({}))
    folder: Path | None = None

    def training(self, options: Mapping[str, Any]) -> Training | None:
        """Network, recipe and seed that a variant is trained by; None where it is not."""
        asked = {**self.options, **options}
        if asked.get("recipe") is None or isinstance(self.source, Workload):
            return None
        return Training(self.source, placed(asked["recipe"], self.folder), asked.get("seed"))

    def opened(self, options: Mapping[str, Any]) -> Workload:
        """The workload with these options beside its own; a network with a recipe is trained where it has not been.

        Raises what `workloads.load` raises, CompressionError where training fails.
        """
        asked = {**self.options, **options}
        number_format = asked.pop("float", None)
        network = self._network(asked, self.training(options))
        return network if number_format is None else network.in_float(number_format)

    def _network(self, asked: dict[str, Any], training: Training | None) -> Workload:
        from workloads import load
        from workloads.settings import Settings, with_settings

        if training is not None:
            rest = {name: value for name, value in asked.items() if name not in {"recipe", "seed"}}
            return load(checkpoint_of(training), **rest)
        if isinstance(self.source, Workload):
            return with_settings(self.source, Settings(**asked), batched=False) if asked else self.source
        return load(self.source, **asked)
