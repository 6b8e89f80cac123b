"""The `energy` part of a machine: figures that the user gives in place of the shipped table's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from ..config import Config, build
from ..errors import ConfigError
from .scaling import KINDS, Scaling
from .table import EnergyTable, PowerLaw, default_table, kind_of

USER = "user"
Price = Annotated[float, Field(ge=0, le=1e12)]
Exponent = Annotated[float, Field(ge=-10, le=10)]
Width = Annotated[int, Field(ge=1, le=2**16)]
Node = Annotated[float, Field(ge=1, le=1000)]


class SramLaw(Config):
    """factor · bytes^size_exponent · width_bits^width_exponent; what is not given stays."""

    factor: Annotated[float, Field(gt=0, le=1e12)] | None = None
    size_exponent: Exponent | None = None
    width_exponent: Exponent | None = None


@lru_cache(maxsize=1)
def settings_class() -> type[Config]:
    """The part's class: a field for every figure, and what is said of the figures.

    `sram` has laws and the widest SRAM, `scaling` factors in place of the node's, `node_nm` the node that the user's
    own figures are of (None: the machine's), `extrapolate` lets nodes be outside the factors' range, and `leakage` says
    which class of transistors the shipped leakage is of.
    """
    table = default_table()
    laws = _optional("SramLaws", dict.fromkeys(table.sram, SramLaw) | {"width_bits": Width})
    factors = _optional("ScalingFactors", dict.fromkeys(KINDS, Annotated[float, Field(gt=0, le=1e12)]))
    parts: dict[str, Any] = {"sram": laws, "scaling": factors, "node_nm": Node, "leakage": Literal["lstp", "hp"]}
    return _optional("EnergySettings", dict.fromkeys(table.figures, Price) | parts | {"extrapolate": bool})


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
def table_of(settings: Config | None, technology_nm: float = 45.0) -> EnergyTable:
    """All figures at a machine's node: the shipped ones scaled to it, the user's as they are written.

    The user's, whose source is `user`, are scaled as well where `node_nm` says that they are of another node. Raises
    ConfigError for a node outside the range of the factors, unless `extrapolate`.
    """
    given: dict[str, Any] = {} if settings is None else settings.model_dump(exclude_none=True)
    laws, scaling = given.pop("sram", {}), _scaling(default_table().scaling, given)
    node_nm, leakage = given.pop("node_nm", technology_nm), given.pop("leakage", "lstp")
    table = replace(default_table(), scaling=scaling, technology_nm=technology_nm, leakage=leakage)
    shipped = {kind: _factor(scaling, kind, technology_nm) for kind in (*KINDS, "leakage_density")}
    if leakage == "hp":
        ratio = given.get("leakage_hp_ratio", table.figures["leakage_hp_ratio"])
        shipped |= {kind: shipped[kind] * ratio for kind in ("leakage", "leakage_density")}
    own = {kind: _between(scaling, kind, node_nm, technology_nm) for kind in shipped}
    scales = {name: (own if name in given else shipped).get(kind_of(name), 1.0) for name in table.figures}
    width_bits = laws.pop("width_bits", table.sram_width_bits)
    scales |= {
        name: (own if "factor" in laws.get(name, {}) else shipped).get(kind_of(name), 1.0) for name in table.sram
    }
    return replace(
        table,
        figures={name: given.get(name, value) * scales[name] for name, value in table.figures.items()},
        sources={**table.sources, **dict.fromkeys([*given, *laws], USER)},
        sram={name: _law(law, laws.get(name), scales[name]) for name, law in table.sram.items()},
        sram_width_bits=width_bits,
        scales=scales,
        node_of_user_nm=node_nm,
    )


def _scaling(shipped: Scaling, given: dict[str, Any]) -> Scaling:
    """The factors of nodes with what the user says of them, which is taken out of `given`."""
    return replace(shipped, fixed=given.pop("scaling", {}), extrapolate=given.pop("extrapolate", False))


def _factor(scaling: Scaling, kind: str, technology_nm: float) -> float:
    """Of the shipped table's figures; leakage an area goes as that of a circuit over its area."""
    if kind == "leakage_density":
        return scaling.factor("leakage", technology_nm) / scaling.factor("area", technology_nm)
    return scaling.factor(kind, technology_nm)


def _between(scaling: Scaling, kind: str, node_nm: float, technology_nm: float) -> float:
    """Of the user's figures: 1 where they are of the machine's node."""
    if node_nm == technology_nm:
        return 1.0
    if kind == "leakage_density":
        return scaling.between("leakage", node_nm, technology_nm) / scaling.between("area", node_nm, technology_nm)
    return scaling.between(kind, node_nm, technology_nm)


def _law(law: PowerLaw, given: Mapping[str, float] | None, scale: float) -> PowerLaw:
    law = replace(law, **given, source=USER) if given else law
    return replace(law, factor=law.factor * scale)


def figures_line(technology_nm: float, energy: Config | Mapping[str, Any] | None) -> str:
    """Which node energy and area figures are of, and what they were scaled by: one line for every report.

    >>> print(figures_line(16, {"mult_8_pj": 0.05}).replace("; 1", ";\\n1"))
    shipped figures at 45 nm, scaled to 16 nm by 0.161 energy, 0.19 area, 5.28 leakage (lstp; assumption);
    1 figure of the user as written
    """
    settings = energy_settings(energy)
    table = table_of(settings, technology_nm)
    scaling = table.scaling
    assumed = "; assumption" if scaling.is_assumed("leakage", technology_nm) else ""
    factors = ", ".join(f"{scaling.factor(kind, technology_nm):.3g} {kind}" for kind in KINDS)
    line = f"shipped figures at {scaling.reference_nm:g} nm, scaled to {technology_nm:g} nm by {factors}"
    return f"{line} ({table.leakage}{assumed}){_of_user(table)}"


def _of_user(table: EnergyTable) -> str:
    own = [name for name, source in table.sources.items() if source == USER]
    own += [name for name, law in table.sram.items() if law.source == USER and name not in own]
    if not own:
        return ""
    count = f"; {len(own)} figure{'s' * (len(own) > 1)} of the user"
    if table.node_of_user_nm == table.technology_nm:
        return f"{count} as written"
    factor = table.scaling.between("energy", table.node_of_user_nm, table.technology_nm)
    return f"{count} at {table.node_of_user_nm:g} nm, scaled by {factor:.3g} energy"
