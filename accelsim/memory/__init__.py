"""The room of DRAM: what a model is (`base`), the models that ship, and their registry.

`ideal` never stalls, `bandwidth` has a rate and a latency, and `bank` is a bank-level DRAM with its controller in a
folder of its own; `dram` replays a list of requests through the latter.

Imports: accelsim.config, .errors, .files, .registry, .trace.operand_names.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import dram
    from .registry import register_dram

__all__ = ["dram", "register_dram"]


def __getattr__(name: str) -> Any:
    """Load `dram` or the registry when they are asked for, so that importing the room loads nothing."""
    if name == "dram":
        return import_module("accelsim.memory.dram")
    if name == "register_dram":
        return import_module("accelsim.memory.registry").register_dram
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})
