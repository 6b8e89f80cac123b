"""Accelerator: the whole machine as frozen, validated parts, loaded from YAML, a name under hwconfigs/ or a dict."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny

from accelsim.arrays.base import PEArray, Size
from accelsim.arrays.registry import ARRAYS
from accelsim.config import Config, build
from accelsim.errors import ConfigError, suggestion, unknown_name
from accelsim.files import read_yaml
from accelsim.memory.base import DramConfig
from accelsim.memory.ideal import IdealDram
from accelsim.memory.registry import DRAM_MODELS
from accelsim.registry import Registry
from accelsim.technology.settings import energy_settings
from accelsim.trace.operand_names import BufferName


class Buffers(Config):
    """On-chip SRAM by operand in KiB; a tile must fit half of a double buffer.

    `keep_on_chip`: where a layer's outputs and the next layer's ifmap both fit a tile's room, neither crosses to DRAM.
    """

    ifmap_kib: Annotated[float, Field(gt=0, le=2**40)]
    filter_kib: Annotated[float, Field(gt=0, le=2**40)]
    ofmap_kib: Annotated[float, Field(gt=0, le=2**40)]
    double: bool = True
    keep_on_chip: bool = False

    def tile_bytes(self, operand: BufferName) -> int:
        """Bytes that one tile of the operand may take."""
        return int(self.kib(operand) * 1024) // (2 if self.double else 1)

    def kib(self, operand: BufferName) -> float:
        """Size of one buffer in KiB."""
        return {"ifmap": self.ifmap_kib, "filter": self.filter_kib, "ofmap": self.ofmap_kib}[operand]


class TileChoice(Config):
    """Tile sizes along M, N and K and a loop order, outermost first; what is None is chosen for least traffic."""

    m: Size | None = None
    n: Size | None = None
    k: Size | None = None
    order: Literal["NMK", "NKM", "MNK", "MKN", "KNM", "KMN"] | None = None


class Vector(Config):
    """The unit for what is no GEMM."""

    lanes: Size = 16


def _array(value: object) -> object:
    return _by_key(value, "kind", ARRAYS, "array")


def _fallback(value: object) -> object:
    return None if value is None else _by_key(value, "kind", ARRAYS, "fallback")


def _dram(value: object) -> object:
    return _by_key(value, "model", DRAM_MODELS, "dram")


def _by_key(value: object, key: str, known: Registry[Any], part: str) -> object:
    """The part of the class that `value[key]` names; a part that is made already is taken as it is."""
    if isinstance(value, Config):
        return value
    if not isinstance(value, Mapping):
        raise ConfigError(f"{part} is {value!r:.60}; a mapping with {key!r} is expected")
    if key not in value:
        wrong = next((k for k in value if suggestion(str(k), [key]).startswith("did")), None)
        fault, names = "unknown" if wrong else "missing", ", ".join(known.names())
        raise ConfigError(f"{part}.{wrong or key} is {fault}; {key!r} is expected: {names}")
    name = value[key]
    if not isinstance(name, str) or name not in known:
        raise ConfigError(f"{part}.{key} is {name!r:.60}; {suggestion(str(name), known.names())}")
    return build(known.get(name), dict(value), prefix=f"{part}.")


class Accelerator(Config):
    """A machine. `buffers` None is unlimited; `fallback` runs the layers that `array` refuses.

    `energy` holds figures in place of the shipped table's, as in `energy: {mult_8_pj: 0.25}`.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    description: str = ""
    source: str = ""
    technology_nm: Annotated[float, Field(ge=1, le=1000)] = 45.0
    clock_mhz: Annotated[float, Field(gt=0, le=1e9)] = 1000.0
    array: Annotated[SerializeAsAny[PEArray], BeforeValidator(_array)]
    buffers: Buffers | None = None
    dram: Annotated[SerializeAsAny[DramConfig], BeforeValidator(_dram)] = IdealDram()
    mapping: TileChoice = TileChoice()
    vector: Vector = Vector()
    energy: Annotated[SerializeAsAny[Config] | None, BeforeValidator(energy_settings)] = None
    fallback: Annotated[SerializeAsAny[PEArray] | None, BeforeValidator(_fallback)] = None

    def to_dict(self) -> dict[str, Any]:
        """The configuration as YAML would hold it; `load_hardware` takes it back."""
        return self.model_dump(mode="json", exclude_none=True)


def config_names() -> list[str]:
    """Names of the shipped configurations, `family/machine`."""
    root = files("hwconfigs")
    found = [f"{folder.name}/{file.name[:-5]}" for folder in root.iterdir() if folder.is_dir()
             for file in folder.iterdir() if file.name.endswith(".yaml")]  # fmt: skip
    return sorted(found)


def load_hardware(source: str | Path | Mapping[str, Any] | Accelerator, **overrides: Any) -> Accelerator:
    """The machine from a name under hwconfigs/, a YAML file or a dict; overrides are dotted, `**{"array.rows": 8}`.

    An Accelerator without overrides is returned as it is; with overrides, its array, fallback and DRAM stay of the
    classes that they are, registered or not. Raises ConfigError (field, value, bound, nearest right name),
    FileFormatError, MissingFileError or UnknownNameError.

    >>> load_hardware("dense/os-32x32", **{"array.rows": 8}).array.peak_macs
    256
    """
    if isinstance(source, Accelerator) and not overrides:
        return source
    if isinstance(source, Accelerator):
        values, where = source.to_dict(), f"hardware {source.name!r}"
    elif isinstance(source, Mapping):
        values, where = copy.deepcopy(dict(source)), "hardware"
    else:
        values, where = _read(source)
    for place, value in overrides.items():
        _override(values, place, value)
    if isinstance(source, Accelerator):
        _build_parts_of(source, values, where)
    machine: Accelerator = build(Accelerator, values, where)
    return machine


def _build_parts_of(source: Accelerator, values: dict[str, Any], where: str) -> None:
    """Build the parts of `values` whose kind is still that of `source` with its classes, which nobody need register."""
    for part, key in (("array", "kind"), ("fallback", "kind"), ("dram", "model")):
        made, value = getattr(source, part), values.get(part)
        if isinstance(value, dict) and isinstance(made, Config) and value.get(key) == getattr(made, key):
            values[part] = build(type(made), value, where, prefix=f"{part}.")


def _read(source: str | Path) -> tuple[dict[str, Any], str]:
    text = str(source)
    if text in config_names():
        path = Path(str(files("hwconfigs") / f"{text}.yaml"))
        return read_yaml(path, "hardware"), f"hardware {text!r}"
    path = Path(text)
    if not os.path.exists(path) and path.suffix not in {".yaml", ".yml"} and isinstance(source, str):
        raise unknown_name("hardware", text, config_names())
    return read_yaml(path, "hardware"), f"hardware {text!r}"


def _override(values: dict[str, Any], place: str, value: Any) -> None:
    """Set one dotted field in a configuration; ConfigError where the place cannot be."""
    *parents, last = place.split(".")
    if not all([*parents, last]):
        raise ConfigError(f"override {place!r}; a dotted field such as array.rows is expected")
    part: Any = values
    for key in parents:
        if part is values and key not in Accelerator.model_fields:
            raise ConfigError(f"override {place!r}: unknown key {key!r}; {suggestion(key, Accelerator.model_fields)}")
        part = part.setdefault(key, {}) if isinstance(part, dict) else part
    if not isinstance(part, dict):
        raise ConfigError(f"override {place!r}: {'.'.join(parents)} is {part!r:.60}, which has no fields")
    part[last] = value
