"""Reports as a study, so that every figure draws them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import ConfigError
from accelsim.results.report import ENERGY_PARTS, Report
from accelsim.trace.coverage import not_simulated_fields

from .data import StudyData
from .timeline import timeline_of

if TYPE_CHECKING:
    import pandas as pd

TOTALS = ("cycles", "compute_cycles", "stall_cycles", "energy_pj", *ENERGY_PARTS, "dram_bytes", "area_um2", "seconds")


def study_data(data: object, *, timeline: bool = False) -> StudyData:
    """A StudyData as it is; a Report, several of them, or the folder of a study as one. ConfigError for all else.

    `timeline` asks for the first report's timeline, which is long to write for a large network.
    """
    if isinstance(data, StudyData):
        return data
    if isinstance(data, str | Path):
        return StudyData.from_folder(data)
    reports = [data] if isinstance(data, Report) else [*data] if isinstance(data, Iterable) else []
    if not reports or not all(isinstance(report, Report) for report in reports):
        raise ConfigError(
            f"a {type(data).__name__} cannot be drawn; a Report, a list of them, a StudyData or a study's folder is"
            " expected"
        )
    return _of_reports(reports, timeline)


def _of_reports(reports: Sequence[Report], timeline: bool) -> StudyData:
    """A network a workload, a run a report."""
    names = _run_names(reports)
    runs = [_run(report, *name) for report, name in zip(reports, names, strict=True)]
    layer = timeline_of(json.loads(reports[0].to_timeline()), "timeline", runs[0]) if timeline else None
    return StudyData(runs, {}, "", _layers(reports, names), timeline=layer)


def _run_names(reports: Sequence[Report]) -> list[tuple[str, str]]:
    """(network, hardware) of each report, with a number behind the machine where a pair comes again."""
    names: list[tuple[str, str]] = []
    for report in reports:
        pair, number = (report.workload, report.name), 1
        while pair in names:
            number += 1
            pair = report.workload, f"{report.name} ({number})"
        names.append(pair)
    return names


def _run(report: Report, network: str, hardware: str) -> dict[str, Any]:
    totals = {key: getattr(report, key) for key in TOTALS}
    return {"network": network, "hardware": hardware, **totals, "fallback_layers": report.fallback_layers,
            "energy_accounting": report.accounting.sentence,
            **not_simulated_fields(report.not_simulated, report.not_simulated_share)}  # fmt: skip


def _layers(reports: Sequence[Report], names: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Every report's layers behind `network` and `hardware`; nothing where a machine has no such figure."""
    import pandas as pd

    tables = [
        report.layers.assign(network=network, hardware=hardware)
        for report, (network, hardware) in zip(reports, names, strict=True)
    ]
    return pd.concat(tables, ignore_index=True)
