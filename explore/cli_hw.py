"""`accelsim hw`: the machines that ship, and whether a file describes one."""

from __future__ import annotations

from typing import Annotated

import typer

from explore.cli_output import print_table

app = typer.Typer(help="Machines: list those that ship, show one, check a file.", rich_markup_mode=None)


@app.command("list")
def list_machines() -> None:
    """List the machines that ship.

    \b
    Example: accelsim hw list
    """
    from accelsim.hardware import config_names, load_hardware

    machines = [(name, load_hardware(name)) for name in config_names()]
    rows = [(name, m.array.kind, f"{m.array.peak_macs:,}", m.description) for name, m in machines]
    print_table("machines", ("name", "array", ">MACs/cycle", "description"), rows, "description")


@app.command()
def show(name: Annotated[str, typer.Argument(metavar="NAME", help="A name of the list, or a YAML file.")]) -> None:
    """Print a machine with all its defaults, as YAML.

    \b
    Example: accelsim hw show dense/os-32x32
    """
    import yaml

    from accelsim.hardware import load_hardware

    machine = load_hardware(name)
    text = yaml.safe_dump(machine.to_dict(), sort_keys=False, allow_unicode=True)
    typer.echo(f"# peak: {machine.array.peak_macs:,} MACs a cycle\n{text}", nl=False)


@app.command()
def validate(file: Annotated[str, typer.Argument(metavar="FILE", help="A YAML file.")]) -> None:
    """Check that a file describes a machine.

    \b
    Example: accelsim hw validate my-array.yaml
    """
    from accelsim.hardware import load_hardware

    machine = load_hardware(file)
    typer.echo(f"ok: {machine.name}, {machine.array.kind}, {machine.array.peak_macs:,} MACs a cycle at best")
