"""How the kernels of a bank-level DRAM are compiled.

No kernel makes an array, so none needs numba's counting of references (`_nrt`): it would count those of the state's
twelve arrays up and down in every call, and random reads would be served at a quarter of the speed. The parts of the
controller are compiled into their caller (`inlined`), which saves handing the arrays on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])
OPTIONS: dict[str, Any] = {"cache": True, "_nrt": False}


def kernel(function: Function) -> Function:
    """Compile a function, and keep the result on disk."""
    return cast(Function, njit(**OPTIONS)(function))


def inlined(function: Function) -> Function:
    """Compile a function into those that call it."""
    return cast(Function, njit(**OPTIONS, forceinline=True)(function))
