"""`accelsim workload`: the networks of the zoo, and what a workload holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from .output import print_table
from .run import Batch, Bits, Density, Partial, WorkloadName
from .sizes import Dimensions, parse_dimensions, tell_assumed

if TYPE_CHECKING:
    from accelsim.trace.gemm import GemmTrace

app = typer.Typer(help="Workloads: list the zoo, show the layers of one.", rich_markup_mode=None)


@app.command("list")
def list_workloads() -> None:
    """List the networks of the zoo and the published compressions of them.

    \b
    Example: accelsim workload list
    """
    import workloads

    networks = [workloads.load(name) for name in workloads.list_models()]
    rows = [(w.name, len(w), f"{sum(map(weights, w)):,}", f"{w.macs:,}") for w in networks]
    print_table("workloads, for one input", ("name", ">layers", ">weights", ">MACs"), rows, "name")
    published = [(f"{name}@{profile}",) for name, known in workloads.profiles().items() for profile in known]
    print_table("published compressions", ("name",), published, "name", "densities and bits of a paper, random values")


@app.command()
def show(
    workload: WorkloadName,
    batch: Batch = 1,
    density: Density = None,
    weight_bits: Bits = None,
    activation_bits: Bits = None,
    dim: Dimensions = [],  # noqa: B006  # typer reads the default and hands over a list of its own
    partial: Partial = False,
) -> None:
    """Show the layers of a workload as GEMMs.

    \b
    Example: accelsim workload show lenet5
    """
    from workloads import open_workload

    layers = open_workload(
        workload,
        batch=batch,
        density=density,
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        dimensions=parse_dimensions(dim),
        open_sizes="assume",
        partial="allow" if partial else "refuse",
    )
    tell_assumed(layers.provenance)
    rows = [(t.name, t.kind, t.M, t.N, t.K, t.groups, t.repeat, bits(t), share(t), f"{t.macs:,}") for t in layers]
    columns = ("layer", "kind", ">M", ">N", ">K", ">groups", ">repeat", ">bits W/A", ">density", ">MACs")
    source = layers.provenance.get("source", "unknown")
    caption = f"{layers.macs:,} MACs in {len(layers)} layers; source: {source}"
    caption += "".join(f"\n{line}" for line in (layers.not_simulated_line, *layers.remarks) if line)
    print_table(layers.name, columns, rows, "layer", caption)


def weights(trace: GemmTrace) -> int:
    """Weights of a layer, all groups; a product of two activations has none."""
    return trace.groups * trace.N * trace.K if trace.has_weights else 0


def bits(trace: GemmTrace) -> str:
    """Bits of a weight and of an activation."""
    return f"{trace.weight_bits}/{trace.activation_bits}"


def share(trace: GemmTrace) -> str:
    """Nonzero weights among all in percent; a random operand's own figure, and a dash for a shape."""
    import numpy as np

    from accelsim.trace.operand import PatternOperand

    operand = trace.weight_operand
    if operand is None:
        return "-"
    if isinstance(operand, PatternOperand):
        return f"{100 * operand.pattern.density:.3g} %"
    return f"{100 * np.count_nonzero(operand.whole()) / operand.whole().size:.3g} %"
