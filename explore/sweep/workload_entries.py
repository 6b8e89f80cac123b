"""A workload of a sweep from what names it: a name, a file, a Workload, or a mapping with options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accelsim.errors import AccelSimError, ConfigError, unknown_name
from accelsim.trace.float_format import float_format
from accelsim.trace.workload import Workload
from accelsim.validation import is_number

from .axes import Grid
from .given import options, placed, require_keys
from .workload_entry import OF_NAMED, OPTIONS, WorkloadEntry

NAME, LABEL = "name", "label"
WITHOUT_RECIPE = {"weights", "density", "profile"}
TEXTS = ("recipe", "profile", "weights", "partial", "open_sizes", "float")
WHOLE = ("batch", "seed", "weight_bits", "activation_bits")


def workload_entry(entry: Any, where: str, folder: Path | None) -> WorkloadEntry:
    """The entry, opened once to see that it can be. Raises what `workloads.load` raises, behind `where`."""
    given = dict(entry) if isinstance(entry, Mapping) else {NAME: entry}
    require_keys(given, (NAME, LABEL, *OPTIONS), where)
    source = given.pop(NAME, None)
    if not isinstance(source, str | Path | Workload) or not str(source):
        raise ConfigError(f"{where}: {NAME} is {source!r:.60}; a network of the zoo or a file is expected")
    label = given.pop(LABEL, None)
    values = {field: _values(field, value, f"{where}.{field}") for field, value in given.items()}
    fixed = {field: one[0] for field, one in values.items() if not isinstance(given[field], list | tuple)}
    swept = Grid({field: several for field, several in values.items() if field not in fixed})
    place = source if isinstance(source, Workload) else _placed(source, folder)
    made = WorkloadEntry(_label(source, label, fixed), place, fixed, swept, folder)
    _require_opens(made, where)
    return made


def _placed(source: str | Path, folder: Path | None) -> str:
    from workloads import list_models, shipped_names

    text = str(source)
    known = text.partition("@")[0] in list_models() or text in shipped_names()
    return text if known else placed(text, folder)


def _label(source: str | Path | Workload, label: Any, fixed: Mapping[str, Any]) -> str:
    """What stands in the column `workload`: the label, or the name with the options that all its points have."""
    if label is not None:
        return str(label)
    name = source.name if isinstance(source, Workload) else str(source)
    return " ".join([name, *(f"{field}={value}" for field, value in fixed.items())])


def _values(field: str, value: Any, where: str) -> list[Any]:
    """The values of an option, each checked."""
    found = options(value, where) if field != "dimensions" else [value]
    for one in found:
        _require_option(field, one, where)
    return found


def _require_option(field: str, value: Any, where: str) -> None:
    """ConfigError for a value that the option cannot have, whatever the workload."""
    from workloads.settings import Settings

    try:
        if field == "density" and not is_number(value):
            raise ConfigError(f"density is {value!r:.60}; 0 to 1 is expected")
        if field in {*WHOLE, "density"}:
            Settings(**{field: value})
        if field in TEXTS and not isinstance(value, str | Path):
            raise ConfigError(f"{field} is {value!r:.60}; a text is expected")
        if field == "float":
            float_format(value)
    except AccelSimError as error:
        raise type(error)(f"{where}: {error}") from error


def _require_opens(entry: WorkloadEntry, where: str) -> None:
    """Open the workload, a network of the zoo as shapes alone."""
    from workloads import list_models, load

    if isinstance(entry.source, Workload):
        if wrong := sorted({*entry.options, *entry.swept.fields} & {*OF_NAMED}):
            raise ConfigError(f"{where}: {wrong[0]} is for workloads by name or file; this one is a Workload")
        return
    try:
        if "recipe" in {*entry.options, *entry.swept.fields}:
            _require_trainable(entry)
        elif entry.source in list_models():
            load(entry.source)
        else:
            entry.opened(entry.swept[0])
    except AccelSimError as error:
        raise type(error)(f"{where}: {error}") from error


def _require_trainable(entry: WorkloadEntry) -> None:
    """Raise where the entry is no network of the zoo, a recipe is not there or for another, or an option means none."""
    from compress.recipes.recipe import load_recipe
    from workloads import list_models

    if entry.source not in list_models():
        raise unknown_name("model", str(entry.source)[:200], list_models())
    if wrong := sorted({*entry.options, *entry.swept.fields} & WITHOUT_RECIPE):
        raise ConfigError(f"{wrong[0]} beside a recipe; the network has the weights that its recipe makes")
    for number in range(len(entry.swept)):
        training = entry.training(entry.swept[number])
        if training is not None:
            load_recipe(training.recipe).require_model(training.model)
