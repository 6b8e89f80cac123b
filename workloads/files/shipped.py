"""The compressed networks that ship with the package, by name: LeNet-5 as the recipe of the same name left it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from accelsim.errors import unknown_name

_FOLDER = "data/checkpoints"


def shipped_names() -> list[str]:
    """Their names. Loads no torch."""
    folder = files("workloads").joinpath(_FOLDER)
    if not folder.is_dir():
        return []
    return sorted(file.name.removesuffix(".zip") for file in folder.iterdir() if file.name.endswith(".zip"))


def shipped_path(name: str) -> Path:
    """The packed checkpoint of this name, for `from_checkpoint`; UnknownNameError where there is none."""
    if name not in shipped_names():
        raise unknown_name("shipped checkpoint", name, shipped_names())
    return Path(str(files("workloads").joinpath(_FOLDER, f"{name}.zip")))
