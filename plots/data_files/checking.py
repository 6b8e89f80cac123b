"""Is a file what a study writes? One clear error where it is not."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import FileFormatError
from accelsim.files import JSON_LIMIT_BYTES, read_json, read_text
from accelsim.trace.coverage import read_not_simulated, without_head
from accelsim.validation import is_number

if TYPE_CHECKING:
    import pandas as pd

COUNTS = ("cycles", "compute_cycles", "stall_cycles", "energy_pj", "dram_bytes", "area_um2", "seconds",
          "storage_weight_bits", "storage_index_bits")  # fmt: skip
RATIOS = ("alpha", "alpha_pruned", "beta", "beta_unpruned", "ppr", "ppr_corrected", "ppr_compute", "ppr_energy",
          "ppr_energy_active", "ppr_conv")  # null where there is none  # fmt: skip
ENERGIES = ("energy_on_chip_pj", "energy_dram_access_pj", "energy_dram_standby_pj")  # not in studies of before them
STORAGE = ("value_bits", "index_bits", "padding_entries")
LAYER_NAMES = ("network", "hardware", "name", "kind", "array", "bound")
LAYER_COUNTS = ("M", "N", "K", "weight_bits", "activation_bits", "cycles", "compute_cycles", "stall_cycles",
                "utilization", "macs_effectual", "weights_dense", "weights_nonzero", "dram_ifmap_bytes",
                "dram_weight_bytes", "dram_index_bytes", "dram_ofmap_bytes", "dram_psum_bytes", "dram_bytes",
                "energy_pj")  # fmt: skip


def checked_report(path: Path) -> dict[str, Any]:
    """The content of a study's `report.json`; FileFormatError names the first field that is wrong."""
    content = read_json(path, "report")
    where = f"report {str(path)!r}"
    if not isinstance(content, dict):
        raise _wrong(where, f"holds a {type(content).__name__}", "a mapping with `runs`, `accuracy` and `verdict`")
    _check_runs(content.get("runs"), where)
    _check_accuracy(content.get("accuracy"), content["runs"], where)
    if not isinstance(content.get("verdict"), str):
        raise _wrong(where, f"has the verdict {_short(content.get('verdict'))}", "a sentence")
    _checked_rows(content.get("storage", []), "storage", ("network", "format"), STORAGE, where)
    if not isinstance(content.get("provenance", {}), dict):
        raise _wrong(where, f"has the provenance {_short(content['provenance'])}", "a mapping")
    return content


def _wrong(where: str, fault: str, expected: str) -> FileFormatError:
    return FileFormatError(f"{where} {fault}; {expected} is expected, as `accelsim demo` writes it")


def _short(value: object) -> str:
    return repr(value)[:60]


def _is_count(value: object) -> bool:
    return is_number(value) and value >= 0


def _checked_rows(
    rows: object, what: str, names: Sequence[str], counts: Sequence[str], where: str
) -> list[dict[str, Any]]:
    """`rows`, once it is a list of mappings with these texts and these numbers of at least 0."""
    if not isinstance(rows, list):
        raise _wrong(where, f"has {what} {_short(rows)}", f"a list of {what}")
    for number, row in enumerate(rows):
        place = f"{what}[{number}]"
        if not isinstance(row, dict):
            raise _wrong(where, f"has {place} {_short(row)}", "a mapping")
        for key in names:
            if not isinstance(row.get(key), str):
                raise _wrong(where, f"has {place}.{key} {_short(row.get(key))}", "a name")
        for key in counts:
            if not _is_count(row.get(key)):
                raise _wrong(where, f"has {place}.{key} {_short(row.get(key))}", "a number of at least 0")
    return rows


def _check_runs(runs: object, where: str) -> None:
    rows = _checked_rows(runs, "runs", ("network", "hardware"), COUNTS, where)
    if not rows:
        raise _wrong(where, "has no runs", "a network on a machine at least")
    for number, run in enumerate(rows):
        for key in (*RATIOS, *ENERGIES):
            if run.get(key) is not None and not _is_count(run[key]):
                raise _wrong(where, f"has runs[{number}].{key} {_short(run[key])}", "a number or null")
        read_not_simulated(run, f"{where}: runs[{number}]")
        fallback = run.get("fallback_layers", [])
        if not isinstance(fallback, list) or not all(isinstance(name, str) for name in fallback):
            raise _wrong(where, f"has runs[{number}].fallback_layers {_short(fallback)}", "a list of names")


def _check_accuracy(accuracy: object, runs: Sequence[Mapping[str, Any]], where: str) -> None:
    fractions = isinstance(accuracy, dict) and all(_is_count(value) and value <= 1 for value in accuracy.values())
    if not isinstance(accuracy, dict) or not fractions:
        raise _wrong(where, f"has the accuracy {_short(accuracy)}", "a fraction for each network")
    for run in runs:
        if run["network"] not in accuracy:
            raise _wrong(where, f"has no accuracy for {run['network']!r}", "a fraction for each network")


def checked_layers(path: Path, runs: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The table of `layers.csv`; FileFormatError where columns, numbers or the layers of a run are missing."""
    table = _table(path)
    where = f"layer table {str(path)!r}"
    for column in LAYER_NAMES + LAYER_COUNTS:
        if column not in table:
            raise _wrong(where, f"has no column {column!r}", "a column for each figure of a layer")
    counts = [*LAYER_COUNTS, *(c for c in map(str, table) if c.startswith("energy_"))]
    for column in counts:
        if table[column].dtype.kind not in "iuf" or not bool((table[column] >= 0).all()):
            raise _wrong(where, f"has something else in column {column!r}", "a number of at least 0")
    there = set(zip(table["network"], table["hardware"], strict=True))
    for run in runs:
        if (run["network"], run["hardware"]) not in there:
            raise _wrong(
                where, f"has no layers of {run['network']!r} on {run['hardware']!r}", "each run of report.json"
            )
    return table


def _table(path: Path) -> pd.DataFrame:
    import pandas as pd

    text = read_text(path, "layer table", JSON_LIMIT_BYTES)
    names = dict.fromkeys(LAYER_NAMES, str)
    try:
        return pd.read_csv(io.StringIO(without_head(text)), dtype=names, keep_default_na=False, na_values=[""])
    except (ValueError, pd.errors.ParserError) as error:
        first_line = str(error).strip().split("\n")[0][:200]
        raise FileFormatError(f"layer table {str(path)!r} is not valid CSV: {first_line}") from error
