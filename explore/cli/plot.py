"""`accelsim plot`: one figure of whatever a command left, as PNG or SVG."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from accelsim.errors import ConfigError, OutputError
from accelsim.files import require_writable, written_whole

from .output import waiting

KINDS = (".svg", ".png")


def plot(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="The figure; without one, all are listed.", show_default=False),
    ] = None,
    reports: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[REPORT]...",
            help="Folders or files that run, compare, demo, study or sweep left; for `density` saved networks.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An .svg or .png; NAME.svg by default.", show_default=False)
    ] = None,
    x: Annotated[str | None, typer.Option(metavar="COLUMN", help="Of the points, to the right.")] = None,
    y: Annotated[str | None, typer.Option(metavar="COLUMN", help="Of the points, upwards.")] = None,
    z: Annotated[str | None, typer.Option(metavar="COLUMN", help="A third quantity of a Pareto front.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="What names a point; may be repeated.")
    ] = None,
    value: Annotated[str | None, typer.Option(metavar="COLUMN", help="What a heat map shows.")] = None,
    cost: Annotated[str | None, typer.Option(metavar="COLUMN", help="What accuracy is set against.")] = None,
    by: Annotated[str | None, typer.Option(metavar="WHAT", help="layer or run; what makes the colours.")] = None,
    layer: Annotated[list[str] | None, typer.Option(metavar="NAME", help="One layer alone; may be repeated.")] = None,
    width: Annotated[float | None, typer.Option(metavar="INCHES", help="3.3 is a column of a paper.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the file and the answer as JSON.")] = False,
) -> None:
    """Draw a figure of a report, of several, or of a sweep's points, and print the answer that stands on it.

    JSON: figure, file and answer; without a name each figure with its caption.

    \b
    Example: accelsim run lenet5 --hw dense/os-16x16 --out out/run && accelsim plot layers out/run --out layers.png
    """
    if name is None:
        _list(as_json)
        return
    from plots.drawing import parameters
    from plots.registry import FIGURES

    takes = FIGURES.get(name).takes
    if not reports:
        raise ConfigError(f"figure {name!r} has no report to draw; a folder of `accelsim run --out`, say, is expected")
    path = require_file(out or Path(f"{name}.svg"))
    given = {"x": x, "y": y, "z": z, "label": label, "value": value, "cost": cost, "by": by, "width_in": width}
    options = {key: option for key, option in given.items() if option is not None} | _layers(parameters(name), layer)
    with waiting(f"drawing {name}"):
        answer = _draw(name, takes, reports, path, options)
    typer.echo(json.dumps({"figure": name, "file": str(path), "answer": answer}) if as_json else f"{answer}\n{path}")


def _draw(name: str, takes: str, reports: Sequence[str], path: Path, options: dict[str, Any]) -> str:
    """Write the figure's file, whole or not at all; its answer in one line."""
    import accelsim
    from plots.saving import render

    data = _networks(reports) if takes == "matrices" else reports[0] if len(reports) == 1 else [*reports]
    figure = accelsim.plot(name, data, **options).get_figure(root=True)
    assert figure is not None  # it was made for this drawing
    with written_whole(path) as temporary:
        temporary.write_bytes(render(figure)[path.suffix[1:]])
    return " ".join(figure.get_suptitle().split())


def _networks(reports: Sequence[str]) -> list[Any]:
    from workloads import open_workload

    return [open_workload(report) for report in reports]


def _layers(known: Sequence[str], layer: Sequence[str] | None) -> dict[str, Any]:
    """The option of this figure that takes layers: one of them, or several."""
    if not layer:
        return {}
    if "layers" in known:
        return {"layers": [*layer]}
    if len(layer) > 1:
        raise ConfigError(f"--layer names {len(layer)} layers; one is expected by this figure")
    return {"layer": layer[0]}


def require_file(path: Path) -> Path:
    """`path`, once a figure can be written there: ConfigError for another ending, OutputError where it cannot be."""
    if path.suffix not in KINDS:
        raise ConfigError(f"--out {str(path)[:200]!r} ends in {path.suffix!r}; {' or '.join(KINDS)} is expected")
    require_writable(path.parent)
    if path.is_dir():
        raise OutputError(f"cannot write {str(path)!r}: a folder is in the way")
    return path


def _list(as_json: bool) -> None:
    """Every figure and what it shows."""
    from plots.registry import FIGURES

    captions = {name: FIGURES.get(name).caption for name in FIGURES.names()}
    if as_json:
        typer.echo(json.dumps(captions, indent=1))
        return
    longest = max(map(len, captions))
    for name, caption in captions.items():
        typer.echo(f"{name:{longest}}  {caption}")
