"""`accelsim diff`: two reports, layer by layer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from accelsim.errors import FileFormatError
from accelsim.files import read_json
from accelsim.trace.coverage import not_simulated_line, read_not_simulated
from accelsim.validation import is_number

from .output import Json, energy, print_table, size

FIGURES = ("cycles", "compute_cycles", "stall_cycles", "energy_pj", "dram_bytes")
LARGEST = 1e60  # a figure that passes it is no figure
LABELS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "cycles": ("cycles", "{:,}".format),
    "compute_cycles": ("compute", "{:,}".format),
    "stall_cycles": ("stall", "{:,}".format),
    "energy_pj": ("energy", energy),
    "dram_bytes": ("DRAM", size),
}

Content = Mapping[str, Any]


def diff(
    before: Annotated[Path, typer.Argument(metavar="A.json", help="A report: what `accelsim run --json` prints.")],
    after: Annotated[Path, typer.Argument(metavar="B.json", help="The report to set against it.")],
    as_json: Json = False,
) -> None:
    """Compare two reports layer by layer: cycles, compute, stall, energy and DRAM bytes, and how they changed.

    Reports come from `accelsim run --json`, from `--out` (report.json) and from Report.to_json. Layers match by name.

    JSON: before and after (workload, hardware), layers and totals, of each figure before, after, change and relative
    (null where there is nothing to divide by), only_before and only_after.

    \b
    Example: accelsim diff out/before/report.json out/after/report.json
    """
    changes = difference(read_report(before), read_report(after))
    if as_json:
        typer.echo(json.dumps(changes, indent=1, allow_nan=False))
    else:
        show(changes)


def read_report(path: Path) -> dict[str, Any]:
    """The content of a report's file; FileFormatError names the first field that is wrong."""
    content = read_json(path, "report")
    where = f"report {str(path)[:200]!r}"
    if not isinstance(content, dict):
        raise _wrong(where, f"holds a {type(content).__name__}", "a mapping with `workload`, `hardware` and `layers`")
    for key in ("workload", "hardware"):
        if not isinstance(content.get(key), str):
            raise _wrong(where, f"has the {key} {_short(content.get(key))}", "a name")
    layers = content.get("layers")
    if not isinstance(layers, list) or not layers:
        raise _wrong(where, f"has the layers {_short(layers)}", "a list of them that is not empty")
    names: set[str] = set()
    for number, row in enumerate(layers):
        _check_layer(row, number, names, where)
    read_not_simulated(content, where)
    return content


def _check_layer(row: object, number: int, names: set[str], where: str) -> None:
    """FileFormatError unless `row` has a name of its own and a number for each figure."""
    if not isinstance(row, dict):
        raise _wrong(where, f"has layers[{number}] {_short(row)}", "a mapping")
    name = row.get("name")
    if not isinstance(name, str) or name in names:
        raise _wrong(where, f"has layers[{number}].name {_short(name)}", "a name that no other layer has")
    names.add(name)
    for key in FIGURES:
        value = row.get(key)
        if not is_number(value) or not 0 <= value <= LARGEST:
            raise _wrong(where, f"has layers[{number}].{key} {_short(value)}", "a number of at least 0")


def _wrong(where: str, problem: str, expected: str) -> FileFormatError:
    return FileFormatError(f"{where} {problem}; {expected} is expected, as `accelsim run --json` prints it")


def _short(value: object) -> str:
    return repr(value)[:60]


def difference(before: Content, after: Content) -> dict[str, Any]:
    """What changed from one report (`Report.to_dict()`) to another, as plain values.

    For every layer of both, and in total over all layers of each, a figure (cycles, pJ, bytes) holds `before`, `after`,
    `change` = after − before and `relative` = change ÷ before, null where that is 0 and the change is not.
    """
    old, new = ({row["name"]: row for row in content["layers"]} for content in (before, after))
    return {
        "before": _head(before),
        "after": _head(after),
        "layers": [{"name": name, **_figures(old[name], new[name])} for name in old if name in new],
        "only_before": [name for name in old if name not in new],
        "only_after": [name for name in new if name not in old],
        "totals": _figures(_totals(before), _totals(after)),
    }


def _head(content: Content) -> dict[str, Any]:
    """What a report is of, and what of that it does not simulate."""
    return {key: content[key] for key in ("workload", "hardware")} | {
        key: content[key] for key in ("not_simulated", "not_simulated_share") if content.get("not_simulated")
    }


def _totals(content: Content) -> dict[str, Any]:
    return {key: sum(row[key] for row in content["layers"]) for key in FIGURES}


def _figures(before: Content, after: Content) -> dict[str, Any]:
    return {key: _change(before[key], after[key]) for key in FIGURES}


def _change(before: float, after: float) -> dict[str, Any]:
    change = after - before
    relative = change / before if before else (None if change else 0.0)
    return {"before": before, "after": after, "change": change, "relative": relative}


def show(changes: Content) -> None:
    """A table with five lines a layer, one where nothing changed, and the totals; then layers of one report only."""
    columns = ("layer", "figure", ">before", ">after", ">change", ">relative")
    rows = [line for layer in changes["layers"] for line in _lines(layer["name"], layer)]
    rows += _lines("total", changes["totals"])
    before, after = (f"{changes[key]['workload']} on {changes[key]['hardware']}" for key in ("before", "after"))
    alone = [
        f"only {where}: {', '.join(changes[key])}"
        for key, where in (("only_before", "before"), ("only_after", "after"))
        if changes[key]
    ]
    left_out = [f"{key}: {line}" for key in ("before", "after") if (line := _left_out(changes[key]))]
    caption = "\n".join([*alone, *left_out])
    print_table(f"{before} -> {after}", columns, rows, (), caption, keys=2)


def _left_out(head: Content) -> str:
    return not_simulated_line(*read_not_simulated(head, "report"))


def _lines(name: str, figures: Content) -> list[tuple[str, ...]]:
    if not any(figures[key]["change"] for key in FIGURES) and name != "total":
        return [(name, "no change", "", "", "", "")]
    return [(name if key == FIGURES[0] else "", *_cells(key, figures[key])) for key in FIGURES]


def _cells(key: str, figure: Content) -> tuple[str, ...]:
    label, text = LABELS[key]
    change = figure["change"]
    signed = f"{'-' if change < 0 else '+'}{text(abs(change))}" if change else "0"
    relative = "-" if figure["relative"] is None else f"{100 * figure['relative']:+.1f} %"
    return label, text(figure["before"]), text(figure["after"]), signed, relative
