"""Storage formats of integer matrices, exact to the bit, and files read and written safely. Loaded on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accelsim.formats.base import Encoded
    from accelsim.formats.registry import FORMATS, encode

__all__ = ["FORMATS", "Encoded", "encode"]

_PLACES = {"encode": "registry", "FORMATS": "registry", "Encoded": "base"}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
