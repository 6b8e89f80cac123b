"""The report.json of `accelsim run` and of each machine of `accelsim compare`, as a run with its layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import FileFormatError
from accelsim.trace.coverage import read_not_simulated
from accelsim.validation import is_number

from .checking import COUNTS, ENERGIES, LAYER_COUNTS, LAYER_NAMES

if TYPE_CHECKING:
    import pandas as pd

TOTALS = tuple(name for name in COUNTS if not name.startswith("storage_"))
CARRIED = ("not_simulated", "not_simulated_share", "energy_accounting", "configuration", "batch")


def run_of(content: Mapping[str, Any], where: str, ratios: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The totals of a report's JSON as a run; FileFormatError names the first field that is wrong.

    `ratios` stand beside them: α, β and PPR, where they are known.
    """
    for key in ("workload", "hardware"):
        if not isinstance(content.get(key), str):
            raise _wrong(where, f"has {key} {str(content.get(key))[:60]!r}", "a name")
    for key in (*TOTALS, *(name for name in ENERGIES if name in content)):
        if not is_number(content.get(key)) or content[key] < 0:
            raise _wrong(where, f"has {key} {repr(content.get(key))[:60]}", "a number of at least 0")
    read_not_simulated(content, where)
    totals = {key: content[key] for key in (*TOTALS, *ENERGIES, *CARRIED) if key in content}
    return {"network": content["workload"], "hardware": content["hardware"], **totals, **(ratios or {})}


def layers_of(content: Mapping[str, Any], where: str, run: Mapping[str, Any]) -> pd.DataFrame:
    """The layers of a report's JSON behind `network` and `hardware`; FileFormatError where one lacks something."""
    import pandas as pd

    rows = content.get("layers")
    if not isinstance(rows, list) or not rows:
        raise _wrong(where, "has no layers", "a list of them")
    for number, row in enumerate(rows):
        _check_layer(row, f"layers[{number}]", where)
    return pd.DataFrame([{"network": run["network"], "hardware": run["hardware"], **row} for row in rows])


def _check_layer(row: object, place: str, where: str) -> None:
    if not isinstance(row, Mapping):
        raise _wrong(where, f"has {place} {repr(row)[:60]}", "a mapping")
    for key in _others(LAYER_NAMES, ("network", "hardware")):
        if not isinstance(row.get(key), str):
            raise _wrong(where, f"has {place}.{key} {repr(row.get(key))[:60]}", "a name")
    for key in LAYER_COUNTS:
        if not is_number(row.get(key)) or row[key] < 0:
            raise _wrong(where, f"has {place}.{key} {repr(row.get(key))[:60]}", "a number of at least 0")


def _others(names: Sequence[str], left_out: Sequence[str]) -> list[str]:
    return [name for name in names if name not in left_out]


def _wrong(where: str, fault: str, expected: str) -> FileFormatError:
    return FileFormatError(f"{where} {fault}; {expected} is expected, as `accelsim run --out` writes it")


def path_text(path: Path) -> str:
    """What a message calls the file."""
    return f"report {str(path)!r}"
