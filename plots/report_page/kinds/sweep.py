"""The page of a sweep or a search: its points, the best of them, and the front between its objectives."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from accelsim.errors import AccelSimError
from accelsim.hardware.loading import config_names, load_hardware

from ...data_files.sweep_points import Points
from ...numbers import digits
from ..columns import TERMS, amount, count, percent
from ..goals import goals_of
from ..html import Page, Part
from ..importances import importances_part
from ..provenance import provenance_part
from ..scatter import Axis, Point, scatter_part
from ..table import Column, Row, key, table, told

BEST = (
    ("cycles", "fewest cycles", 1.0, ""),
    ("energy_pj", "least energy", 1e6, " µJ"),
    ("area_um2", "smallest area", 1e6, " mm²"),
)
CAPTION = (
    "A point a design; labels stand on the front, dominated points are faint. Hover names a point, a click opens it."
)
SHIPPED = "Machines that ship are shown as they are in this version, before what is swept."
MOST_ROWS = 2000  # in the page's table; the file holds all
MEASURES: Mapping[str, tuple[Axis, Column]] = {
    "cycles": (Axis("cycles", "cycles"), count("cycles", "cycles")),
    "energy_pj": (Axis("energy_pj", "energy, pJ"), amount("energy\nµJ", "energy_pj", 1e6)),
    "dram_bytes": (Axis("dram_bytes", "DRAM traffic, bytes"), amount("DRAM\nKiB", "dram_bytes", 2**10)),
    "area_um2": (Axis("area_um2", "area, µm²"), amount("area\nmm²", "area_um2", 1e6)),
    "seconds": (Axis("seconds", "time, s"), amount("time\nµs", "seconds", 1e-6)),
    "accuracy": (Axis("accuracy", "accuracy", more_is_better=True), Column("accuracy", key("accuracy"), percent)),
    "utilization": (
        Axis("utilization", "utilization", more_is_better=True),
        Column("utilization", key("utilization"), percent),
    ),
    "tops_per_w": (Axis("tops_per_w", "TOPS/W", more_is_better=True), amount("TOPS/W", "tops_per_w")),
    "inferences_per_s": (
        Axis("inferences_per_s", "inferences per s", more_is_better=True),
        amount("inferences\nper s", "inferences_per_s"),
    ),
}


def sweep_page(points: Points, facts: Mapping[str, Any]) -> Page:
    """The page; `facts` are command, versions and seeds where they are known beside those in the file."""
    measures = _measures(points)
    opens = {row["id"]: f"point{number}" for number, row in enumerate(points.rows)}
    workloads = dict.fromkeys(str(row["workload"]) for row in points.rows)
    shipped = _shipped(list(dict.fromkeys(row["hardware"] for row in points.rows)))
    return Page(
        title=f"{_counted(points)} of {', '.join(workloads) or 'nothing'}",
        answer=answer(points),
        extent=_extent(points),
        warnings=list(dict.fromkeys(str(row["not_simulated"]) for row in points.rows if row.get("not_simulated"))),
        definitions={
            "Pareto front": "points that no other point beats in every objective; equal ones are all on it",
            **({"infeasible": "the machine cannot run the workload with these settings; the reason stands beside it"}
               if len(points.done) < len(points.rows) else {}),
            **TERMS,
        },
        parts=[
            scatter_part("pareto", "Trade-off", _caption(points), _scatter_points(points, measures, opens),
                         _axes(measures), start=_start(points)),
            importances_part(points.facts.get("importances")),
            Part("points", "Points", _points_table(points, measures, opens)),
            Part("infeasible", "Infeasible points", _infeasible(points)),
            provenance_part({**facts, **_facts(points)}, shipped, [SHIPPED] if shipped else []),
        ],
    )  # fmt: skip


def _measures(points: Points) -> list[str]:
    """Columns of numbers that differ between points, what designs are chosen by first."""
    signs = goals_of(points).signs
    names = [name for name in points.measures if len({row[name] for row in points.done}) > 1 or name in signs]
    return [name for name in MEASURES if name in names] + [name for name in names if name not in MEASURES]


def _caption(points: Points) -> str:
    constraints = goals_of(points).constraints
    return f"{CAPTION} Only points that keep {' and '.join(constraints)} are drawn." if constraints else CAPTION


def _start(points: Points) -> tuple[str, str]:
    """What the figure shows first: area and cycles, else the first two objectives."""
    names = [name for name in goals_of(points).signs if name in points.measures]
    return ("area_um2", "cycles") if {"area_um2", "cycles"} <= {*names} or len(names) < 2 else (names[0], names[1])


def answer(points: Points) -> str:
    """How many points there are, the best of each objective, and the size of the front."""
    states = Counter(row["status"] for row in points.rows)
    counted = ", ".join(f"{number:,} {state}" for state, number in states.most_common())
    if not points.done:
        return f"{_counted(points)}, none of them done ({counted or 'nothing to do'})."
    goals = goals_of(points)
    designs = [row for row in points.done if goals.keeps(row)]
    if not designs:
        return f"{_counted(points)}: {counted}. None of them keeps {' and '.join(goals.constraints)}."
    objectives = list(goals.signs)
    said = [_best(points, designs, *entry) for entry in BEST if entry[0] in objectives]
    size = sum(goals.front(points.done))
    among = f"the {len(designs):,} that keep {' and '.join(goals.constraints)}" if goals.constraints else "them"
    words = {"energy_pj": "energy", "area_um2": "area"}
    named = [words.get(name, name) for name in objectives]
    front = (
        f"{size} of {among} are on the Pareto front of {', '.join(named[:-1])} and {named[-1]}."
        if len(named) > 1
        else ""
    )
    best = "; ".join(said)
    return f"{_counted(points)}: {counted}. {best[:1].upper()}{best[1:]}. {front}".strip()


def _facts(points: Points) -> dict[str, Any]:
    """What made the points; importances have a part of their own."""
    return {name: fact for name, fact in points.facts.items() if name != "importances"}


def _counted(points: Points) -> str:
    number = len(points.rows)
    return f"{number:,} point{'s' if number != 1 else ''}"


def _best(points: Points, designs: Sequence[Row], name: str, words: str, factor: float, unit: str) -> str:
    best = min(designs, key=lambda row: row[name])
    number = f"{best[name]:,}" if name == "cycles" else f"{digits(best[name] / factor)}{unit}"
    return f"{words}: {number} with {point_name(points, best)}"


def point_name(points: Points, row: Row) -> str:
    """What tells a point from the others: its settings, and workload and machine where there are several."""
    changing = {name: row["settings"][name] for name in points.changing if name in row["settings"]}
    names = [f"{name} {_written(value)}" for name, value in changing.items()]
    return ", ".join(names + [str(row[name]) for name in points.several]) or f"{row['workload']} on {row['hardware']}"


def _label(points: Points, row: Row) -> str:
    """The point's settings alone, without their names: what fits beside a mark."""
    values = [row["settings"][name] for name in points.changing if name in row["settings"]]
    return " / ".join(map(_written, values)) or point_name(points, row)


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _extent(points: Points) -> str:
    swept = [f"{name}: {', '.join(_values(points, name))}" for name in points.fields]
    machines = ", ".join(dict.fromkeys(str(row["hardware"]) for row in points.rows))
    return "; ".join([f"on {machines}", *swept]) + "."


