"""`accelsim run`: one workload on one machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelsim.errors import ConfigError, OutputError
from accelsim.files import parse_yaml, require_writable, written_whole

from .completion import float_names, machine_names, workload_names
from .output import Json, energy, print_table, size
from .progress import counted
from .provenance import command_of, write_provenance
from .report import Html, finish_page, require_page
from .sizes import Dimensions, parse_dimensions, tell_assumed

if TYPE_CHECKING:
    from accelsim.results.report import Report

REPORT, LAYERS = "report.json", "layers.csv"

WorkloadName = Annotated[
    str,
    typer.Argument(
        metavar="WORKLOAD",
        help="A zoo network, a saved .npz, a checkpoint folder, an .onnx model, a SCALE-Sim .csv, or the YAML of a "
        "Timeloop problem or ZigZag workload.",
        autocompletion=workload_names,
    ),
]
HardwareName = Annotated[
    str,
    typer.Option(
        "--hw",
        metavar="NAME",
        help="A name that `accelsim hw list` shows, a YAML or a SCALE-Sim .cfg file.",
        autocompletion=machine_names,
    ),
]
Partial = Annotated[
    bool, typer.Option("--partial", help="Go on without matrix work that has no lowering, and name it in every output.")
]
Settings = Annotated[
    list[str], typer.Option("--set", metavar="FIELD=VALUE", help="Change a hardware field; may be repeated.")
]

Batch = Annotated[int, typer.Option(min=1, help="Inputs at once; what was saved with integers repeats its own.")]
Density = Annotated[float | None, typer.Option(min=0, max=1, help="Random weights of this density.")]
Bits = Annotated[int | None, typer.Option(min=1, max=32, metavar="BITS", help="In place of the workload's own.")]


def run(
    context: typer.Context,
    workload: WorkloadName,
    hw: HardwareName,
    settings: Settings = [],  # noqa: B006  # typer reads the default and hands over a list of its own
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write report.json and layers.csv there.")] = None,
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
    number_format: Annotated[
        str | None,
        typer.Option(
            "--float",
            metavar="FORMAT",
            help="In fp32, fp16, bf16, fp8_e4m3, fp8_e5m2 or e<bits>m<bits>, for its cost.",
            autocompletion=float_names,
        ),
    ] = None,
    timeline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write tiles and transfers over time there, as Chrome trace for Perfetto."),
    ] = None,
) -> None:
    """Simulate a workload on a machine: cycles, stalls, energy and DRAM traffic by layer.

    JSON: workload, hardware, totals (cycles, compute_cycles, stall_cycles, energy_pj and its three parts, dram_bytes,
    area_um2, seconds), configuration, and layers, an object each with units in the names. Exit 0 with --verify says
    that all outputs are equal.

    \b
    Example: accelsim run lenet5 --hw dense/os-32x32 --set array.rows=16
    """
    if out is not None:
        require_free(out)
    if timeline is not None:
        require_free_file(timeline)
    require_page(out, html=html)
    import accelsim
    from workloads import open_workload

    machine = accelsim.load_hardware(hw, **parse_settings(settings))
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
    layers = layers if number_format is None else layers.in_float(number_format)
    with counted(f"simulating {layers.name} on {machine.name}") as progress:
        report = accelsim.simulate(layers, machine, verify=verify, progress=progress)
    if out is not None:
        write(report, out)
        write_provenance(out, command_of(context), layers)
        finish_page(out, html=html)
    if timeline is not None:
        report.to_timeline(timeline)
    if as_json:
        typer.echo(report.to_json())
    else:
        show(report)
        for line in (*_fallback(report), *verified(report)):
            typer.echo(line)


def verified(report: Report) -> list[str]:
    """A line on the layers whose outputs were computed and compared; none where none were."""
    count = len(report.outputs)
    return [f"verified: {count} layer{'s' * (count != 1)} equal the exact GEMM"] if count else []


def _fallback(report: Report) -> list[str]:
    """A line on the layers that the machine's own array could not run; often none."""
    names, layers = report.fallback_layers, sum(row["array"] != "vector" for row in report.rows)
    which = "every layer" if len(names) == layers else ", ".join(names)
    return [f"on the fallback array: {which}"] if names else []


def parse_settings(texts: Iterable[str]) -> dict[str, Any]:
    """{dotted field: value} from FIELD=VALUE texts, each value read as YAML; ConfigError for anything else."""
    settings: dict[str, Any] = {}
    for text in texts:
        field, equals, value = text.partition("=")
        if not field.strip() or not equals:
            raise ConfigError(f"--set {text[:100]!r} is no FIELD=VALUE; array.rows=8, for example, is expected")
        parsed = parse_yaml(f"value: {value}", f"--set {text[:100]!r}")
        if set(parsed) != {"value"}:
            raise ConfigError(f"--set {text[:100]!r} holds more than one value; array.rows=8, for example, is expected")
        settings[field.strip()] = parsed["value"]
    return settings


def require_free(out: Path) -> None:
    """OutputError unless `out` is, or can become, a folder in which both files can be written."""
    require_writable(out)
    for name in (REPORT, LAYERS):
        require_free_file(out / name)


def require_free_file(path: Path) -> None:
    """OutputError unless a file can be written at `path`."""
    require_writable(path.parent)
    if path.is_dir():
        raise OutputError(f"cannot write {str(path)!r}: a folder is in the way")


def write(report: Report, out: Path) -> None:
    """The report's two files, both or none."""
    with written_whole(out / REPORT) as totals, written_whole(out / LAYERS) as layers:
        totals.write_text(report.to_json() + "\n", encoding="utf-8")
        layers.write_text(report.csv_text(), encoding="utf-8")


def show(report: Report) -> None:
    """A table of the layers, and the totals in a line."""
    columns = ("layer", "kind", ">cycles", ">compute", ">stall", ">util. %", "bound", ">DRAM", ">energy")
    total = (
        f"{report.cycles:,} cycles = {report.compute_cycles:,} compute + {report.stall_cycles:,} stall; "
        f"{report.seconds * 1e6:,.1f} µs at {report.clock_mhz:g} MHz; {size(report.dram_bytes)} DRAM; "
        f"{report.area_um2 / 1e6:.3f} mm²\n{energy_line(report)}\n{report.accounting.sentence}\n{report.figures_line}\n"
        f"{report.activation_storage}"
    )
    total += "".join(f"\n{line}" for line in (report.steady_state, report.not_simulated_line, *report.remarks) if line)
    print_table(f"{report.workload} on {report.name}", columns, map(_cells, report.rows), (), total)


def energy_line(report: Report) -> str:
    """All energy, and its three parts."""
    access = f"{energy(report.energy_dram_access_pj)} DRAM access (I/O {100 * report.dram_io_share:.0f} %)"
    idle = energy(report.energy_dram_standby_pj) if report.accounting.standby else "no"
    return f"{energy(report.energy_pj)} = {energy(report.energy_on_chip_pj)} on chip + {access} + {idle} DRAM standby"


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    counts = (f"{row[key]:,}" for key in ("cycles", "compute_cycles", "stall_cycles"))
    share = f"{100 * row['utilization']:.1f}"
    return (row["name"], row["kind"], *counts, share, row["bound"], size(row["dram_bytes"]), energy(row["energy_pj"]))
