"""The networks of the zoo as workloads: shapes that ship as JSON, or seeded random integers in them. No torch."""

from __future__ import annotations

import json
from importlib.resources import files

from accelsim.errors import ConfigError, InternalError, unknown_name
from accelsim.workload import Workload
from workloads.changes import changed, randomized
from workloads.models import list_models
from workloads.shapes.entries import restored

BATCH_LIMIT = 2**20
SEED_LIMIT = 2**32
_SEEDS_A_NETWORK = 2**20  # so that no layer of one seed repeats a layer of another


def load(
    name: str, weights: str | None = None, batch: int = 1, density: float | None = None, seed: int = 0
) -> Workload:
    """A network of the zoo for `batch` inputs.

    `weights` None gives shapes, "random" seeded random 8-bit integers in them, of which `density` (0 to 1) are not 0
    among the weights; giving a density asks for random ones. Raises UnknownNameError with the nearest name, or
    ConfigError for a value that cannot be.
    """
    if name not in list_models():
        raise unknown_name("workload", name, list_models())
    if weights not in {None, "random"}:
        raise ConfigError(f"weights is {weights!r:.60}; None (shapes) or 'random' is expected")
    _require("batch", batch, 1, BATCH_LIMIT)
    _require("seed", seed, 0, SEED_LIMIT)
    if density is not None and not 0 <= density <= 1:
        raise ConfigError(f"density is {density}; 0 to 1 is expected")
    traces = [changed(trace, batch=batch) for trace in shapes(name)]
    source = {"source": "zoo", "model": name, "batch": batch}
    if weights is None and density is None:
        return Workload(name, traces, {**source, "weights": None})
    share = 1.0 if density is None else float(density)
    drawn = [randomized(trace, share, seed * _SEEDS_A_NETWORK + i) for i, trace in enumerate(traces)]
    return Workload(name, drawn, {**source, "weights": "random", "density": share, "seed": seed})


def shapes(name: str) -> Workload:
    """The shapes of a network for one input, as shipped: `python -m workloads.shapes` writes them from the model."""
    file = files("workloads") / "shapes" / f"{name}.json"
    if not file.is_file():
        raise InternalError(f"the shapes of {name!r} are not shipped; run python -m workloads.shapes")
    shipped = json.loads(file.read_text(encoding="utf-8"))
    source = {"source": "zoo", "model": name, "input": shipped["input"]}
    return Workload(name, map(restored, shipped["layers"]), source)


def _require(field: str, value: int, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ConfigError(f"{field} is {value!r:.60}; an integer from {least} to {most} is expected")
