"""DRAM models by name; adding one that ships is a file here and a line in MODELS.

A model of anybody's own comes by `accelsim.register_dram`, or by an entry point of the group `accelsim.dram_models` in
an installed package (name = model, value = class).
"""

from __future__ import annotations

from typing import TypeVar

from accelsim.config import name_in
from accelsim.memory.base import DramConfig
from accelsim.registry import Registry

MODELS = {
    "ideal": "accelsim.memory.ideal:IdealDram",
    "bandwidth": "accelsim.memory.bandwidth:BandwidthDram",
    "bank": "accelsim.memory.bank.model:BankDram",
}
Dram = TypeVar("Dram", bound=type[DramConfig])


def _check(model: str, value: object) -> str | None:
    """A DramConfig whose field `model` allows the registered name alone."""
    if name_in(value, DramConfig, "model") == model:
        return None
    return f"a subclass of DramConfig with `model: Literal[{model!r}]` is expected"


DRAM_MODELS: Registry[type[DramConfig]] = Registry("DRAM model", "accelsim.dram_models", MODELS, check=_check)


def model_class(name: str) -> type[DramConfig]:
    """The configuration class of a DRAM model; UnknownNameError names the nearest one."""
    return DRAM_MODELS.get(name)


def register_dram(dram: Dram) -> Dram:
    """Decorator: make a DramConfig known by its `model`, to YAML files, dicts and the command line in this process.

    Raises ConfigError where the class is no DramConfig with such a model, or the name already stands for another class.
    """
    DRAM_MODELS.add(name_in(dram, DramConfig, "model") or str(dram), dram)
    return dram
