"""The `energy` part of a machine: figures that the user gives in place of the shipped table's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any

from pydantic import Field, create_model

from ..config import Config, build
from ..errors import ConfigError
from .scaling import KINDS
from .table import EnergyTable, PowerLaw, default_table

USER = "user"
Price = Annotated[float, Field(ge=0, le=1e12)]
Exponent = Annotated[float, Field(ge=-10, le=10)]
Width = Annotated[int, Field(ge=1, le=2**16)]


class SramLaw(Config):
    """factor · bytes^size_exponent · width_bits^width_exponent; what is not given stays."""

    factor: Annotated[float, Field(gt=0, le=1e12)] | None = None
    size_exponent: Exponent | None = None
    width_exponent: Exponent | None = None


@lru_cache(maxsize=1)
def settings_class() -> type[Config]:
    """The part's class: a field for every figure, `sram` for laws and word width, `scaling` for factors of the node."""
    table = default_table()
    laws = _optional("SramLaws", dict.fromkeys(table.sram, SramLaw) | {"width_bits": Width})
    factors = _optional("ScalingFactors", dict.fromkeys(KINDS, Annotated[float, Field(gt=0, le=1e12)]))
    parts: dict[str, Any] = {"sram": laws, "scaling": factors}
    return _optional("EnergySettings", dict.fromkeys(table.figures, Price) | parts)


def _optional(name: str, types: Mapping[str, Any]) -> type[Config]:
    fields: dict[str, Any] = {field: (kind | None, None) for field, kind in types.items()}
    return create_model(name, __base__=Config, **fields)


def energy_settings(value: object) -> Config | None:
    """The part from a mapping of figures; ConfigError names the wrong one and the nearest right name."""
    if value is None or isinstance(value, Config):
        return value
    if not isinstance(value, Mapping):
        raise ConfigError(f"energy is {value!r:.60}; a mapping such as mult_8_pj: 0.25 is expected")
    settings: Config = build(settings_class(), dict(value), prefix="energy.")
    return settings


@lru_cache(maxsize=64)
def table_of(settings: Config | None) -> EnergyTable:
    """The shipped table with a machine's own figures, whose source is `user`."""
    table = default_table()
    if settings is None:
        return table
    figures: dict[str, Any] = settings.model_dump(exclude_none=True)
    laws, factors = figures.pop("sram", {}), figures.pop("scaling", {})
    width_bits = laws.pop("width_bits", table.sram_width_bits)
    return replace(
        table,
        figures={**table.figures, **figures},
        sources={**table.sources, **dict.fromkeys([*figures, *laws], USER)},
        sram={name: _law(law, laws.get(name)) for name, law in table.sram.items()},
        sram_width_bits=width_bits,
        scaling=replace(table.scaling, fixed=factors),
    )


def _law(law: PowerLaw, given: Mapping[str, float] | None) -> PowerLaw:
    return replace(law, **given, source=USER) if given else law
