"""The importers that ship, by what a file is called; what each does loads on first use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from accelsim.errors import MissingFileError
from accelsim.trace.workload import Workload

from ..registry import Importer

EXPECTED = (
    "a network of the zoo, a shipped checkpoint, a saved .npz, a checkpoint folder, an .onnx or SCALE-Sim .csv file, "
    "or the .yaml of a Timeloop problem or ZigZag workload"
)
PEEK_BYTES = 2**16  # of a file, to see what it is


class ScaleSimImporter(Importer):
    """A topology file of SCALE-Sim."""

    name = "scalesim"
    suffixes = (".csv",)
    takes_partial = True

    def load(self, path: Path, *, batch: int, values: bool, partial: str = "refuse") -> Workload:
        """Shapes, whatever `values` asks for."""
        from .scalesim import from_scalesim_csv

        return from_scalesim_csv(path, batch, partial=partial)


class OnnxImporter(Importer):
    """An ONNX model."""

    name = "onnx"
    suffixes = (".onnx",)
    takes_dimensions = True
    takes_partial = True

    def load(
        self,
        path: Path,
        *,
        batch: int,
        values: bool,
        dimensions: Mapping[str, int] | None = None,
        open_sizes: str = "refuse",
        partial: str = "refuse",
    ) -> Workload:
        """Shapes; with `values` the model's weights, quantized."""
        from ..onnx.importer import from_onnx

        how = "weights" if values else None
        return from_onnx(path, batch=batch, values=how, dimensions=dimensions, open_sizes=open_sizes, partial=partial)


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


class TimeloopImporter(Importer):
    """A Timeloop problem."""

    name = "timeloop"
    suffixes = (".yaml", ".yml")
    takes_batch = False

    def opens(self, path: Path) -> bool:
        """YAML files with a `problem`."""
        return super().opens(path) and re.search(rb"^[\"']?problem[\"']?\s*:", beginning(path), re.M) is not None

    def load(self, path: Path, *, batch: int, values: bool) -> Workload:
        """Shapes, or random operands of the densities that the problem says."""
        from .timeloop import from_timeloop

        return from_timeloop(path)


class ZigZagImporter(Importer):
    """A ZigZag workload."""

    name = "zigzag"
    suffixes = (".yaml", ".yml")
    takes_batch = False
    takes_partial = True

    def opens(self, path: Path) -> bool:
        """YAML files whose layers have an `operator_type`."""
        return super().opens(path) and re.search(rb"\boperator_type\b", beginning(path)) is not None

    def load(self, path: Path, *, batch: int, values: bool, partial: str = "refuse") -> Workload:
        """Shapes, whatever `values` asks for."""
        from .zigzag import from_zigzag

        return from_zigzag(path, partial=partial)


def beginning(path: Path) -> bytes:
    """The first bytes of a file, none where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(PEEK_BYTES)
    except (OSError, ValueError):
        return b""


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
