"""Where workloads come from: the zoo, torch models, checkpoints, files of other simulators; and the digits.

All names load on first use; only `model` and `from_torch`, and ONNX models with integers, load torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from accelsim.siblings import claim

if TYPE_CHECKING:
    from .datasets import digits
    from .files.checkpoints import from_checkpoint
    from .files.scalesim import from_scalesim_csv
    from .files.shipped import shipped_names, shipped_path
    from .files.timeloop import from_timeloop
    from .files.zigzag import from_zigzag
    from .models import list_models, model
    from .onnx.importer import from_onnx
    from .opening import load, open_workload
    from .published.files import profiles
    from .registry import Importer, register_importer
    from .torch.importer import from_torch

claim("compress")  # what the files here mean by this name, whatever lies beside a script

_HOMES = {  # name -> the module that defines it
    "Importer": "registry",
    "digits": "datasets",
    "from_checkpoint": "files.checkpoints",
    "from_onnx": "onnx.importer",
    "from_scalesim_csv": "files.scalesim",
    "from_timeloop": "files.timeloop",
    "from_torch": "torch.importer",
    "from_zigzag": "files.zigzag",
    "list_models": "models",
    "load": "opening",
    "model": "models",
    "open_workload": "opening",
    "profiles": "published.files",
    "register_importer": "registry",
    "shipped_names": "files.shipped",
    "shipped_path": "files.shipped",
}

__all__ = [
    "Importer",
    "digits",
    "from_checkpoint",
    "from_onnx",
    "from_scalesim_csv",
    "from_timeloop",
    "from_torch",
    "from_zigzag",
    "list_models",
    "load",
    "model",
    "open_workload",
    "profiles",
    "register_importer",
    "shipped_names",
    "shipped_path",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'workloads' has no attribute {name!r}")
    return getattr(import_module(f"workloads.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})
