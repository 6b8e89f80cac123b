"""Whatever a command left, opened by what it is: `run`, `compare`, `demo`, `study` and `sweep`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import FileFormatError, MissingFileError
from accelsim.files import read_json

from .bandwidth import bandwidth_of
from .data import StudyData
from .points import read_points
from .run_file import layers_of, path_text, run_of
from .timeline import read_trace, timeline_of

if TYPE_CHECKING:
    import pandas as pd

REPORT, COMPARISON, SWEEP, STUDY = "report.json", "compare.csv", "results.sqlite", "points.csv"
KINDS = f"a folder with {REPORT}, {COMPARISON}, {SWEEP} or {STUDY}, or one of these files"
RATIO_PREFIX = "dense_"  # of the columns of compare.csv that are against the dense baseline
RATIOS = ("alpha", "alpha_pruned", "alpha_macs", "beta", "beta_unpruned", "ppr", "ppr_corrected", "ppr_compute",
          "ppr_energy", "ppr_energy_active")  # fmt: skip


def opened(path: str | Path) -> StudyData | pd.DataFrame:
    """The runs, or for a sweep, a study or any CSV the points, of a folder or a file.

    MissingFileError where it is not there or a folder holds nothing of the kind; FileFormatError, naming file and
    field, where a file holds something else.
    """
    path = Path(path)
    if path.is_dir():
        return _of_folder(path)
    if not path.exists():
        raise MissingFileError(f"report {str(path)!r} is not there; {KINDS} is expected")
    if path.suffix in (".csv", ".sqlite"):
        return _of_comparison(path.parent) if path.name == COMPARISON else read_points(path)
    return _of_report(path)


def _of_folder(folder: Path) -> StudyData | pd.DataFrame:
    if (folder / REPORT).is_file():
        return _of_report(folder / REPORT)
    if (folder / COMPARISON).is_file():
        return _of_comparison(folder)
    for name in (SWEEP, STUDY):
        if (folder / name).is_file():
            return read_points(folder / name)
    raise MissingFileError(f"folder {str(folder)!r} holds no report; {KINDS} is expected")


def _of_report(path: Path) -> StudyData:
    """A study's report.json has `runs`, a run's has `layers`."""
    content = read_json(path, "report")
    if not isinstance(content, dict) or not {"runs", "layers"} & {*content}:
        raise FileFormatError(
            f"{path_text(path)} has neither `runs` nor `layers`; the report.json of `accelsim run`, `compare` or `demo`"
            " is expected"
        )
    if "runs" in content:
        return StudyData.from_folder(path.parent)
    return _of_runs([(content, path_text(path), {})], path.parent)


def _of_comparison(folder: Path) -> StudyData:
    """The reports beside compare.csv, in its order, with the ratios against their dense baselines that it holds."""
    table = read_points(folder / COMPARISON)
    paths = sorted(folder.glob(f"*/{REPORT}"), key=lambda path: int(path.parent.name.partition("-")[0] or 0))
    if len(paths) != len(table):
        raise FileFormatError(
            f"folder {str(folder)!r} holds {len(paths)} reports and {COMPARISON} {len(table)} machines; as many of"
            " both are expected, as `accelsim compare --out` writes them"
        )
    rows = [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
    loaded = [(read_json(path, "report"), path_text(path), _ratios(row)) for path, row in zip(paths, rows, strict=True)]
    return _of_runs(loaded, folder)


def _ratios(row: dict[str, Any]) -> dict[str, Any]:
    values = {name: row.get(f"{RATIO_PREFIX}{name}") for name in RATIOS}
    return {name: value for name, value in values.items() if isinstance(value, int | float) and value == value}


def _of_runs(loaded: Sequence[tuple[dict[str, Any], str, dict[str, Any]]], folder: Path) -> StudyData:
    """Reports' contents, what messages call them, and ratios; with the timeline that lies in the folder."""
    import pandas as pd

    runs = [run_of(content, where, ratios) for content, where, ratios in loaded]
    tables = [layers_of(content, where, run) for (content, where, _), run in zip(loaded, runs, strict=True)]
    trace, where = read_trace(folder / "timeline.json")
    timeline = None if trace is None else timeline_of(trace, where, runs[0])
    layers = pd.concat(tables, ignore_index=True)
    return StudyData(runs, {}, "", layers, timeline=timeline, bandwidth=bandwidth_of(trace), trace=trace)
