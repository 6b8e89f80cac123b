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
}
_ROOMS = ("errors", "formats", "memory", "testing")  # modules that are reached as attributes

__all__ = [
    "AccelSimError",
    "Accelerator",
    "ConvGeometry",
    "GemmTrace",
    "Operator",
    "Report",
    "Workload",
    "compare_machines",
    "config_names",
    "errors",
    "formats",
    "load_hardware",
    "memory",
    "plot",
    "plots",
    "ppr",
    "register_array",
    "register_dram",
    "register_format",
    "simulate",
    "testing",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"accelsim.{name}")
    if name in _UPPER:
        return _upper(name)
    if name not in _HOMES:
        raise AttributeError(f"module 'accelsim' has no attribute {name!r}")
    return getattr(import_module(f"accelsim.{_HOMES[name]}"), name)


def _upper(name: str) -> Any:
    """A name of a package above, which is found by where it lies."""
    from .siblings import sibling

    package, module = _UPPER[name]
    return getattr(import_module(f"{sibling(package).__name__}.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})


class _Package(ModuleType):
    """Keeps `accelsim.simulate` and `accelsim.ppr` the functions once the modules of the same names are loaded."""

    def __setattr__(self, name: str, value: Any) -> None:
        shadows = isinstance(value, ModuleType) and _HOMES.get(name) == name
        super().__setattr__(name, getattr(value, name) if shadows else value)


sys.modules[__name__].__class__ = _Package
