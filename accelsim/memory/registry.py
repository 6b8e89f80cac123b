"""DRAM models by name: those that ship, those registered here, and those of installed packages.

A package offers a model in its pyproject.toml as `[project.entry-points."accelsim.dram_models"]`, a line
`NAME = "package.module:Class"`; it is loaded when the name is asked for, or when the models are listed.
"""

from __future__ import annotations

from typing import Literal, TypeVar, get_args, get_origin

from accelsim.errors import ConfigError
from accelsim.memory.base import DramConfig
from accelsim.registry import Registry

Model = TypeVar("Model", bound=DramConfig)

DRAM_MODELS: Registry[type[DramConfig]] = Registry(
    "DRAM model",
    "accelsim.dram_models",
    {
        "ideal": "accelsim.memory.ideal:IdealDram",
        "bandwidth": "accelsim.memory.bandwidth:BandwidthDram",
        "bank": "accelsim.memory.bank.model:BankDram",
    },
)


def register_dram(cls: type[Model]) -> type[Model]:
    """Make a DRAM model known by the name in its field `model`; used as a decorator of its configuration class.

    ConfigError where the class is no DramConfig, its field is no Literal of one name, or another class has the name.

    >>> from accelsim.memory.ideal import IdealDram
    >>> @register_dram
    ... class Perfect(IdealDram):
    ...     model: Literal["perfect"]
    >>> DRAM_MODELS.get("perfect").__name__
    'Perfect'
    """
    if not (isinstance(cls, type) and issubclass(cls, DramConfig)):
        raise ConfigError(f"register_dram got {cls!r:.80}; a subclass of DramConfig is expected")
    field = cls.model_fields["model"].annotation
    names = get_args(field) if get_origin(field) is Literal else ()
    if len(names) != 1 or not isinstance(names[0], str):
        raise ConfigError(f"the field model of {cls.__name__} is no Literal of one name, as in Literal['bank']")
    DRAM_MODELS.add(names[0], cls)
    return cls
