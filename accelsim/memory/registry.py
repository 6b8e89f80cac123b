"""DRAM models by name; adding one that ships is a file here and a line in MODELS.

A model of anybody's own comes by `accelsim.register_dram`, or by an entry point of the group `accelsim.dram_models` in
an installed package (name = model, value = class).
"""

from __future__ import annotations

from typing import TypeVar, get_args

from accelsim.memory.base import DramConfig
from accelsim.registry import Registry

MODELS = {
    "ideal": "accelsim.memory.ideal:IdealDram",
    "bandwidth": "accelsim.memory.bandwidth:BandwidthDram",
    "bank": "accelsim.memory.bank.model:BankDram",
}
Dram = TypeVar("Dram", bound=type[DramConfig])


def model_of(dram: object) -> str | None:
    """The one name that a DramConfig's field `model` may have; None where it is no DramConfig or has no such field."""
    if not isinstance(dram, type) or not issubclass(dram, DramConfig):
        return None
    names = get_args(dram.model_fields["model"].annotation)
    return names[0] if len(names) == 1 and isinstance(names[0], str) else None


def _check(model: str, value: object) -> str | None:
    """A DramConfig whose field `model` is a Literal of the registered name."""
    if model_of(value) == model:
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
    DRAM_MODELS.add(model_of(dram) or str(dram), dram)
    return dram
