"""PE arrays: the interface and the counters, what families share (`common/`), and a file or folder a family.

Imports: technology and what lies below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .registry import ARRAYS, KINDS, array_class, register_array

__all__ = ["ARRAYS", "KINDS", "array_class", "register_array"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import registry

    return getattr(registry, name)
