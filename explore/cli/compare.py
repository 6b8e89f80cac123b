"""`accelsim compare`: one workload on several machines, side by side."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelsim.files import written_whole

from .completion import iso_names, machine_names
from .output import Json, energy, print_table, ratio_text, size
from .progress import counted
from .provenance import command_of, write_provenance
from .report import Html, finish_page, require_page
from .run import Batch, Bits, Density, Partial, Settings, WorkloadName, parse_settings, require_free_file
from .sizes import Dimensions, parse_dimensions, tell_assumed

if TYPE_CHECKING:
    from accelsim.analysis.comparison import Comparison
    from accelsim.analysis.ppr import PPR

STANDBY, WITH_STANDBY = "  DRAM standby", "PPR with standby"
TABLE, REPORT = "compare.csv", "report.json"
LONGEST_FOLDER = 60  # characters of a machine's folder behind its number

Line = tuple[str, str, Callable[[Any], str]]
TIMES: tuple[Line, ...] = (
    ("cycles", "cycles", "{:,}".format),
    ("  compute", "compute_cycles", "{:,}".format),
    ("  stall", "stall_cycles", "{:,}".format),
    ("utilization", "utilization", lambda share: f"{100 * share:.1f} %"),
    ("time", "seconds", lambda seconds: f"{seconds * 1e6:,.1f} µs"),
    ("inferences/s", "inferences_per_s", "{:,.1f}".format),
)
COSTS: tuple[Line, ...] = (
    ("area", "area_um2", lambda um2: f"{um2 / 1e6:.3f} mm²"),
    ("TOPS/W", "tops_per_w", "{:.3g}".format),
    ("effectual TOPS/W", "tops_per_w_effectual", "{:.3g}".format),
)

Machines = Annotated[
    list[str],
    typer.Option(
        "--hw",
        metavar="NAME",
        help="A name that `accelsim hw list` shows, or a YAML or .cfg file; two.",
        autocompletion=machine_names,
    ),
]


def compare(
    context: typer.Context,
    workload: WorkloadName,
    hw: Machines,
    settings: Settings = [],  # noqa: B006  # typer reads the default and hands over a list of its own
    iso: Annotated[
        str | None,
        typer.Option(
            metavar="mac|area|bandwidth",
            help="Bring the later machines to the first one's size.",
            autocompletion=iso_names,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write compare.csv and a report.json for each machine there.")
    ] = None,
    html: Html = False,
    as_json: Json = False,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Compute every output as the array does and compare; fills shapes at random."),
    ] = False,
    batch: Batch = 1,
    density: Density = None,
    weight_bits: Bits = None,
    activation_bits: Bits = None,
    dim: Dimensions = [],  # noqa: B006  # typer reads the default and hands over a list of its own
    partial: Partial = False,
) -> None:
    """Simulate a workload on several machines, side by side, with PPR against the first and against dense baselines.

    --set changes a field of every machine. --iso mac and area scale the arrays of the later machines in powers of two
    to the nearest dense MACs a cycle or area; --iso bandwidth gives them the first one's DRAM.

    JSON: workload, first, sizings, and machines, each with its totals (units in the names), against_first and
    against_dense (alpha, beta, ppr and their kinds) and configuration. Exit 0 with --verify says that all outputs are
    equal.

    \b
    Example: accelsim compare lenet5 --hw dense/os-16x16 --hw sparse/csr-rows-16x16 --density 0.1 --iso area
    """
    if len(hw) < 2:
        raise typer.BadParameter(f"{hw[0][:100]!r} stands alone; name two machines at least", param_hint="--hw")
    places = report_paths(out, hw) if out is not None else []
    if out is not None:
        require_free(out, places)
    require_page(out, html=html)
    import accelsim
    from accelsim.analysis.comparison import compare_machines
    from workloads import open_workload

    machines = [accelsim.load_hardware(name, **parse_settings(settings)) for name in hw]
    layers = open_workload(
        workload,
        batch=batch,
        density=density,
        values=verify,
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        dimensions=parse_dimensions(dim),
        open_sizes="assume",
        partial="allow" if partial else "refuse",
    )
    tell_assumed(layers.provenance)
    with counted(f"simulating {layers.name}", total=len(machines), unit="machines") as progress:
        comparison = compare_machines(layers, machines, iso=iso, verify=verify, progress=progress.named)
    if out is not None:
        write(comparison, out, places)
        write_provenance(out, command_of(context), layers)
        finish_page(out, html=html)
    if as_json:
        typer.echo(comparison.to_json())
    else:
        show(comparison)


def report_paths(out: Path, hw: Iterable[str]) -> list[Path]:
    """Where each machine's report goes: a folder with its number and the end of what it was named by."""
    folders = (re.sub(r"[^A-Za-z0-9._-]+", "-", Path(name).stem)[:LONGEST_FOLDER] for name in hw)
    return [out / f"{number}-{folder}" / REPORT for number, folder in enumerate(folders, 1)]


