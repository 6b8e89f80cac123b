"""Storage formats of integer matrices, exact to the bit. Loaded on first use.

Imports: accelsim.errors, .registry, .trace.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accelsim.formats.base import Encoded, Widths
    from accelsim.formats.registry import FORMATS, STORAGE_FORMATS, encode, register_format

__all__ = ["FORMATS", "STORAGE_FORMATS", "Encoded", "Widths", "encode", "register_format"]

_PLACES = {
    "Encoded": "base",
    "FORMATS": "registry",
    "STORAGE_FORMATS": "registry",
    "Widths": "base",
    "encode": "registry",
    "register_format": "registry",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
