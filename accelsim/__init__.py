"""accelsim: cycles, energy and DRAM traffic of pruned and quantized networks on hardware models.

Everything below loads on first use, so that `import accelsim` is cheap and needs neither numba nor pandas. Names of
the packages above (`plot`, `plots`) are looked up here and nowhere else in accelsim:

>>> import accelsim
>>> hardware = accelsim.load_hardware("dense/os-32x32")
>>> layer = accelsim.GemmTrace.random("fc", M=1, N=500, K=800, weight_density=0.1)
>>> report = accelsim.simulate(layer, hardware)
>>> report.cycles == report.compute_cycles + report.stall_cycles
True
>>> accelsim.plot("cycles", report).figure.savefig("cycles.svg")  # doctest: +SKIP
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from matplotlib.axes import Axes

    from . import errors, formats, memory, testing
    from .analysis.comparison import compare_machines
    from .analysis.ppr import ppr
    from .arrays.registry import register_array
    from .errors import AccelSimError
    from .formats.registry import register_format
    from .hardware.accelerator import Accelerator
    from .hardware.loading import config_names, load_hardware
    from .memory.registry import register_dram
    from .results.report import Report
    from .simulate import simulate
    from .trace.conv import ConvGeometry
    from .trace.gemm import GemmTrace
    from .trace.operator import Operator
    from .trace.workload import Workload

    def plot(name: str, data: object, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw a figure; see plots.drawing.plot."""

    def plots() -> list[str]:
        """The names that `plot` takes; see plots.drawing.plots."""

    def sweep(
        workloads: Sequence[str | Path | Workload | Mapping[str, Any]],
        hardware: Sequence[str | Path | Mapping[str, Any] | Accelerator],
        *,
        set: Mapping[str, Sequence[Any]] | None = None,
        out: str | Path | None = None,
        jobs: int | None = None,
        scheduler: str | None = None,
        resume: bool = False,
    ) -> pd.DataFrame:
        """Every workload on every machine under all settings, a row a point; see explore.sweep.sweeping.sweep."""

    def search(
        workloads: Sequence[str | Path | Workload | Mapping[str, Any]],
        hardware: Sequence[str | Path | Mapping[str, Any] | Accelerator],
        *,
        set: Mapping[str, Sequence[Any]] | None = None,
        minimize: Sequence[str] = (),
        maximize: Sequence[str] = (),
        constraints: Sequence[str] = (),
        trials: int = 100,
        sampler: str = "nsga2",
        seed: int = 0,
        batch: int = 8,
        out: str | Path | None = None,
        jobs: int | None = None,
        scheduler: str | None = None,
        resume: bool = False,
    ) -> Any:
        """The front among points that a sampler proposes, a SearchResult; see explore.search.searching.search."""

    def pareto(frame: pd.DataFrame, *, minimize: Sequence[str] = (), maximize: Sequence[str] = ()) -> pd.DataFrame:
        """The rows that no other beats; see explore.sweep.pareto.pareto."""

    cache: ModuleType  # explore.cache


__version__ = "0.1.0"

_HOMES = {  # name -> the module that defines it
    "AccelSimError": "errors",
    "Accelerator": "hardware.accelerator",
    "ConvGeometry": "trace.conv",
    "GemmTrace": "trace.gemm",
    "Operator": "trace.operator",
    "Report": "results.report",
    "Workload": "trace.workload",
    "compare_machines": "analysis.comparison",
    "config_names": "hardware.loading",
    "load_hardware": "hardware.loading",
    "ppr": "analysis.ppr",
    "register_array": "arrays.registry",
    "register_dram": "memory.registry",
    "register_format": "formats.registry",
    "simulate": "simulate",
}
_UPPER = {  # name -> the package beside accelsim, and its module that defines it
    "plot": ("plots", "drawing"),
    "plots": ("plots", "drawing"),
    "pareto": ("explore", "sweep.pareto"),
    "search": ("explore", "search.searching"),
    "sweep": ("explore", "sweep.sweeping"),
}
_UPPER_MODULES = {"cache": "explore"}  # name -> the package beside accelsim that has this module
_ROOMS = ("errors", "formats", "memory", "testing")  # modules that are reached as attributes

__all__ = [
    "AccelSimError",
    "Accelerator",
    "ConvGeometry",
    "GemmTrace",
    "Operator",
    "Report",
    "Workload",
    "cache",
    "compare_machines",
    "config_names",
    "errors",
    "formats",
    "load_hardware",
    "memory",
    "pareto",
    "plot",
    "plots",
    "ppr",
    "register_array",
    "register_dram",
    "register_format",
    "search",
    "simulate",
    "sweep",
    "testing",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"accelsim.{name}")
    if name in _UPPER:
        return _upper(name)
    if name in _UPPER_MODULES:
        return _upper_module(_UPPER_MODULES[name], name)
    if name not in _HOMES:
        raise AttributeError(f"module 'accelsim' has no attribute {name!r}")
    return getattr(import_module(f"accelsim.{_HOMES[name]}"), name)


def _upper(name: str) -> Any:
    """A name of a package above."""
    package, module = _UPPER[name]
    return getattr(_upper_module(package, module), name)


def _upper_module(package: str, module: str) -> ModuleType:
    """A module of a package above, which is found by where it lies."""
    from .siblings import sibling

    return import_module(f"{sibling(package).__name__}.{module}")


def __dir__() -> list[str]:
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})


class _Package(ModuleType):
    """Keeps `accelsim.simulate` and `accelsim.ppr` the functions once the modules of the same names are loaded."""

    def __setattr__(self, name: str, value: Any) -> None:
        shadows = isinstance(value, ModuleType) and _HOMES.get(name) == name
        super().__setattr__(name, getattr(value, name) if shadows else value)


sys.modules[__name__].__class__ = _Package
