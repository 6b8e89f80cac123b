"""`accelsim hw`: the machines that ship, and whether a file describes one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from .completion import machine_names
from .hw_files import new, peaks, validate
from .output import Json, print_table
from .run import Settings, parse_settings

if TYPE_CHECKING:
    from accelsim.hardware.accelerator import Accelerator

app = typer.Typer(help="Machines: list those that ship, show one, begin one, check a file.", rich_markup_mode=None)
app.command("new")(new)
app.command("validate")(validate)


@app.command("list")
def list_machines(as_json: Json = False) -> None:
    """List the machines that ship.

    JSON: a list of name, array (its kind), peak_macs (MACs a cycle), peak_tops, peak_gbps (null where no transfer takes
    time) and description.

    \b
    Example: accelsim hw list
    """
    from accelsim.hardware.loading import config_names, load_hardware

    machines = [(name, load_hardware(name)) for name in config_names()]
    if as_json:
        listed = [
            {"name": name, "array": m.array.kind, **peaks(m), "description": m.description} for name, m in machines
        ]
        typer.echo(json.dumps(listed, indent=1, allow_nan=False))
        return
    rows = [(name, m.array.kind, f"{m.array.peak_macs:,}", m.description) for name, m in machines]
    print_table("machines", ("name", "array", ">MACs/cycle", "description"), rows, "description")


Bits = Annotated[int, typer.Option(min=1, max=64, help="Width that --energy prices; 8 unless given.")]


@app.command()
def show(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A name of the list, or a YAML file.", autocompletion=machine_names),
    ],
    settings: Settings = [],  # noqa: B006  # typer reads the default and hands over a list of its own
    energy: Annotated[
        bool, typer.Option("--energy", help="Print what each action costs, areas, figures and their sources instead.")
    ] = False,
    as_json: Json = False,
    weight_bits: Bits = 8,
    activation_bits: Bits = 8,
) -> None:
    """Print a machine with all its defaults, as YAML; or what its energy and area are made of.

    JSON: the same fields as the YAML's; with --energy the actions, areas, figures, SRAM laws and factors with sources.

    \b
    Example: accelsim hw show dense/os-32x32 --energy --set energy.mult_8_pj=0.25
    """
    from accelsim.hardware.loading import load_hardware

    machine = load_hardware(name, **parse_settings(settings))
    if energy:
        _show_energy(machine, weight_bits, activation_bits, as_json)
    elif as_json:
        typer.echo(json.dumps(machine.to_dict(), indent=1))
    else:
        import yaml

        text = yaml.safe_dump(machine.to_dict(), sort_keys=False, allow_unicode=True)
        typer.echo(f"# peak: {machine.array.peak_macs:,} MACs a cycle\n{text}", nl=False)


def _show_energy(machine: Accelerator, weight_bits: int, activation_bits: int, as_json: bool) -> None:
    from accelsim.energy.breakdown import energy_sheet

    from .energy_tables import print_energy

    sheet = energy_sheet(machine, weight_bits=weight_bits, activation_bits=activation_bits)
    if as_json:
        typer.echo(json.dumps(sheet, indent=1, allow_nan=False))
    else:
        print_energy(sheet)
