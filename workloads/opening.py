"""Whatever a user calls a workload on the command line or in a sweep, opened."""

from __future__ import annotations

from pathlib import Path

from accelsim.errors import ConfigError, FileFormatError, MissingFileError, unknown_name
from accelsim.trace.workload import Workload
from workloads.files.shipped import shipped_names, shipped_path
from workloads.models import list_models

EXPECTED = (
    "a network of the zoo, a shipped checkpoint, a saved .npz, a checkpoint folder, an .onnx or SCALE-Sim .csv file"
)


def open_workload(text: str | Path, batch: int = 1, density: float | None = None, values: bool = False) -> Workload:
    """A zoo name, that of a shipped checkpoint, a saved .npz, a checkpoint folder, an .onnx file or a SCALE-Sim CSV.

    NETWORK@PROFILE is a zoo network with the densities and bits of a published compression, by name or YAML file.
    `batch` counts the inputs of zoo networks, topologies and ONNX models; saved workloads carry their own. `density`
    (of the weights) or `values` fill a zoo network with seeded random integers; `values` quantizes the weights of an
    ONNX model. Raises UnknownNameError with the nearest
    name, MissingFileError, FileFormatError, or ConfigError for a setting that this kind does not take.
    """
    name = str(text)
    if name in list_models():
        from workloads.zoo import load

        return load(name, weights="random" if values else None, batch=batch, density=density)
    network, _, profile = name.partition("@")
    if profile and network in list_models():
        from workloads.zoo import load

        return load(network, batch=batch, density=density, profile=profile)
    path = shipped_path(name) if name in shipped_names() and not _exists(Path(name)) else Path(name)
    if density is not None:
        raise ConfigError(f"density is for networks of the zoo; workload {name[:200]!r} carries its own weights")
    if _is_name(path, name):
        raise unknown_name("workload", name[:200], [*list_models(), *shipped_names()])
    if path.suffix.lower() == ".csv":
        from workloads.files.scalesim import from_scalesim_csv

        return from_scalesim_csv(path, batch)
    if path.suffix.lower() == ".onnx":
        from workloads.onnx.importer import from_onnx

        return from_onnx(path, batch=batch, values="weights" if values else None)
    if batch != 1:
        raise ConfigError(f"batch is {batch}; workload {name[:200]!r} carries its own activations, only 1 is expected")
    return _open_saved(path)


def _is_name(path: Path, text: str) -> bool:
    """Whether a text that names nothing here was meant as a name and not as a path."""
    return not _exists(path) and not path.suffix and "/" not in text and "\\" not in text


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long or with a zero byte names nothing
        return False


def _open_saved(path: Path) -> Workload:
    if not _exists(path):
        raise MissingFileError(f"workload {str(path)[:200]!r} is not there; {EXPECTED} is expected")
    if path.is_dir() or path.suffix.lower() == ".zip":
        from workloads.files.checkpoints import from_checkpoint

        return from_checkpoint(path)
    if path.suffix.lower() == ".npz":
        return Workload.load(path)
    raise FileFormatError(f"workload {str(path)[:200]!r} has an unknown ending {path.suffix!r}; {EXPECTED} is expected")
