"""Checkpoint folders as manifest version 1 had them, written from today's by a second hand."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

import compress


def as_version1(folder: Path) -> Path:
    """Write the checkpoint in `folder` over in the form of version 1; inputs that are gone hold 0.

    That version knew signed codes alone: unsigned ones become half of them, at twice the scale.

    A linear layer's columns are gone from its weight, but not from its ifmap.
    """
    saved = compress.read(folder)
    tensors: dict[str, np.ndarray] = {}
    layers = [_entry(layer, tensors) for layer in saved.layers]
    save_file(tensors, folder / "model.safetensors")
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    manifest = {"format": "accelsim-checkpoint", "version": 1, "tensors_sha256": digest, "accuracy": saved.accuracy}
    manifest |= {"method": saved.method, "provenance": dict(saved.provenance), "layers": layers}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))
    return folder


def _entry(layer: Any, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    trace, name = layer.trace, layer.name
    entry = {
        "name": name, "kind": trace.kind, "weight_bits": trace.weight_bits, "weight_coding": trace.weight_coding,
        "operation": trace.operation, "weight_scale": np.asarray(layer.weight_scale).tolist(),
        "activation_bits": trace.activation_bits,
        "activation_scale": layer.activation_scale * (2 - trace.activation_signed),
        "dense_shape": list(trace.dense_shape), "stride": [1, 1], "padding": [0, 0], "dilation": [1, 1],
        "groups": trace.groups,
    }  # fmt: skip
    if trace.filter_bits is not None:
        entry["filter_bits"] = list(trace.filter_bits)
    if layer.bias is not None:
        tensors[f"{name}.bias"] = layer.bias
    columns = layer.inputs if trace.conv is None else trace.conv.columns
    if columns is not None:
        tensors[f"{name}.columns"] = np.asarray(columns, np.int64)
    filters = trace.groups * trace.N
    if trace.conv is None:
        inputs = trace.K if columns is None else int(columns[-1]) + 1
        ifmap = np.zeros((trace.M, inputs), trace.activation.dtype)
        ifmap[:, slice(None) if columns is None else columns] = trace.activation
        ifmap = _signed(ifmap, trace)
        shape: tuple[int, ...] = (filters, inputs)
    else:
        conv, ifmap = trace.conv, _signed(trace.ifmap, trace)
        shape = (filters, conv.channels, *conv.kernel)
        entry |= {key: list(getattr(conv, key)) for key in ("stride", "padding", "dilation")}
    weight = trace.weight if columns is not None else trace.weight.reshape(shape)
    tensors |= {f"{name}.weight": np.ascontiguousarray(weight), f"{name}.ifmap": np.ascontiguousarray(ifmap)}
    return {**entry, "weight_shape": list(shape)}


def _signed(codes: np.ndarray, trace: Any) -> np.ndarray:
    return codes if trace.activation_signed else (codes >> 1).astype(np.int8)