def _values(points: Points, name: str) -> list[str]:
    values = list(dict.fromkeys(_written(row["settings"][name]) for row in points.rows if name in row["settings"]))
    return values if len(values) <= 12 else [*values[:5], "...", values[-1], f"({len(values)} values)"]


def _axes(measures: Sequence[str]) -> list[Axis]:
    return [MEASURES[name][0] if name in MEASURES else Axis(name, name.replace("_", " ")) for name in measures]


def _scatter_points(points: Points, measures: Sequence[str], opens: Mapping[Any, str]) -> list[Point]:
    goals = goals_of(points)
    by = "hardware" if "hardware" in points.several else "workload"
    return [
        Point(point_name(points, row), _label(points, row), str(row[by]), opens[row["id"]],
              {name: row[name] for name in measures}, _told(row))
        for row in points.done
        if goals.keeps(row)
    ]  # fmt: skip


def _told(row: Row) -> dict[str, str]:
    """What stands beside the figure once a point is clicked: its settings, and the command that lists its layers."""
    settings = {name: _written(value) for name, value in row["settings"].items()}
    hardware = ["--hw", str(row["hardware"]), *(w for n, v in settings.items() for w in ("--set", f"{n}={v}"))]
    command = shlex.join(["accelsim", "run", str(row["workload"]), *hardware])
    return {"workload": str(row["workload"]), "hardware": str(row["hardware"]), **settings, "its layers": command}


def _points_table(points: Points, measures: Sequence[str], opens: Mapping[Any, str]) -> str:
    rows = _with_front(points)
    caption = "Every point that is done, those of the Pareto front first"
    if len(rows) > MOST_ROWS:
        caption = f"{MOST_ROWS:,} of {len(rows):,} points, those of the Pareto front first; results.sqlite holds all"
    columns = [
        Column("point", key("id")), Column("front", key("front")), Column("workload", key("workload")),
        Column("hardware", key("hardware")), *(_swept(points, name) for name in points.fields),
        *(MEASURES[name][1] if name in MEASURES else amount(name.replace("_", " "), name) for name in measures),
    ]  # fmt: skip
    shown_rows = rows[:MOST_ROWS]
    return table(caption, told(columns, shown_rows), shown_rows, opens=lambda row: opens[row["id"]]) if rows else ""


def _with_front(points: Points) -> list[dict[str, Any]]:
    front = goals_of(points).front(points.done)
    rows = [{**row, "front": "yes" if there else None} for row, there in zip(points.done, front, strict=True)]
    return sorted(rows, key=lambda row: row["front"] is None)


def _swept(points: Points, name: str) -> Column:
    values = [row["settings"].get(name) for row in points.rows]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)

    def value(row: Row) -> Any:
        found = row["settings"].get(name)
        return found if numbers or found is None else _written(found)

    return Column(name, value, "{:g}".format if numbers else None)


def _infeasible(points: Points) -> str:
    rows = [row for row in points.rows if row["status"] != "done"]
    if not rows:
        return ""
    caption = "Points without numbers, and why"
    columns = [
        Column("point", key("id")), Column("status", key("status")), Column("workload", key("workload")),
        Column("hardware", key("hardware")), *(_swept(points, name) for name in points.fields),
        Column("why", key("error")),
    ]  # fmt: skip
    return table(caption, told(columns, rows), rows[:MOST_ROWS])


def _shipped(machines: Sequence[str]) -> list[Mapping[str, Any]]:
    """Configurations of the machines that ship, before what is swept; files of the user's may have changed since."""
    names, known = set(config_names()), list[Mapping[str, Any]]()
    for machine in machines:
        if machine in names:
            try:
                known.append(load_hardware(machine).to_dict())
            except AccelSimError:  # of a version that has it otherwise
                continue
    return known
