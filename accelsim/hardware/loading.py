"""Machines by name, from YAML files and dicts, with dotted overrides."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..arrays.registry import ARRAYS
from ..config import Config, build
from ..errors import ConfigError, suggestion, unknown_name
from ..files import read_yaml
from ..memory.registry import DRAM_MODELS
from ..registry import Registry
from .accelerator import Accelerator
from .scalesim_config import read_scalesim_config

MODELS: dict[str, tuple[str, Registry[Any]]] = {  # part -> the key that names its model, and the models by name
    "array": ("kind", ARRAYS),
    "fallback": ("kind", ARRAYS),
    "dram": ("model", DRAM_MODELS),
}


def config_names() -> list[str]:
    """Names of the shipped configurations, `family/machine`."""
    root = files("hwconfigs")
    names = [f"{folder.name}/{file.name[:-5]}" for folder in root.iterdir() if folder.is_dir()
             for file in folder.iterdir() if file.name.endswith(".yaml")]  # fmt: skip
    return sorted(names)


def load_hardware(source: str | Path | Mapping[str, Any] | Accelerator, **overrides: Any) -> Accelerator:
    """The machine from a name under hwconfigs/, a YAML file, a SCALE-Sim configuration (.cfg) or a dict.

    Overrides are dotted, `**{"array.rows": 8}`.

    An Accelerator without overrides is returned as it is; with overrides, its array, fallback and DRAM stay of the
    classes that they are, registered or not. Another `dram.model`, `array.kind` or `fallback.kind` comes first and
    drops the keys of the part that the new one does not have; keys that both have, `rows` and `cols` of an array or
    `energy_of` of a DRAM, stay. Raises ConfigError (field, value, bound, nearest right name), FileFormatError,
    MissingFileError or UnknownNameError.

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
    _switch_models(source, values, overrides)
    for place, value in overrides.items():
        _override(values, place, value)
    if isinstance(source, Accelerator):
        _build_parts_of(source, values, where)
    machine: Accelerator = build(Accelerator, values, where)
    return machine


def _switch_models(source: object, values: dict[str, Any], overrides: Mapping[str, Any]) -> None:
    """Where an override names another model of a part, leave in the part only what the new model has too.

    Of an Accelerator's part only what somebody set stays: a default of the old model is none of the new one.
    """
    for part, (key, known) in MODELS.items():
        name, value = overrides.get(f"{part}.{key}"), values.get(part)
        if not isinstance(name, str) or name not in known or not isinstance(value, dict) or value.get(key) == name:
            continue
        made = getattr(source, part, None)
        given = made.model_dump(mode="json", exclude_unset=True) if isinstance(made, Config) else value
        fields = known.get(name).model_fields
        values[part] = {key: name} | {field: given[field] for field in given if field in fields and field != key}


def _build_parts_of(source: Accelerator, values: dict[str, Any], where: str) -> None:
    """Build the parts of `values` whose kind is still that of `source` with its classes, which nobody need register."""
    for part, (key, _) in MODELS.items():
        made, value = getattr(source, part), values.get(part)
        if isinstance(value, dict) and isinstance(made, Config) and value.get(key) == getattr(made, key):
            values[part] = build(type(made), value, where, prefix=f"{part}.")


def read_hardware(source: str | Path) -> dict[str, Any]:
    """What `load_hardware` reads for a name or file, before anything in it is checked but that it is a mapping.

    >>> read_hardware("dense/os-32x32")["array"]["rows"]
    32
    """
    return _read(source)[0]


def _read(source: str | Path) -> tuple[dict[str, Any], str]:
    text = str(source)
    if text in config_names():
        path = Path(str(files("hwconfigs") / f"{text}.yaml"))
        return read_yaml(path, "hardware"), f"hardware {text!r}"
    path = Path(text)
    if not os.path.exists(path) and path.suffix not in {".yaml", ".yml", ".cfg"} and isinstance(source, str):
        raise unknown_name("hardware", text, config_names())
    if path.suffix.lower() == ".cfg":
        return read_scalesim_config(path), f"hardware {text!r}"
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
