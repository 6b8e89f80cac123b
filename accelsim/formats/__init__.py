"""Storage formats of integer matrices, exact to the bit. Loaded on first use.

`Registry`, which all that can be added by name share, is reachable here for `compress`, which may import this room.

Imports: accelsim.errors, .registry, .trace.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..registry import Registry
    from .base import Encoded, FieldWidths
    from .registry import FORMATS, STORAGE_FORMATS, encode, register_format

__all__ = ["FORMATS", "STORAGE_FORMATS", "Encoded", "FieldWidths", "Registry", "encode", "register_format"]

_PLACES = {
    "Encoded": "accelsim.formats.base",
    "FORMATS": "accelsim.formats.registry",
    "Registry": "accelsim.registry",
    "STORAGE_FORMATS": "accelsim.formats.registry",
    "FieldWidths": "accelsim.formats.base",
    "encode": "accelsim.formats.registry",
    "register_format": "accelsim.formats.registry",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})
