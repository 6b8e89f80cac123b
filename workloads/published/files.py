"""Compression profiles: what papers print about each layer of a network they compressed, as YAML files.

`workloads/data/profiles/NETWORK.PROFILE.yaml` names the paper and its table. `kinds` holds figures for all layers of a
kind (conv, linear ...), `layers` for layers by name, which win. `figures` says of every figure used whether it is
printed, derived from what is printed, or assumed, and where it comes from.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from accelsim.config import Config, build
from accelsim.errors import ConfigError, UnknownNameError, unknown_name
from accelsim.files import read_yaml

WHAT = "profile"
Share = Annotated[float, Field(ge=0, le=1)]
Bits = Annotated[int, Field(ge=1, le=32)]


class Figure(Config):
    """Where a column of figures comes from."""

    status: Literal["printed", "derived", "assumed"]
    source: str


class LayerFigures(Config):
    """What is known of a layer after compression; None where nothing is.

    `prune_rate` is weights before ÷ weights after, `weight_density` their share that is not zero. With structure
    `columns` whole columns of the weight matrix are gone and the rest is dense. `index_bits` is what the paper spends
    on an index; machines choose their own.
    """

    prune_rate: Annotated[float, Field(ge=1)] | None = None
    weight_density: Share | None = None
    structure: Literal["elements", "columns"] | None = None
    weight_bits: Bits | None = None
    weight_coding: Literal["uniform", "codebook"] | None = None
    index_bits: Bits | None = None
    activation_density: Share | None = None
    activation_bits: Bits | None = None

    @property
    def density(self) -> float:
        """Share of the weights that is left, 1 where nothing is said."""
        if self.weight_density is not None:
            return self.weight_density
        return 1.0 if self.prune_rate is None else 1 / self.prune_rate


class Profile(Config):
    """The figures of one compressed network, with their sources."""

    network: str
    profile: str
    paper: str
    table: str
    dataset: str
    note: str = ""
    figures: dict[str, Figure]
    kinds: dict[str, LayerFigures] = Field(default_factory=dict)
    layers: dict[str, LayerFigures] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _all_have_sources(self) -> Profile:
        used = {field for entry in (*self.kinds.values(), *self.layers.values()) for field in entry.model_fields_set}
        for field in sorted(used - {"structure"} - self.figures.keys()):
            raise ConfigError(f"figures.{field} is missing; every figure needs its status and source")
        return self

    def of(self, layer: str, kind: str) -> LayerFigures:
        """The figures of a layer: those of its kind, then its own."""
        result = [entry for entry in (self.kinds.get(kind), self.layers.get(layer)) if entry is not None]
        merged: dict[str, Any] = {}
        for entry in result:
            merged |= entry.model_dump(exclude_unset=True)
        return LayerFigures(**merged)

    def provenance(self) -> dict[str, Any]:
        """What a workload says of it: paper, table, data set and, for each figure, status and source."""
        facts = {key: value for key in ("paper", "table", "dataset", "note") if (value := getattr(self, key))}
        assumed = sorted(name for name, figure in self.figures.items() if figure.status == "assumed")
        sources = {name: figure.model_dump() for name, figure in self.figures.items()}
        return {"name": self.profile, **facts, "assumed": assumed, "figures": sources}


def profiles() -> dict[str, list[str]]:
    """The shipped profiles: the names of each network that has some."""
    result: dict[str, list[str]] = {}
    for network, name in _shipped():
        result.setdefault(network, []).append(name)
    return result


def load_profile(network: str, source: str | Path) -> Profile:
    """The profile of this name for a network, or in a YAML file. Loads no torch.

    Raises UnknownNameError with the nearest name, MissingFileError, FileFormatError, or ConfigError where the file
    holds an unknown key, a value out of range, a figure without a source, or is for another network.
    """
    name = str(source)
    if (network, name) in _shipped():
        path = Path(str(files("workloads") / "data" / "profiles" / f"{network}.{name}.yaml"))
    elif Path(name).suffix in {".yaml", ".yml"}:
        path = Path(name)
    else:
        raise _unknown(network, name)
    profile: Profile = build(Profile, read_yaml(path, WHAT), f"{WHAT} {name[:200]!r}")
    if profile.network != network:
        raise ConfigError(f"{WHAT} {name[:200]!r} is for {profile.network!r:.60}, not for {network!r:.60}")
    return profile


@lru_cache
def _shipped() -> tuple[tuple[str, str], ...]:
    """(network, profile) of every file, sorted."""
    names = [file.name for file in (files("workloads") / "data" / "profiles").iterdir()]
    return tuple(sorted((n.split(".")[0], n.split(".")[1]) for n in names if n.endswith(".yaml")))


def _unknown(network: str, name: str) -> UnknownNameError:
    known = profiles()
    if network in known:
        return unknown_name(f"profile of {network}", name, known[network])
    return UnknownNameError(f"network {network!r:.60} has no profiles; {', '.join(known)} have some")
