"""Reports as a study, so that every figure draws them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.analysis.comparison import RATIOS, Comparison, Side
from accelsim.analysis.ppr import finite
from accelsim.errors import ConfigError
from accelsim.results.report import ENERGY_PARTS, Report
from accelsim.trace.coverage import not_simulated_fields

from .bandwidth import report_bandwidth
from .data import StudyData
from .opening import opened
from .timeline import timeline_of

if TYPE_CHECKING:
    import pandas as pd

TOTALS = ("cycles", "compute_cycles", "stall_cycles", "energy_pj", *ENERGY_PARTS, "dram_bytes", "area_um2", "seconds")


def study_data(data: object, *, needs: str = "runs") -> StudyData:
    """A StudyData as it is; a Report, several of them, a Comparison, or what a command left, as one.

    `needs` names what is asked for: a timeline and the bandwidth over time are the first report's, and long to write
    for a large network. ConfigError for all else.
    """
    if isinstance(data, StudyData):
        return data
    if isinstance(data, str | Path):
        found = opened(data)
        if isinstance(found, StudyData):
            return found
        raise ConfigError(f"{str(data)!r} holds a table of points and no layers; a report of a run is expected")
    if isinstance(data, Comparison):
        return _of_reports([side.report for side in data.sides], needs, [_ratios(side) for side in data.sides])
    reports = [data] if isinstance(data, Report) else [*data] if isinstance(data, Iterable) else []
    if reports and all(isinstance(report, str | Path | StudyData) for report in reports):
        return joined([study_data(report, needs=needs) for report in reports])
    if not reports or not all(isinstance(report, Report) for report in reports):
        raise ConfigError(
            f"a {type(data).__name__} cannot be drawn; a Report, a list of them, a Comparison, a StudyData or the"
            " folder of a run or study is expected"
        )
    return _of_reports(reports, needs, [{} for _ in reports])


def joined(studies: Sequence[StudyData]) -> StudyData:
    """Several studies as one, its runs in their order, equal names numbered. The timeline is the first one's."""
    import pandas as pd

    if len(studies) == 1:
        return studies[0]
    pairs = _distinct([(run["network"], run["hardware"]) for study in studies for run in study.runs])
    runs: list[dict[str, Any]] = []
    tables = []
    pairs_of_runs = [(study, run) for study in studies for run in study.runs]
    for one, run in pairs_of_runs:
        network, hardware = pairs[len(runs)]
        layers = one.layers
        mine = layers[(layers["network"] == run["network"]) & (layers["hardware"] == run["hardware"])]
        runs.append({**run, "hardware": hardware, "configuration": _configuration(one, run)})
        tables.append(mine.assign(network=network, hardware=hardware))
    accuracy = {name: value for study in reversed(studies) for name, value in study.accuracy.items()}
    storage = [row for study in studies for row in study.storage]
    first = studies[0]
    return StudyData(runs, accuracy, first.verdict, pd.concat(tables, ignore_index=True), storage, first.provenance,
                     first.timeline, bandwidth=first.bandwidth, trace=first.trace)  # fmt: skip


def _configuration(study: StudyData, run: Mapping[str, Any]) -> Mapping[str, Any] | None:
    try:
        return study.configuration(run)
    except ConfigError:
        return None


def _ratios(side: Side) -> dict[str, Any]:
    """What a machine of a comparison has against its own dense baseline, where it is finite."""
    return {key: getattr(side.against_dense, key) for key in RATIOS if finite(getattr(side.against_dense, key))}


def _of_reports(reports: Sequence[Report], needs: str, ratios: Sequence[Mapping[str, Any]]) -> StudyData:
    """A network a workload, a run a report."""
    names = _distinct([(report.workload, report.name) for report in reports])
    runs = [_run(report, *name) | dict(more) for report, name, more in zip(reports, names, ratios, strict=True)]
    trace = json.loads(reports[0].to_timeline()) if needs == "timeline" else None
    layer = None if trace is None else timeline_of(trace, "timeline", runs[0])
    bandwidth = report_bandwidth(reports[0]) if needs == "bandwidth" else ()
    return StudyData(runs, {}, "", _layers(reports, names), timeline=layer, bandwidth=bandwidth, trace=trace)


def _distinct(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """(network, hardware) pairs, with a number behind the machine where a pair comes again."""
    names: list[tuple[str, str]] = []
    for network, hardware in pairs:
        pair, number = (network, hardware), 1
        while pair in names:
            number += 1
            pair = network, f"{hardware} ({number})"
        names.append(pair)
    return names


def _run(report: Report, network: str, hardware: str) -> dict[str, Any]:
    totals = {key: getattr(report, key) for key in TOTALS}
    return {"network": network, "hardware": hardware, **totals, "fallback_layers": report.fallback_layers,
            "energy_accounting": report.accounting.sentence, "batch": report.batch,
            "configuration": dict(report.hardware),
            **not_simulated_fields(report.not_simulated, report.not_simulated_share)}  # fmt: skip


def _layers(reports: Sequence[Report], names: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Every report's layers behind `network` and `hardware`; nothing where a machine has no such figure."""
    import pandas as pd

    tables = [
        report.layers.assign(network=network, hardware=hardware, lanes=[one.result.lanes for one in report.results])
        for report, (network, hardware) in zip(reports, names, strict=True)
    ]
    return pd.concat(tables, ignore_index=True)
