"""The contract of arrays, ours and anybody's: laws as functions, a class of pytest that asks all of them, strategies.

    from accelsim.testing import ArrayConformance

    class TestMyArray(ArrayConformance):
        arrays = [MyArray(pes=4), MyArray(pes=7, banks=3)]

Imports: everything of accelsim. `strategies` needs hypothesis, which is asked for only there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .conformance import ArrayConformance, SparseConformance

__all__ = ["ArrayConformance", "SparseConformance"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import conformance

    return getattr(conformance, name)


def __dir__() -> list[str]:
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})
