"""The JSON schema of a machine's YAML: every part, every kind of array and every DRAM model that is known here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from ..arrays.registry import ARRAYS
from ..config import Config
from ..memory.bank.device import Device, preset_names
from ..memory.registry import DRAM_MODELS
from ..registry import Registry
from ..technology.settings import settings_class
from .accelerator import Accelerator
from .field_notes import note

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ROOT = "#/$defs/"
REPLACED = ("PEArray", "DramConfig", "Config")  # the families' bases, in whose place their members stand

Schema = dict[str, Any]


def hardware_schema() -> Schema:
    """What a machine's YAML or dict may hold, as JSON schema 2020-12, for editors and other tools.

    Arrays and DRAM models of installed packages, and those that this process has registered, are in it. What a schema
    cannot say (that tiles fit, that a node has factors) is left to `load_hardware`.

    >>> schema = hardware_schema()
    >>> schema["required"], len(schema["properties"]["array"]["oneOf"]) >= 12
    (['name', 'array'], True)
    """
    arrays, drams = _members(ARRAYS), _members(DRAM_MODELS)
    classes: list[type[Config]] = [Accelerator, Device, settings_class(), *arrays.values(), *drams.values()]
    refs, whole = models_json_schema([(one, "validation") for one in classes], ref_template=f"{ROOT}{{model}}")
    at = {model: str(ref["$ref"]).removeprefix(ROOT) for (model, _), ref in refs.items()}
    parts: dict[str, Schema] = whole["$defs"]
    machine = parts.pop(at[Accelerator])
    for model, key in [(one, "kind") for one in arrays.values()] + [(one, "model") for one in drams.values()]:
        _require(parts[at[model]], key)
    for part in drams.values():
        _name_devices(parts[at[part]]["properties"])
    array, dram = ({"oneOf": [{"$ref": ROOT + at[one]} for one in members.values()]} for members in (arrays, drams))
    machine["properties"] |= {
        "array": array, "dram": dram, "fallback": _or_null(array),
        "energy": _or_null({"$ref": ROOT + at[settings_class()]}),
    }  # fmt: skip
    places = {at[one]: "array" for one in arrays.values()} | {at[one]: "dram" for one in drams.values()}
    places |= {"Buffers": "buffers", "MappingConfig": "mapping", "TensorConfig": "tensors", "VectorConfig": "vector"}
    kept = {name: _tidy(part, places.get(name)) for name, part in parts.items() if name not in REPLACED}
    return {"$schema": DIALECT, "title": "accelsim machine"} | _tidy(machine, "") | {"$defs": kept}


def _members(known: Registry[Any]) -> dict[str, type[Config]]:
    return {name: known.get(name) for name in known.names()}


def _require(part: Schema, key: str) -> None:
    """A part is read by this field, whatever default its class has."""
    part["required"] = [key, *(name for name in part.get("required", []) if name != key)]


def _name_devices(fields: Mapping[str, Schema]) -> None:
    """A device that is named is one of those that ship."""
    for field in ("device", "energy_of"):
        for option in fields.get(field, {}).get("anyOf", []):
            if option.get("type") == "string":
                option["enum"] = preset_names()


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _tidy(part: Schema, place: str | None) -> Schema:
    """A part without made-up titles and doctests, its fields with what is said of them."""
    part = {key: value for key, value in part.items() if key != "title"}
    if "description" in part:
        part["description"] = part["description"].split(">>>")[0].strip()
    fields = {}
    for name, field in part.get("properties", {}).items():
        said = {"description": note(place, name)} if place is not None and note(place, name) else {}
        fields[name] = {key: value for key, value in field.items() if key != "title"} | said
    return part | ({"properties": fields} if fields else {})
