"""A machine as YAML with every field, its default, what it may be and what it means: where a new one begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..config import Config
from .accelerator import Accelerator
from .field_notes import note
from .schema import ROOT, Schema, hardware_schema

COLUMN = 34  # where comments begin
BIG = 10**6  # a bound from here on is only there to refuse nonsense
TYPES = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}


def commented_yaml(machine: Accelerator, head: Iterable[str] = ()) -> str:
    """The machine's YAML below the lines of `head`, a comment behind every field; `load_hardware` takes it.

    Parts that it lacks stand there as comments.

    >>> from accelsim.hardware.loading import load_hardware
    >>> text = commented_yaml(load_hardware("dense/os-32x32"))
    >>> next(line for line in text.splitlines() if "rows" in line)
    '  rows: 32                        # whole number from 1: PEs from top to bottom'
    """
    schema = hardware_schema()
    lines = [f"# {line}".rstrip() for line in head]
    for name in Accelerator.model_fields:
        value, field = getattr(machine, name), schema["properties"][name]
        if isinstance(value, Config):
            lines += ["", f"{name}:".ljust(COLUMN) + f"# {note('', name)}"]
            lines += _part(name, value, _definition(field, value, schema), schema)
        elif value is None:
            lines += ["", f"# {name}:".ljust(COLUMN) + f"# none; {note('', name)}"]
        else:
            lines.append(_line("", name, value, field))
    return "\n".join(lines) + "\n"


def _part(place: str, part: Config, fields: Mapping[str, Schema], schema: Schema) -> Iterator[str]:
    """The fields of a part; those of the shipped energy table only where they are set."""
    for name in type(part).model_fields:
        value = getattr(part, name)
        if value is None and place in {"energy", "validated"}:
            continue
        plain = value.model_dump(mode="json", exclude_none=True) if isinstance(value, Config) else value
        yield f"  {_line(place, name, plain, fields.get(name, {}), COLUMN - 2)}"


def _definition(field: Schema, part: Config, schema: Schema) -> Mapping[str, Schema]:
    """The fields of the schema's part that a value is of: the one whose kind or model is its own, else the only one."""
    options = [place.removeprefix(ROOT) for place in _references(field)]
    names = {getattr(part, key) for key in ("kind", "model") if hasattr(part, key)}
    for option in options:
        fields: Mapping[str, Schema] = schema["$defs"][option].get("properties", {})
        named = {fields[key].get("const") for key in ("kind", "model") if key in fields}
        if named == names:
            return fields
    return {}


def _references(field: Schema) -> Iterator[str]:
    if "$ref" in field:
        yield field["$ref"]
    for key in ("oneOf", "anyOf", "allOf"):
        for option in field.get(key, []):
            yield from _references(option)


def _line(place: str, name: str, value: Any, field: Schema, column: int = COLUMN) -> str:
    said = ": ".join(filter(None, (_allowed(field), note(place, name))))
    text = f"{name}: {_scalar(value)}"
    return f"{f'{text}  '.ljust(column)}# {said}" if said else text


def _scalar(value: Any) -> str:
    import yaml

    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("...\n").strip()


def _allowed(field: Schema) -> str:
    """What a field may hold, in words."""
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(filter(None, map(_allowed, field["anyOf"]))))
    if "enum" in field:
        return ", ".join(map(str, field["enum"]))
    kind = field.get("type", "")
    if kind not in TYPES or "const" in field:
        return "null" if kind == "null" else ""
    least = f" from {field['minimum']:g}" if "minimum" in field else ""
    least = f" above {field['exclusiveMinimum']:g}" if "exclusiveMinimum" in field else least
    most = f" to {field['maximum']:g}" if field.get("maximum", BIG) < BIG else ""
    return f"{TYPES[kind]}{least}{most}"
