"""The base of every configuration part: frozen, validated when made, unknown keys refused with the nearest name."""

from __future__ import annotations

from collections.abc import Iterator
from re import findall
from typing import Any, Literal, NoReturn, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import AccelSimError, ConfigError, nearest, suggestion


class Config(BaseModel):
    """A frozen piece of hardware. Numbers are finite and are never made from text or booleans."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def name_in(part: object, base: type[Config], field: str) -> str | None:
    """The one name that `field` of a part's class allows, `kind: Literal["systolic"]` for one.

    None where `part` is no class below `base`, or its field allows more than one text.
    """
    if not isinstance(part, type) or not issubclass(part, base):
        return None
    annotation = part.model_fields[field].annotation
    names = get_args(annotation) if get_origin(annotation) is Literal else ()
    return names[0] if len(names) == 1 and isinstance(names[0], str) else None


def build(model: type[Config], values: object, where: str = "", prefix: str = "") -> Any:
    """`model` made from a mapping; ConfigError names field, value, bound and the nearest right name.

    `where` begins the message; `prefix` is the dotted place of the part in the whole, as in "array.".
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        _refuse(error, model, where, prefix)


def _refuse(error: ValidationError, model: type[Config], where: str, prefix: str) -> NoReturn:
    """ConfigError with the first fault, an unknown key before any other, and all of them in `faults`."""
    found = sorted(error.errors(include_url=False), key=lambda fault: fault["type"] != "extra_forbidden")
    faults = tuple(dict.fromkeys(line for fault in found for line in _sentences(fault, prefix, model)))
    refused = ConfigError(f"{where}: {faults[0]}" if where else faults[0])
    refused.faults = faults
    raise refused from error


def _sentences(fault: Any, prefix: str, model: type[Config]) -> tuple[str, ...]:
    """What a fault says; a nested part has said it all."""
    cause = fault.get("ctx", {}).get("error")
    if isinstance(cause, AccelSimError):
        return getattr(cause, "faults", ()) or (str(cause),)
    return (_sentence(fault, prefix + ".".join(str(step) for step in fault["loc"]), model),)


def _sentence(fault: Any, path: str, model: type[Config]) -> str:
    if fault["type"] == "extra_forbidden":
        *_, last = path.split(".")
        return f"unknown key {path!r}; {suggestion(last, _fields_at(model, fault['loc'][:-1]))}"
    if fault["type"] == "missing":
        return f"{path} is missing; it is required"
    close = _nearest_choice(fault)
    meant = f"; did you mean {close!r}?" if close else ""
    return f"{path} is {_short(fault['input'])}; {fault['msg'][0].lower()}{fault['msg'][1:]}{meant}"


def _nearest_choice(fault: Any) -> str | None:
    """Of a field that allows a few names the one closest to what was given, None where nothing is close."""
    if fault["type"] != "literal_error" or not isinstance(fault["input"], str):
        return None
    return nearest(fault["input"][:60], findall("'([^']+)'", fault["ctx"]["expected"]))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _fields_at(model: type[Config], location: tuple[Any, ...]) -> Iterator[str]:
    """Names of the fields of the part that a pydantic location leads to."""
    part: Any = model
    for step in location:
        field = getattr(part, "model_fields", {}).get(step)
        part = field.annotation if field else part
        options = [a for a in getattr(part, "__args__", ()) if isinstance(a, type) and issubclass(a, Config)]
        part = options[0] if options else part
    yield from getattr(part, "model_fields", {})
