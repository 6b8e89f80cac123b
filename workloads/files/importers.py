"""The importers that ship, by what a file is called; what each does loads on first use."""

from __future__ import annotations

from pathlib import Path

from accelsim.errors import MissingFileError
from accelsim.trace.workload import Workload

from ..registry import Importer

EXPECTED = (
    "a network of the zoo, a shipped checkpoint, a saved .npz, a checkpoint folder, an .onnx or SCALE-Sim .csv file"
)


class ScaleSimImporter(Importer):
    """A topology file of SCALE-Sim."""

    name = "scalesim"
    suffixes = (".csv",)

    def load(self, path: Path, *, batch: int, values: bool) -> Workload:
        """Shapes, whatever `values` asks for."""
        from .scalesim import from_scalesim_csv

        return from_scalesim_csv(path, batch)


class OnnxImporter(Importer):
    """An ONNX model."""

    name = "onnx"
    suffixes = (".onnx",)

    def load(self, path: Path, *, batch: int, values: bool) -> Workload:
        """Shapes; with `values` the model's weights, quantized."""
        from ..onnx.importer import from_onnx

        return from_onnx(path, batch=batch, values="weights" if values else None)


class CheckpointImporter(Importer):
    """What `compress.save` left: a folder, or one that was packed."""

    name = "checkpoint"
    suffixes = (".zip",)
    takes_batch = False

    def opens(self, path: Path) -> bool:
        """Any folder, and .zip files."""
        return super().opens(path) or (exists(path) and path.is_dir())

    def load(self, path: Path, *, batch: int, values: bool) -> Workload:
        """The saved integers."""
        from .checkpoints import from_checkpoint

        require_there(path)
        return from_checkpoint(path)


class SavedImporter(Importer):
    """What `Workload.save` wrote."""

    name = "saved"
    suffixes = (".npz",)
    takes_batch = False

    def load(self, path: Path, *, batch: int, values: bool) -> Workload:
        """The workload as it was."""
        require_there(path)
        return Workload.load(path)


def exists(path: Path) -> bool:
    """Whether something is there; a name that is too long or holds a zero byte names nothing."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def require_there(path: Path) -> None:
    """MissingFileError, with all that a workload may be, unless something is there."""
    if not exists(path):
        raise MissingFileError(f"workload {str(path)[:200]!r} is not there; {EXPECTED} is expected")