def require_free(out: Path, places: Iterable[Path]) -> None:
    """OutputError unless `out` is, or can become, a folder in which the table and all reports can be written."""
    for path in (out / TABLE, *places):
        require_free_file(path)


def write(comparison: Comparison, out: Path, places: Sequence[Path]) -> None:
    """The table and the reports, all or none."""
    texts = {out / TABLE: comparison.csv_text()}
    texts |= {path: side.report.to_json() + "\n" for path, side in zip(places, comparison.sides, strict=True)}
    with ExitStack() as stack:
        for path, text in texts.items():
            stack.enter_context(written_whole(path)).write_text(text, encoding="utf-8")


def show(comparison: Comparison) -> None:
    """How energy is accounted, a table with a column a machine, and below it how their sizes were chosen."""
    columns = ("", *(f">{side.report.name}" for side in comparison.sides))
    legend = (
        "α: weight reduction, β: speedup, PPR = α/β; against the same workload on the first machine, and against the "
        "uncompressed network on the strongest dense array of the machine's own peak and DRAM; β unpruned: the "
        "uncompressed network on both machines; where that is outside 0.9 to 1.1, PPR corrected has β divided by it"
    )
    baselines = dict.fromkeys(f"dense baseline {side.baseline}" for side in comparison.sides)
    reports = [side.report for side in comparison.sides]
    stored = [f"{one.name}: {text}" for one in reports for text in (one.activation_storage, one.steady_state) if text]
    left_out = [line for line in (comparison.not_simulated_line, *comparison.remarks) if line]
    layers = len(reports[0].outputs)
    equal = [f"verified: {layers} layers equal the exact GEMM on each machine"] if layers else []
    caption = "\n".join([*map(str, comparison.scalings), *baselines, *stored, *left_out, *equal, legend])
    typer.echo(comparison.accounting)
    print_table(
        f"{comparison.workload} on {len(comparison.sides)} machines", columns, table_rows(comparison), (), caption
    )


def table_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """A label and a cell a machine, for every figure."""
    figures = [side.figures() for side in comparison.sides]
    rows = [(label, *(text(one[key]) for one in figures)) for label, key, text in _lines(figures[0])]
    rows.append(("fallback layers", *(", ".join(side.fallback_layers) or "none" for side in comparison.sides)))
    first = (f"against {comparison.first}", *("" for _ in comparison.sides))
    dense = ("against dense baseline", *(side.dense.name for side in comparison.sides))
    stands_by = [bool(side.report.accounting.standby) for side in comparison.sides]
    rows = [_told(row, stands_by) if row[0] == STANDBY else row for row in rows]
    both = [stands_by[0] and one for one in stands_by]  # what a machine counts as well as the first
    rows += [first, *_ratio_rows([side.against_first for side in comparison.sides], both)]
    return [*rows, dense, *_ratio_rows([side.against_dense for side in comparison.sides], stands_by)]


def _told(row: tuple[str, ...], stands_by: Sequence[bool]) -> tuple[str, ...]:
    """A row of what has DRAM standby in it, with a dash for each machine that counts none."""
    label, *cells = row
    return label, *(cell if told else "-" for cell, told in zip(cells, stands_by, strict=True))


def _lines(figures: Iterable[str]) -> list[Line]:
    """Label, figure and how it is written, a component or operand below its total."""
    totals = {"energy_pj", "energy_on_chip_pj", "energy_dram_access_pj", "energy_dram_standby_pj"}
    components = [key for key in figures if key.startswith("energy_") and key not in totals]
    operands = [key for key in figures if key.startswith("dram_") and key != "dram_bytes"]
    return [
        *TIMES,
        ("energy", "energy_pj", energy),
        ("  on chip", "energy_on_chip_pj", energy),
        *((f"    {key.removeprefix('energy_').removesuffix('_pj')}", key, energy) for key in components),
        ("  DRAM access", "energy_dram_access_pj", energy),
        (STANDBY, "energy_dram_standby_pj", energy),
        ("DRAM", "dram_bytes", size),
        *((f"  {key.removeprefix('dram_').removesuffix('_bytes')}", key, size) for key in operands),
        *COSTS,
    ]


def _ratio_rows(ratios: Sequence[PPR], stands_by: Sequence[bool]) -> list[tuple[str, ...]]:
    labels = {
        "α": "alpha", "β": "beta", "β unpruned": "beta_unpruned", "PPR": "ppr", "PPR corrected": "ppr_corrected",
        "PPR compute": "ppr_compute", "PPR on chip + access": "ppr_energy_active", WITH_STANDBY: "ppr_energy",
    }  # fmt: skip
    rows = [(f"  {label}", *(ratio_text(getattr(ratio, key)) for ratio in ratios)) for label, key in labels.items()]
    rows[-1] = _told(rows[-1], stands_by)
    conv = [ratio.conv for ratio in ratios]
    return [*rows, ("  PPR of conv layers", *(ratio_text(one.ppr if one else None) for one in conv))]
