"""accelsim: cycles, energy and DRAM traffic of pruned and quantized networks on hardware models.

Everything below loads on first use, so that `import accelsim` is cheap and needs neither numba nor pandas:

    hardware = accelsim.load_hardware("dense/os-32x32")
    layer = accelsim.GemmTrace.random("fc", M=1, N=500, K=800, weight_density=0.1)
    report = accelsim.simulate(layer, hardware)
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accelsim import errors, formats, memory
    from accelsim.analysis.comparison import compare_machines
    from accelsim.analysis.ppr import ppr
    from accelsim.errors import AccelSimError
    from accelsim.hardware.accelerator import Accelerator, config_names, load_hardware
    from accelsim.results.report import Report
    from accelsim.simulate import simulate
    from accelsim.trace.conv import ConvGeometry
    from accelsim.trace.gemm import GemmTrace
    from accelsim.trace.operator import Operator
    from accelsim.trace.workload import Workload

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
    "config_names": "hardware.accelerator",
    "load_hardware": "hardware.accelerator",
    "ppr": "analysis.ppr",
    "simulate": "simulate",
}
_ROOMS = ("errors", "formats", "memory")  # modules that are reached as attributes

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
    "ppr",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"accelsim.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'accelsim' has no attribute {name!r}")
    return getattr(import_module(f"accelsim.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Keeps `accelsim.simulate` and `accelsim.ppr` the functions once the modules of the same names are loaded."""

    def __setattr__(self, name: str, value: Any) -> None:
        shadows = isinstance(value, ModuleType) and _HOMES.get(name) == name
        super().__setattr__(name, getattr(value, name) if shadows else value)


sys.modules[__name__].__class__ = _Package
