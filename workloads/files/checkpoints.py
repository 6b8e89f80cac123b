"""A compressed network as `compress.save` left it, as a workload: its actual integers, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accelsim.trace.workload import Workload
from compress.checkpoint.format import Checkpoint, read
from compress.checkpoint.packed import read_packed


def from_checkpoint(folder: str | Path) -> Workload:
    """The saved layers with their integer weights and activations, the columns that are left, and the dense shapes;
    the operators between them, who reads whom, and what the network does beyond (`not_simulated`).

    `folder` is a checkpoint's, or the .zip file that one was packed in (`compress.pack`). Raises MissingFileError where
    it or one of its files is not there, FileFormatError where they are broken.

    >>> import compress, tempfile, torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     network = from_checkpoint(compress.save(folder, model, example_input=torch.rand(1, 4)))
    >>> network.traces[0].weight.shape, network.traces[0].weight_bits
    ((2, 4), 8)
    """
    packed = Path(folder).suffix.lower() == ".zip" and not Path(folder).is_dir()
    checkpoint = read_packed(folder) if packed else read(folder)
    return checkpoint.workload(_provenance(checkpoint))


def _provenance(checkpoint: Checkpoint) -> dict[str, Any]:
    facts = {"accuracy": checkpoint.accuracy, "method": checkpoint.method}
    told = {"not_lowered": list(checkpoint.not_lowered)} if checkpoint.not_lowered else {}
    return {"source": "checkpoint", "checkpoint": checkpoint.name, **facts, **told, **checkpoint.provenance}
