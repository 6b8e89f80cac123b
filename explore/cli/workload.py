"""`accelsim workload`: the networks of the zoo, and what a workload holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from accelsim.trace.coverage import not_simulated_fields, not_simulated_share

from .output import Json, print_table
from .progress import counted
from .run import Batch, Bits, Density, Partial, WorkloadName
from .sizes import Dimensions, parse_dimensions, tell_assumed

if TYPE_CHECKING:
    from accelsim.trace.gemm import GemmTrace
    from accelsim.trace.workload import Workload

app = typer.Typer(help="Workloads: list the zoo, show the layers of one.", rich_markup_mode=None)


@app.command("list")
def list_workloads(as_json: Json = False) -> None:
    """List the networks of the zoo and the published compressions of them.

    JSON: networks, an object each with name, layers, weights and macs for one input; published, a list of names.

    \b
    Example: accelsim workload list
    """
    import workloads

    names = workloads.list_models()
    networks = []
    with counted("counting", unit="networks") as progress:
        for done, name in enumerate(names):
            progress(done, len(names), name)
            networks.append(workloads.load(name))
    published = [f"{name}@{profile}" for name, known in workloads.profiles().items() for profile in known]
    if as_json:
        records = [
            {"name": w.name, "layers": len(w), "weights": sum(map(weights, w)), "macs": w.macs} for w in networks
        ]
        typer.echo(json.dumps({"networks": records, "published": published}, indent=1))
        return
    rows = [(w.name, len(w), f"{sum(map(weights, w)):,}", f"{w.macs:,}") for w in networks]
    print_table("workloads, for one input", ("name", ">layers", ">weights", ">MACs"), rows, ())
    print_table(
        "published compressions",
        ("name",),
        [(name,) for name in published],
        (),
        "densities and bits of a paper, random values",
    )


@app.command()
def show(
    workload: WorkloadName,
    batch: Batch = 1,
    density: Density = None,
    weight_bits: Bits = None,
    activation_bits: Bits = None,
    dim: Dimensions = [],  # noqa: B006  # typer reads the default and hands over a list of its own
    partial: Partial = False,
    as_json: Json = False,
) -> None:
    """Show the layers of a workload as GEMMs.

    JSON: workload, macs, source, and layers, an object each: name, kind, M, N, K of one group, groups, repeat,
    weight_bits, activation_bits, density of the nonzero weights (null of a shape) and macs.

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
    source = layers.provenance.get("source", "unknown")
    if as_json:
        typer.echo(json.dumps(_as_dict(layers, source), indent=1, allow_nan=False))
        return
    rows = [(t.name, t.kind, t.M, t.N, t.K, t.groups, t.repeat, bits(t), share(t), f"{t.macs:,}") for t in layers]
    columns = ("layer", "kind", ">M", ">N", ">K", ">groups", ">repeat", ">bits W/A", ">density", ">MACs")
    caption = f"{layers.macs:,} MACs in {len(layers)} layers; source: {source}"
    caption += "".join(f"\n{line}" for line in (layers.not_simulated_line, *layers.remarks) if line)
    print_table(layers.name, columns, rows, (), caption)


def _as_dict(layers: Workload, source: object) -> dict[str, Any]:
    return {
        "workload": layers.name, "macs": layers.macs, "source": source,
        **not_simulated_fields(layers.not_simulated, not_simulated_share(layers.not_simulated, layers.macs)),
        **({"remarks": list(layers.remarks)} if layers.remarks else {}),
        "layers": [
            {"name": t.name, "kind": t.kind, "M": t.M, "N": t.N, "K": t.K, "groups": t.groups, "repeat": t.repeat,
             "weight_bits": t.weight_bits, "activation_bits": t.activation_bits, "density": density_of(t),
             "macs": t.macs}
            for t in layers
        ],
    }  # fmt: skip


def weights(trace: GemmTrace) -> int:
    """Weights of a layer, all groups; a product of two activations has none."""
    return trace.groups * trace.N * trace.K if trace.has_weights else 0


def bits(trace: GemmTrace) -> str:
    """Bits of a weight and of an activation."""
    return f"{trace.weight_bits}/{trace.activation_bits}"


def share(trace: GemmTrace) -> str:
    """`density_of` in percent, and a dash for a shape."""
    density = density_of(trace)
    return "-" if density is None else f"{100 * density:.3g} %"


def density_of(trace: GemmTrace) -> float | None:
    """Nonzero weights among all; a random operand's own figure, and None for a shape."""
    import numpy as np

    from accelsim.trace.operand import PatternOperand

    operand = trace.weight_operand
    if operand is None:
        return None
    if isinstance(operand, PatternOperand):
        return operand.pattern.density
    return float(np.count_nonzero(operand.whole()) / operand.whole().size)
