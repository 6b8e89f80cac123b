"""Write a finished network as integers: one manifest, one safetensors file, both or none."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from accelsim.errors import AccelSimError, CompressionError, OutputError
from accelsim.files import make_folder, require_writable, written_whole
from accelsim.trace.not_simulated import not_simulated_records
from accelsim.trace.serialization import describe

from ..base import Compressor
from ..graph.shrinking import shrink
from ..layers import layers_with_zeros, weight_shapes
from ..plain import plain_copy
from ..quantizers.codes import ActivationCode
from ..quantizers.integer import calibrate_activations, input_codes, weight_codes
from ..tracing.memory import buffers_kept, fresh
from ..tracing.wrappers import unwrapped
from .format import FORMAT, MANIFEST, TENSORS, VERSION, SavedLayer
from .integers import Uncompressed
from .network import SavedNetwork, saved_network

PARTIAL = ("refuse", "allow")


def save(
    folder: str | Path,
    model: nn.Module,
    *,
    method: Compressor | None = None,
    accuracy: float | None = None,
    example_input: torch.Tensor | tuple[Any, ...] | None = None,
    activations: Mapping[str, ActivationCode] | None = None,
    provenance: Mapping[str, Any] | None = None,
    partial: str = "refuse",
) -> Path:
    """Write `model` to `folder` as `manifest.json` and `model.safetensors`, and return the folder.

    All that the network does with the example is saved: every convolution, matrix product, recurrent layer and
    attention as a layer with its integers, all else as an operator of the vector unit, and who reads whom. A layer's
    weight is what it computes with, masks and parametrizations worked in. Weights become the method's integers, 8-bit
    ones where it only prunes (or is None). `activations` are the codes of the layers' inputs
    (`calibrate_activations`), calibrated on `example_input` where not given, and the method's own where it fixes them.
    The example (a tensor, or a tuple of all arguments; default: the method's own) runs through the integer network, and
    each layer's integer input is saved with it. Where the method prunes whole filters, channels and columns, those are
    removed. What the example does not reach is left out. `provenance` is anything that JSON holds.

    Matrix work that has no lowering is refused, or with `partial` "allow" left out and recorded in the checkpoint's
    `not_simulated`. Raises CompressionError for a model or an accuracy that cannot be saved, OutputError where the
    folder cannot be.

    >>> from compress.checkpoint.format import read
    >>> model = nn.Sequential(nn.Linear(4, 2), nn.ReLU())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     saved = read(save(folder, model, example_input=torch.rand(1, 4), accuracy=0.97))
    >>> saved.accuracy, [layer.trace.weight.dtype.name for layer in saved.layers], [o.op for o in saved.operators]
    (0.97, ['int8'], ['relu'])
    """
    folder = Path(folder)
    require_writable(folder)
    example = example_input if example_input is not None else getattr(method, "example_input", None)
    if example is None:
        raise CompressionError("save needs an example_input, or a method that was created with one")
    if accuracy is not None and not 0 <= accuracy <= 1:
        raise CompressionError(f"accuracy is {accuracy}; a fraction from 0 to 1 is expected")
    if partial not in PARTIAL:
        raise CompressionError(f"partial is {partial!r:.60}; 'refuse' or 'allow' is expected")
    if method is None and activations is None:
        model = unwrapped(model)  # names of a method's, or of given codes, are those of the model as it was handed over
    inputs = tuple(_as_float(one) for one in (example if isinstance(example, tuple) else (example,)))
    network = _finished_network(model, inputs, method, activations, partial)
    tensors: dict[str, np.ndarray] = {}
    content = {
        "accuracy": accuracy,
        "method": type(method).__name__ if method is not None else None,
        "provenance": dict(provenance or {}),
        "layers": [_described(layer, tensors) for layer in network.layers],
        "operators": [operator.to_record() for operator in network.operators],
        "graph": {reader: list(sources) for reader, sources in network.graph.items()},
        "not_simulated": not_simulated_records(network.not_simulated),
        "not_lowered": list(network.not_lowered),
    }
    _write(folder, content, tensors)
    return folder


def _finished_network(
    model: nn.Module,
    example: tuple[Any, ...],
    method: Compressor | None,
    activations: Mapping[str, ActivationCode] | None,
    partial: str,
) -> SavedNetwork:
    """What is saved of the model: without the filters, channels and columns that its method removed."""
    removed = method is not None and method.columns_removed
    plain = plain_copy(model)
    finished = shrink(plain, example) if removed else plain
    own = method.codes(finished) if method is not None else {}
    codes = {**own, **weight_codes(finished, method)}
    inputs = input_codes(activations or _calibrated(finished, example), method)
    shapes = method.dense_shapes if method is not None else weight_shapes(finished)
    pruned = method.pruned_layers(finished) if method is not None else layers_with_zeros(finished)
    before = Uncompressed(shapes, pruned)
    return saved_network(finished, example, codes, inputs, before, removed=removed, partial=partial)


def _calibrated(model: nn.Module, example: tuple[Any, ...]) -> dict[str, ActivationCode]:
    """The codes of the layers' inputs on the example; CompressionError where the model does not run on it."""
    try:
        with buffers_kept(model):
            return calibrate_activations(model, [(fresh(example), None)])
    except AccelSimError:
        raise
    except Exception as error:  # whatever a user's model raises
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise CompressionError(f"the model does not run on the example input: {reason}") from error


def _as_float(given: Any) -> Any:
    """Inputs of half precision as float32, which is what the plain model computes in."""
    halves = torch.float16, torch.bfloat16
    return given.float() if isinstance(given, torch.Tensor) and given.dtype in halves else given


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
