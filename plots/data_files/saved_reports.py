"""Reports as `accelsim run` and `accelsim compare` leave them, read back and checked, and as data of figures."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import FileFormatError
from accelsim.files import JSON_LIMIT_BYTES, read_json, read_text
from accelsim.trace.coverage import read_not_simulated, without_head
from accelsim.validation import is_number

from .checking import LAYER_COUNTS, RATIOS
from .data import StudyData
from .timeline import read_timeline

if TYPE_CHECKING:
    import pandas as pd

REPORT, TABLE, TIMELINE = "report.json", "compare.csv", "timeline.json"
TOTALS = ("cycles", "compute_cycles", "stall_cycles", "energy_pj", "energy_on_chip_pj", "energy_dram_access_pj",
          "energy_dram_standby_pj", "dram_bytes", "area_um2", "seconds")  # fmt: skip
CARRIED = ("not_simulated", "not_simulated_share", "energy_accounting", "configuration", "batch")
BY_DENSE = "dense_"  # what stands before a ratio against the dense baseline in compare.csv
Saved = Mapping[str, Any]


def read_report(path: Path) -> dict[str, Any]:
    """A report's content; FileFormatError names the first field that is not what `accelsim run` writes."""
    content, where = drawable_text(read_json(path, "report")), f"report {str(path)!r}"
    if not isinstance(content, dict):
        raise _wrong(where, f"holds a {type(content).__name__}", "a mapping with totals and `layers`")
    for name in ("workload", "hardware"):
        if not isinstance(content.get(name), str):
            raise _wrong(where, f"has the {name} {content.get(name)!r:.60}", "a text")
    for name in TOTALS:
        if not _is_count(content.get(name)):
            raise _wrong(where, f"has {name} {content.get(name)!r:.60}", "a number of at least 0")
    _check_layers(content.get("layers"), where)
    if not isinstance(content.get("configuration", {}), dict):
        raise _wrong(where, "has a configuration that is no mapping", "the machine's fields")
    read_not_simulated(content, where)
    return content


def drawable_text(value: Any) -> Any:
    """Plain values, in whose texts a code stands for each half of a character's pair: no font and no file takes those.

    >>> drawable_text({"name": ["half \\ud800 pair", 7]})
    {'name': ['half \\\\ud800 pair', 7]}
    """
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {drawable_text(name): drawable_text(entry) for name, entry in value.items()}
    return [drawable_text(entry) for entry in value] if isinstance(value, list) else value


def _check_layers(layers: object, where: str) -> None:
    if not isinstance(layers, list) or not all(isinstance(row, dict) for row in layers):
        raise _wrong(where, f"has layers {layers!r:.60}", "a list of mappings, one a layer")
    for number, row in enumerate(layers):
        for name in ("name", "kind", "bound", "array"):
            if not isinstance(row.get(name), str):
                raise _wrong(where, f"has layers[{number}].{name} {row.get(name)!r:.60}", "a text")
        for name in LAYER_COUNTS:
            if not _is_count(row.get(name)):
                raise _wrong(where, f"has layers[{number}].{name} {row.get(name)!r:.60}", "a number of at least 0")


def _is_count(value: object) -> bool:
    return is_number(value) and value >= 0


def _wrong(where: str, fault: str, expected: str) -> FileFormatError:
    return FileFormatError(f"{where} {fault}; {expected} is expected, as `accelsim run` writes it")


def saved_study(reports: Sequence[Saved], ratios: Sequence[Mapping[str, Any]] = (), timeline: Any = None) -> StudyData:
    """Saved reports as a study of one workload, so that every figure draws them; `ratios` go into the runs."""
    more = ratios or [{} for _ in reports]
    runs = [_run(report) | {**ratio} for report, ratio in zip(reports, more, strict=True)]
    return StudyData(runs, {}, "", _layers(reports), timeline=timeline)


def _run(report: Saved) -> dict[str, Any]:
    carried = {name: report[name] for name in CARRIED if name in report}
    return {
        "network": report["workload"],
        "hardware": report["hardware"],
        **{name: report[name] for name in TOTALS},
        "inferences_per_s": report.get("batch", 1) / report["seconds"] if report["seconds"] else None,
        "fallback_layers": fallback_layers(report),
        **carried,
    }


def fallback_layers(report: Saved) -> list[str]:
    """Layers that ran on another kind of array than the machine's own; operators on the vector unit are none.

    A fallback of the machine's own kind cannot be told apart: a saved report names kinds alone.
    """
    array = report.get("configuration", {}).get("array")
    own = array.get("kind") if isinstance(array, Mapping) else None
    return [row["name"] for row in report["layers"] if own and row["array"] not in {own, "vector"}]


def _layers(reports: Sequence[Saved]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        {**row, "network": report["workload"], "hardware": report["hardware"]}
        for report in reports
        for row in report["layers"]
    ]
    return pd.DataFrame(rows)


@dataclass(frozen=True, eq=False)
class SavedRun:
    """A folder of `accelsim run`: its report, and what figures draw."""

    report: Saved
    study: StudyData

    @classmethod
    def from_folder(cls, folder: Path) -> SavedRun:
        """Read `report.json` and, where somebody left it, `timeline.json`."""
        report = read_report(folder / REPORT)
        pair = {"network": report["workload"], "hardware": report["hardware"]}
        return cls(report, saved_study([report], timeline=read_timeline(folder / TIMELINE, pair)))


@dataclass(frozen=True, eq=False)
class SavedComparison:
    """A folder of `accelsim compare`: a report and a row of compare.csv for each machine, and what figures draw."""

    reports: Sequence[Saved]
    rows: Sequence[Mapping[str, Any]]
    study: StudyData

    @classmethod
    def from_folder(cls, folder: Path) -> SavedComparison:
        """Read `compare.csv` and the numbered folders; FileFormatError where they are not of the same machines."""
        rows = _table(folder / TABLE)
        found = sorted(folder.glob(f"*-*/{REPORT}"), key=_number)
        reports = [read_report(path) for path in found]
        names, machines = [report["hardware"] for report in reports], [row["hardware"] for row in rows]
        if names != machines:
            raise FileFormatError(
                f"comparison {str(folder)!r} has reports of {names!r:.200}, and {TABLE} of {machines!r:.200}; the "
                "files of one `accelsim compare --out` are expected"
            )
        ratios = [
            {name: row.get(f"{BY_DENSE}{name}") for name in RATIOS} | {"ppr_conv": row.get(f"{BY_DENSE}conv_ppr")}
            for row in rows
        ]
        return cls(reports, rows, saved_study(reports, ratios))


def _number(path: Path) -> tuple[int, str]:
    digits = path.parent.name.split("-", 1)[0]
    return (int(digits) if digits.isdecimal() else 0), path.parent.name


def _table(path: Path) -> list[dict[str, Any]]:
    """Rows of compare.csv, nothing as None; FileFormatError where there are none or no column `hardware`."""
    import pandas as pd

    text = read_text(path, "comparison table", JSON_LIMIT_BYTES)
    try:
        table = pd.read_csv(
            io.StringIO(without_head(text)), dtype={"hardware": str}, keep_default_na=False, na_values=["", "inf"]
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise FileFormatError(f"comparison table {str(path)!r} is not valid CSV: {str(error)[:200]!r}") from error
    if "hardware" not in table or table.empty:
        raise FileFormatError(f"comparison table {str(path)!r} has no machines; a row a machine is expected")
    return [{str(k): _plain(v) for k, v in row.items()} for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
