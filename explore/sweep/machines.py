"""A machine of a sweep from what names it: a configuration's name, a file, a mapping or an Accelerator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accelsim.errors import AccelSimError, ConfigError
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.loading import config_names, read_hardware

from .given import placed
from .space import Machine


def machine_of(entry: Any, where: str, folder: Path | None) -> Machine:
    """The machine, read once, with its settings still to come. Raises what `load_hardware` raises, behind `where`."""
    if isinstance(entry, Accelerator):
        return Machine(entry.name, entry)
    if isinstance(entry, Mapping):
        return Machine(str(entry.get("name", "machine"))[:200], dict(entry))
    if not isinstance(entry, str | Path):
        raise ConfigError(f"{where} is {entry!r:.60}; a name, a file or a mapping is expected")
    text = str(entry)
    try:
        return Machine(text, read_hardware(text if text in config_names() else placed(text, folder)))
    except AccelSimError as error:
        raise type(error)(f"{where}: {error}") from error
