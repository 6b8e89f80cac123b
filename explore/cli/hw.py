"""`accelsim hw`: the machines that ship, and whether a file describes one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from .output import print_table
from .run import Settings, parse_settings

if TYPE_CHECKING:
    from accelsim.hardware.accelerator import Accelerator

app = typer.Typer(help="Machines: list those that ship, show one, check a file.", rich_markup_mode=None)


@app.command("list")
def list_machines() -> None:
    """List the machines that ship.

    \b
    Example: accelsim hw list
    """
    from accelsim.hardware.loading import config_names, load_hardware

    machines = [(name, load_hardware(name)) for name in config_names()]
    rows = [(name, m.array.kind, f"{m.array.peak_macs:,}", m.description) for name, m in machines]
    print_table("machines", ("name", "array", ">MACs/cycle", "description"), rows, "description")


Bits = Annotated[int, typer.Option(min=1, max=64, help="Width that --energy prices; 8 unless given.")]


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of the list, or a YAML file.")],
    settings: Settings = [],  # noqa: B006  # typer reads the default and hands over a list of its own
    energy: Annotated[
        bool, typer.Option("--energy", help="Print what each action costs, areas, figures and their sources instead.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    weight_bits: Bits = 8,
    activation_bits: Bits = 8,
) -> None:
    """Print a machine with all its defaults, as YAML; or what its energy and area are made of.

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


@app.command()
def validate(file: Annotated[str, typer.Argument(metavar="FILE", help="A YAML file, or a .cfg of SCALE-Sim.")]) -> None:
    """Check that a file describes a machine.

    \b
    Example: accelsim hw validate my-array.yaml
    """
    from accelsim.hardware.loading import load_hardware

    machine = load_hardware(file)
    typer.echo(f"ok: {machine.name}, {machine.array.kind}, {machine.array.peak_macs:,} MACs a cycle at best")
