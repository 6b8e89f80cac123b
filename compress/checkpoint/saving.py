"""Write a finished network as integers: one manifest, one safetensors file, both or none."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from accelsim.errors import CompressionError, OutputError, TraceError
from accelsim.files import make_folder, require_writable, written_whole
from accelsim.trace.conv import ConvGeometry
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.serialization import describe

from ..base import Compressor
from ..graph.shrinking import shrink
from ..layers import layers_with_zeros, weight_shapes
from ..quantizers.codes import ActivationCode, LayerCode, smallest_integers
from ..quantizers.integer import IntegerLayer, IntegerNetwork, calibrate_activations, input_codes, weight_codes
from .format import FORMAT, MANIFEST, TENSORS, VERSION, SavedLayer


@dataclass(frozen=True)
class _Run:
    """What one layer did on the example: its integer input and the rows of its GEMM."""

    ifmap: np.ndarray
    rows: int


def save(
    folder: str | Path,
    model: nn.Module,
    *,
    method: Compressor | None = None,
    accuracy: float | None = None,
    example_input: torch.Tensor | None = None,
    activations: Mapping[str, ActivationCode] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Path:
    """Write `model` to `folder` as `manifest.json` and `model.safetensors`, and return the folder.

    Weights become the method's integers, 8-bit ones where it only prunes (or is None). `activations` are the codes of
    the layers' inputs (`calibrate_activations`), calibrated on `example_input` where not given, and the method's own
    where it fixes them. The example (default: the method's own) runs through the integer network, and each layer's
    integer input is saved with it. Where the method prunes whole filters, channels and columns, those are removed.
    Layers that the example does not reach are left out. `provenance` is anything that JSON holds.

    Raises CompressionError for a model or an accuracy that cannot be saved, OutputError where the folder cannot be.

    >>> from compress.checkpoint.format import read
    >>> model = nn.Sequential(nn.Linear(4, 2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     saved = read(save(folder, model, example_input=torch.rand(1, 4), accuracy=0.97))
    >>> saved.accuracy, [layer.trace.weight.dtype.name for layer in saved.layers]
    (0.97, ['int8'])
    """
    folder = Path(folder)
    require_writable(folder)
    example = example_input if example_input is not None else getattr(method, "example_input", None)
    if example is None:
        raise CompressionError("save needs an example_input, or a method that was created with one")
    if accuracy is not None and not 0 <= accuracy <= 1:
        raise CompressionError(f"accuracy is {accuracy}; a fraction from 0 to 1 is expected")
    removed = method is not None and method.columns_removed
    finished = shrink(model, example) if removed else model
    codes = weight_codes(finished, method)
    inputs = input_codes(activations or calibrate_activations(finished, [example]), method)
    runs = _runs(finished, codes, inputs, example)
    dense = method.dense_shapes if method is not None else weight_shapes(finished)
    pruned = method.pruned_layers(finished) if method is not None else layers_with_zeros(finished)
    tensors: dict[str, np.ndarray] = {}
    layers = []
    for name, (layer, run) in runs.items():
        saved = _saved(name, layer, codes[name], run, dense[name], removed, name in pruned)
        layers.append(_described(saved, tensors))
    facts = {"accuracy": accuracy, "method": type(method).__name__ if method is not None else None}
    _write(folder, {**facts, "provenance": dict(provenance or {}), "layers": layers}, tensors)
    return folder


def _runs(
    model: nn.Module,
    codes: Mapping[str, LayerCode],
    activations: Mapping[str, ActivationCode],
    example: torch.Tensor,
) -> dict[str, tuple[IntegerLayer, _Run]]:
    """Run the example on integers; each reached layer with what it did, in the order in which they ran."""
    network = IntegerNetwork(model, codes, activations)
    recorded: dict[str, tuple[IntegerLayer, _Run]] = {}

    def hook(name: str, layer: IntegerLayer, output: torch.Tensor) -> None:
        if name in recorded:
            raise CompressionError(f"layer {name!r} runs more than once on an input; such a network cannot be saved")
        assert layer.ifmap is not None
        ints = layer.ifmap if isinstance(layer.source, nn.Conv2d) else layer.ifmap.flatten(0, -2)
        rows = output.numel() // len(layer.ints)
        recorded[name] = layer, _Run(smallest_integers(ints.cpu().numpy()), rows)

    for name, layer in network.layers.items():
        layer.register_forward_hook(lambda module, _, output, name=name: hook(name, module, output))
    with torch.no_grad():
        network(example)
    if not recorded:
        raise CompressionError("the example reached no conv or linear layer; there is nothing to save")
    return recorded


def _saved(
    name: str, integer: IntegerLayer, code: LayerCode, run: _Run, dense: tuple[int, ...], removed: bool, pruned: bool
) -> SavedLayer:
    """What is saved of one layer, or CompressionError; `removed`: columns that are zero in every filter go.

    A layer that is smaller than it was is a `pruned` one whatever its method says.
    """
    layer = integer.source
    groups = getattr(layer, "groups", 1)
    ints = smallest_integers(code.ints)
    weight, columns = ints.reshape(len(ints), -1), None
    used = np.count_nonzero(weight, axis=0) > 0
    if removed and groups == 1 and not used.all():
        used[0] |= not used.any()
        columns = np.flatnonzero(used).astype(np.int64)
        weight = np.ascontiguousarray(weight[:, used])
    fields: dict[str, Any] = {
        "weight": weight, "groups": groups, "weight_bits": code.bits, "activation_bits": integer.activation.bits,
        "weight_coding": code.coding, "filter_bits": code.filter_bits, "operation": code.operation,
        "dense_shape": (run.rows, dense[0] // groups, int(np.prod(dense[1:]))),
        "pruned": pruned or weight.size < math.prod(dense),
    }  # fmt: skip
    bias = None if layer.bias is None else layer.bias.detach().cpu().float().numpy()
    conv = _geometry(layer, run.ifmap, columns) if isinstance(layer, nn.Conv2d) else None
    ifmap, inputs = run.ifmap, None
    if conv is None and columns is not None:
        ifmap, inputs = ifmap[:, columns], columns
    try:
        trace = GemmTrace(name, activation=ifmap, conv=conv, **fields)
    except TraceError as error:
        raise CompressionError(f"layer {name!r} cannot be saved: {error}") from error
    return SavedLayer(trace, code.scale, integer.activation.scale, bias, inputs)


def _described(layer: SavedLayer, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    """The manifest's entry of a layer; its arrays go into `tensors`."""
    prefix = f"{layer.name}."
    for key, values in (("bias", layer.bias), ("inputs", layer.inputs)):
        if values is not None:
            tensors[prefix + key] = values
    scales = {
        "weight_scale": np.asarray(layer.weight_scale, dtype=np.float64).tolist(),
        "activation_scale": layer.activation_scale,
    }
    return {**describe(layer.trace, prefix, tensors), **scales}


def _geometry(layer: nn.Conv2d, ifmap: np.ndarray, columns: np.ndarray | None) -> ConvGeometry:
    if layer.padding_mode != "zeros":
        raise CompressionError(f"padding mode {layer.padding_mode!r} cannot be saved; only zeros can")
    batch, channels, height, width = ifmap.shape
    rows, cols = layer.kernel_size
    return ConvGeometry(
        batch, channels // layer.groups, height, width, (rows, cols), _pair(layer.stride), _padding(layer),
        _pair(layer.dilation), None if columns is None else tuple(columns.tolist()),
    )  # fmt: skip


def _pair(sizes: tuple[int, ...]) -> tuple[int, int]:
    rows, columns = sizes
    return rows, columns


def _padding(layer: nn.Conv2d) -> tuple[int, int]:
    """The zeros on each side, (rows, columns); "same" and "valid" as numbers."""
    if not isinstance(layer.padding, str):
        return _pair(layer.padding)
    if layer.padding == "valid":
        return 0, 0
    spread = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
    if any(total % 2 for total in spread):
        raise CompressionError(f"padding 'same' of a {layer.kernel_size} kernel is uneven; it cannot be saved")
    return _pair(tuple(total // 2 for total in spread))


def _write(folder: Path, facts: dict[str, Any], tensors: dict[str, np.ndarray]) -> None:
    """Both files or none: a new folder is written beside and renamed, in an old one the manifest comes last."""
    from safetensors.numpy import save as to_bytes

    content = to_bytes({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()})
    manifest = {"format": FORMAT, "version": VERSION, "tensors_sha256": hashlib.sha256(content).hexdigest(), **facts}
    try:
        text = json.dumps(manifest, indent=1, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise CompressionError(f"provenance cannot be written as JSON: {error}") from error
    if folder.exists():
        with written_whole(folder / MANIFEST) as manifest_path, written_whole(folder / TENSORS) as tensors_path:
            tensors_path.write_bytes(content)
            manifest_path.write_text(text, encoding="utf-8")
        return
    make_folder(folder.parent)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        (beside / TENSORS).write_bytes(content)
        (beside / MANIFEST).write_text(text, encoding="utf-8")
        os.chmod(beside, 0o755)
        beside.rename(folder)
    except OSError as error:
        raise OutputError(f"cannot write {str(folder)!r}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            shutil.rmtree(beside)
