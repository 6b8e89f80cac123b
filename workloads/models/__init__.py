"""The zoo: networks by name. A new one is one file here with a `build()`, and one line in `_FILES`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from accelsim.errors import unknown_name

if TYPE_CHECKING:
    from torch import nn

_FILES = {  # name -> the module in this folder whose build() makes it
    "lenet5": "lenet5",
    "lenet5_xnor": "lenet5_xnor",
}


def list_models() -> list[str]:
    """The names that `model` knows, sorted. Loads no torch."""
    return sorted(_FILES)


def model(name: str) -> nn.Module:
    """A fresh network by its name, with torch's default initial weights (seed torch to fix them).

    Raises UnknownNameError, with the nearest name, where no network has this one.
    """
    if name not in _FILES:
        raise unknown_name("model", name, _FILES)
    built: nn.Module = import_module(f"{__name__}.{_FILES[name]}").build()
    return built
