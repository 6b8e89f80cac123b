"""DRAM models by name: those that ship, those registered here, and those of installed packages.

A package offers a model in its pyproject.toml as `[project.entry-points."accelsim.dram_models"]`, a line
`NAME = "package.module:Class"`; it is loaded when the name is asked for, or when the models are listed.
"""

from __future__ import annotations

from typing import TypeVar

from ..config import name_in
from ..errors import ConfigError
from ..registry import Registry
from .base import DramConfig

Model = TypeVar("Model", bound=DramConfig)


def _check(model: str, value: object) -> str | None:
    """A DramConfig whose field `model` allows the registered name alone."""
    if name_in(value, DramConfig, "model") == model:
        return None
    return f"a subclass of DramConfig with `model: Literal[{model!r}]` is expected"


DRAM_MODELS: Registry[type[DramConfig]] = Registry(
    "DRAM model",
    "accelsim.dram_models",
    {
        "ideal": "accelsim.memory.ideal:IdealDram",
        "bandwidth": "accelsim.memory.bandwidth:BandwidthDram",
        "bank": "accelsim.memory.bank.model:BankDram",
    },
    check=_check,
)


def register_dram(cls: type[Model]) -> type[Model]:
    """Make a DRAM model known by the name in its field `model`; used as a decorator of its configuration class.

    ConfigError where the class is no DramConfig, its field is no Literal of one name, or another class has the name.

        @accelsim.register_dram
        class Perfect(IdealDram):
            model: Literal["perfect"]
    """
    if not (isinstance(cls, type) and issubclass(cls, DramConfig)):
        raise ConfigError(f"register_dram got {cls!r:.80}; a subclass of DramConfig is expected")
    name = name_in(cls, DramConfig, "model")
    if name is None:
        raise ConfigError(f"the field model of {cls.__name__} is no Literal of one name, as in Literal['bank']")
    DRAM_MODELS.add(name, cls)
    return cls
