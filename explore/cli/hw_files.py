"""`accelsim hw new` and `hw validate`: files that describe machines."""

from __future__ import annotations

import json
import re
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelsim.errors import ConfigError, OutputError
from accelsim.files import require_writable, write_text

from .completion import machine_files, machine_names
from .output import Json

if TYPE_CHECKING:
    from accelsim.hardware.accelerator import Accelerator

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
AREA_BITS = 8  # of weights and activations, for the area of a machine of which no layer is known


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the machine is called; the file is NAME.yaml.")],
    like: Annotated[
        str,
        typer.Option("--from", metavar="MACHINE", help="What it begins as.", autocompletion=machine_names),
    ] = "dense/os-32x32",
    as_json: Json = False,
) -> None:
    """Write NAME.yaml here: a machine with every field, its default, its bounds and what it means, to be changed.

    A file that is there already stays. JSON: file and name.

    \b
    Example: accelsim hw new my-array --from sparse/csr-rows-16x16
    """
    name = name.removesuffix(".yaml")
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name[:100]!r} is no name of a machine; letters, digits and any of . _ + - are expected")
    path = Path(f"{name}.yaml")
    if path.exists():
        raise OutputError(f"{str(path)!r} is there already; another name is expected")
    require_writable(path.parent)
    from accelsim.hardware.commented import commented_yaml
    from accelsim.hardware.loading import load_hardware

    machine = load_hardware(like, name=name)
    head = (
        f"A machine of accelsim that began as {like}. Every field has its default unless it differs there;",
        "what is not changed may be left out. Sizes are in KiB, rates in GB/s of 10^9 bytes.",
        f"Check it: accelsim hw validate {path}. Run it: accelsim run lenet5 --hw {path}.",
        "An editor completes it by what `accelsim schema` prints.",
    )
    write_text(path, commented_yaml(machine, head))
    typer.echo(json.dumps({"file": str(path), "name": name}) if as_json else f"wrote {path}, which began as {like}")


def validate(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="A YAML file, or a .cfg of SCALE-Sim, or a name.", autocompletion=machine_files
        ),
    ],
    as_json: Json = False,
) -> None:
    """Check that a file describes a machine; print its peaks and area, or everything that is wrong with it.

    The area is that for weights and activations of 8 bits. JSON: file, valid and faults, a sentence each; of a valid
    one also name, peak_macs, peak_tops, peak_gbps (null where no transfer takes time), area_um2 by part,
    area_um2_total, energy_figures and energy_accounting.

    \b
    Example: accelsim hw validate my-array.yaml
    """
    from accelsim.hardware.loading import load_hardware

    try:
        machine = load_hardware(file)
    except ConfigError as error:
        if as_json:
            typer.echo(json.dumps({"file": file, "valid": False, "faults": error.faults or [str(error)]}, indent=1))
        raise _all_told(error, file, quiet=as_json) from error
    sheet = described(machine)
    if as_json:
        typer.echo(json.dumps({"file": file, "valid": True, "faults": [], **sheet}, indent=1, allow_nan=False))
    else:
        _show(machine, sheet)


def _all_told(error: ConfigError, file: str, *, quiet: bool) -> ConfigError:
    """The error to end with; where more than one thing is wrong, all are printed first."""
    if len(error.faults) < 2:
        return error
    if not quiet:
        for fault in error.faults:
            typer.echo(fault)
    count = len(error.faults)
    return ConfigError(f"hardware {file[:200]!r}: {count} faults, of which the first is: {error.faults[0]}")


def described(machine: Accelerator) -> dict[str, Any]:
    """Peaks, area and where the energy figures come from, as plain values with units in the names."""
    from accelsim.energy.area import machine_area

    area = machine_area(machine, AREA_BITS, AREA_BITS)
    return {
        "name": machine.name, **peaks(machine), "area_um2": area, "area_um2_total": sum(area.values()),
        "energy_figures": figures(machine), "energy_accounting": machine.dram.accounting.sentence,
    }  # fmt: skip


def peaks(machine: Accelerator) -> dict[str, Any]:
    """MACs a cycle, 10¹² operations a second at two a MAC, and 10⁹ bytes a second, None where nothing takes time."""
    rate = machine.peak_gbps
    gbps = rate if isfinite(rate) else None
    return {"peak_macs": machine.array.peak_macs, "peak_tops": machine.peak_tops, "peak_gbps": gbps}


def figures(machine: Accelerator) -> str:
    """Which energy table it is priced by, in a line."""
    from accelsim.technology.settings import figures_line

    return figures_line(machine.technology_nm, machine.energy)


def _show(machine: Accelerator, sheet: dict[str, Any]) -> None:
    rate = "no limit" if sheet["peak_gbps"] is None else f"{sheet['peak_gbps']:.4g} GB/s"
    parts = ", ".join(f"{part} {um2 / 1e6:.3f}" for part, um2 in sheet["area_um2"].items())
    for line in (
        f"ok: {machine.name}, {machine.array.kind}, {machine.array.peak_macs:,} MACs a cycle at best",
        f"peak: {sheet['peak_tops']:.3g} TOPS at {machine.clock_mhz:g} MHz, two operations a MAC",
        f"DRAM: {rate} ({machine.dram.model})",
        f"area: {sheet['area_um2_total'] / 1e6:.3f} mm² at {AREA_BITS} bits = {parts}",
        f"figures: {sheet['energy_figures']}",
        sheet["energy_accounting"],
    ):
        typer.echo(line)
