"""A compressed network as `compress.save` left it, as a workload: its actual integers, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accelsim.errors import FileFormatError, TraceError
from accelsim.trace.conv import ConvGeometry
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.workload import Workload
from compress.checkpoint.format import Checkpoint, LayerRecord, read
from compress.checkpoint.packed import read_packed


def from_checkpoint(folder: str | Path) -> Workload:
    """The saved layers with their integer weights and activations, the columns that are left, and the dense shapes.

    `folder` is a checkpoint's, or the .zip file that one was packed in (`compress.pack`). Raises MissingFileError where
    it or one of its files is not there, FileFormatError where they are broken.
    """
    packed = Path(folder).suffix.lower() == ".zip" and not Path(folder).is_dir()
    checkpoint = read_packed(folder) if packed else read(folder)
    where = f"checkpoint {str(folder)!r}"
    return Workload(checkpoint.name, [_trace(layer, where) for layer in checkpoint.layers], _provenance(checkpoint))


def _provenance(checkpoint: Checkpoint) -> dict[str, Any]:
    facts = {"accuracy": checkpoint.accuracy, "method": checkpoint.method}
    return {"source": "checkpoint", "checkpoint": checkpoint.name, **facts, **checkpoint.provenance}


def _trace(layer: LayerRecord, where: str) -> GemmTrace:
    """One layer, its weight as (N, K') of the columns that are left."""
    settings: dict[str, Any] = {
        "weight": layer.weight.reshape(len(layer.weight), -1),
        "groups": layer.groups,
        "weight_bits": layer.weight_bits,
        "activation_bits": layer.activation_bits,
        "weight_coding": layer.weight_coding,
        "operation": layer.operation,
        "filter_bits": layer.filter_bits,
        "dense_shape": layer.dense_shape,
    }
    try:
        if layer.kind == "conv":
            return GemmTrace(layer.name, activation=layer.ifmap, conv=_geometry(layer), **settings)
        inputs = layer.ifmap if layer.columns is None else layer.ifmap[:, layer.columns]
        return GemmTrace(layer.name, activation=inputs, **settings)
    except TraceError as error:
        raise FileFormatError(f"{where}: {error}") from error


def _geometry(layer: LayerRecord) -> ConvGeometry:
    batch, _, height, width = layer.ifmap.shape
    _, channels, rows, columns = layer.weight_shape
    kept = None if layer.columns is None else tuple(layer.columns.tolist())
    return ConvGeometry(
        batch, channels, height, width, (rows, columns), layer.stride, layer.padding, layer.dilation, kept
    )
