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
    from .models import list_models, model
    from .onnx.importer import from_onnx
    from .opening import open_workload
    from .published.files import profiles
    from .registry import Importer, register_importer
    from .torch.importer import from_torch
    from .zoo import load

claim("compress")  # what the files here mean by this name, whatever lies beside a script

_HOMES = {  # name -> the module that defines it
    "Importer": "registry",
    "digits": "datasets",
    "from_checkpoint": "files.checkpoints",
    "from_onnx": "onnx.importer",
    "from_scalesim_csv": "files.scalesim",
    "from_torch": "torch.importer",
    "list_models": "models",
    "load": "zoo",
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
    "from_torch",
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
