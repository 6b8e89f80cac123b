"""The networks of the zoo as workloads: shapes that ship as JSON, or seeded random integers in them. No torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError, InternalError, unknown_name
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.serialization import restore
from accelsim.trace.workload import Workload

from .models import list_models
from .settings import SEEDS_A_NETWORK, Settings, in_bits
from .shapes.changes import changed, scaled
from .shapes.entries import restored_operator


def load(
    name: str,
    weights: str | Path | None = None,
    *,
    batch: int = 1,
    density: float | None = None,
    seed: int = 0,
    profile: str | Path | None = None,
    weight_bits: int | None = None,
    activation_bits: int | None = None,
) -> Workload:
    """A network of the zoo for `batch` inputs.

    `weights` None gives shapes, "random" seeded random 8-bit integers in them, of which `density` (0 to 1) are not 0
    among the weights; giving a density asks for random ones. `profile` names a published compression of the network
    (`workloads.profiles()`) or its YAML file: random integers with the paper's densities and bits. "pretrained" takes
    the weights that an installed package brings (the extra `models`), and any other `weights` is a checkpoint as
    torchvision has it (.pth, .safetensors): 8-bit integers with the activations of bundled digits or of seeded noise;
    only these two load torch. `weight_bits` and `activation_bits` (1 to 32) stand in for 8, or for a profile's.
    Raises UnknownNameError with the nearest name, ConfigError for a value that cannot be, MissingFileError, or
    FileFormatError for a file with other weights than the network's.

    >>> load("lenet5").macs
    2293000
    >>> pruned = load("lenet5", density=0.1).traces[0]  # random weights, a tenth of them not 0
    >>> bool((pruned.weight == 0).any())
    True
    """
    if name not in list_models():
        raise unknown_name("workload", name, list_models())
    settings = Settings(batch, density, seed, weight_bits, activation_bits)
    if weights is not None and weights != "random":
        return _from_file(name, weights, settings, profile)
    network = in_bits(_batched(shapes(name), batch), settings)
    if profile is not None:
        return in_bits(_published(network, profile, weights, density, seed), settings)
    if weights is None and density is None:
        return _with(network, network.traces, {"weights": None})
    share = 1.0 if density is None else float(density)
    pruned = density is not None and share < 1
    drawn = [trace.filled(share, seed=seed * SEEDS_A_NETWORK + i, pruned=pruned) for i, trace in enumerate(network)]
    return _with(network, drawn, {"weights": "random", "density": share, "seed": seed})


def _batched(one: Workload, batch: int) -> Workload:
    """A network's shapes for so many inputs."""
    traces = [changed(trace, batch=batch) for trace in one]
    operators = [scaled(operator, batch) for operator in one.operators]
    facts = {"source": "zoo", "model": one.name, "batch": batch}
    return Workload(one.name, traces, facts, operators, one.graph, one.not_simulated)


def _with(network: Workload, traces: Sequence[GemmTrace], facts: dict[str, Any]) -> Workload:
    """The network with these traces in place of its own, and what its provenance says of them."""
    return replace(network, traces=traces, provenance={**network.provenance, **facts})


def _from_file(name: str, weights: str | Path, settings: Settings, profile: str | Path | None) -> Workload:
    """The network with the weights of a file."""
    path = Path(weights)
    if weights != "pretrained" and not path.suffix and "/" not in str(weights) and not path.is_file():
        raise ConfigError(
            f"weights is {str(weights)!r:.60}; None (shapes), 'random', 'pretrained' or a .pth or .safetensors file "
            "is expected"
        )
    if settings.density is not None or profile is not None:
        raise ConfigError("density and profile are for random weights; weights from a file have their own")
    from .models.trained import from_package, from_state

    return from_package(name, settings) if weights == "pretrained" else from_state(name, path, settings)


def _published(
    network: Workload, profile: str | Path, weights: str | Path | None, density: float | None, seed: int
) -> Workload:
    """The network with the densities and bits of a profile."""
    if density is not None or weights not in {None, "random"}:
        raise ConfigError("a profile brings its own densities and random weights; leave density and weights out")
    from .published.apply import compressed
    from .published.files import load_profile

    figures = load_profile(network.name, profile)
    drawn = compressed(list(network), figures, seed * SEEDS_A_NETWORK)
    return _with(network, drawn, {"weights": "random", "seed": seed, "profile": figures.provenance()})


def shapes(name: str) -> Workload:
    """The shapes of a network for one input, as shipped: `python -m workloads.shapes` writes them from the model.

    They are multiply-accumulates, and nobody pruned them.
    """
    file = files("workloads") / "shapes" / f"{name}.json"
    if not file.is_file():
        raise InternalError(f"the shapes of {name!r} are not shipped; run python -m workloads.shapes")
    shipped = json.loads(file.read_text(encoding="utf-8"))
    source = {"source": "zoo", "model": name, "input": shipped["input"]}
    stored = [restore(entry, "", {}, f"shape of {name!r}", whole=False) for entry in shipped["layers"]]
    layers = [replace(trace, operation="mac", pruned=False) for trace in stored]
    operators = [restored_operator(entry) for entry in shipped.get("operators", [])]
    return Workload(name, layers, source, operators, shipped["graph"])
