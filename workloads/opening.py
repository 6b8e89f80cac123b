"""Whatever a user calls a workload on the command line or in a sweep, opened."""

from __future__ import annotations

from pathlib import Path

from accelsim.errors import ConfigError, FileFormatError, unknown_name
from accelsim.trace.workload import Workload

from .files.importers import EXPECTED, exists, require_there
from .files.shipped import shipped_names, shipped_path
from .models import list_models
from .registry import Importer, importer_of


def open_workload(text: str | Path, *, batch: int = 1, density: float | None = None, values: bool = False) -> Workload:
    """A zoo name, that of a shipped checkpoint, a saved .npz, a checkpoint folder, an .onnx file or a SCALE-Sim CSV,
    and whatever else an importer opens (`workloads.register_importer`).

    NETWORK@PROFILE is a zoo network with the densities and bits of a published compression, by name or YAML file.
    `batch` counts the inputs of zoo networks, topologies and ONNX models; saved workloads carry their own. `density`
    (of the weights) or `values` fill a zoo network with seeded random integers; `values` quantizes the weights of an
    ONNX model. Raises UnknownNameError with the nearest name, MissingFileError, FileFormatError, or ConfigError for a
    setting that this kind does not take.

    >>> open_workload("lenet5").macs
    2293000
    """
    name = str(text)
    network, _, profile = name.partition("@")
    if name in list_models() or (profile and network in list_models()):
        from .zoo import load

        if profile:
            return load(network, batch=batch, density=density, profile=profile)
        return load(name, weights="random" if values else None, batch=batch, density=density)
    path = shipped_path(name) if name in shipped_names() and not exists(Path(name)) else Path(name)
    if density is not None:
        raise ConfigError(f"density is for networks of the zoo; workload {name[:200]!r} carries its own weights")
    importer = importer_of(path)
    if importer is None and _is_name(path, name):
        raise unknown_name("workload", name[:200], [*list_models(), *shipped_names()])
    if batch != 1 and (importer is None or not importer.takes_batch):
        raise ConfigError(f"batch is {batch}; workload {name[:200]!r} carries its own activations, only 1 is expected")
    return (importer or _refused(path)).load(path, batch=batch, values=values)


def _is_name(path: Path, text: str) -> bool:
    """Whether a text that names nothing here was meant as a name and not as a path."""
    return not exists(path) and not path.suffix and "/" not in text and "\\" not in text


def _refused(path: Path) -> Importer:
    """Raise the error for a path that no importer opens."""
    require_there(path)
    raise FileFormatError(f"workload {str(path)[:200]!r} has an unknown ending {path.suffix!r}; {EXPECTED} is expected")
