"""DRAM: the interface of a model, the models by name, and a file or folder a model.

Imports: accelsim.config, .errors, .registry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accelsim.memory.registry import DRAM_MODELS, MODELS, model_class, register_dram

__all__ = ["DRAM_MODELS", "MODELS", "model_class", "register_dram"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from accelsim.memory import registry

    return getattr(registry, name)
