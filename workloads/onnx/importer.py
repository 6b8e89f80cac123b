"""ONNX models as workloads: every node lowered as torch's operators are; integers of quantized models kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from onnx import helper

from accelsim.errors import ConfigError, FileFormatError, TraceError
from accelsim.trace.workload import Workload
from accelsim.validation import is_whole

from .calls import OnnxCalls
from .quantized import CodedAssembly, StoredQuantization, with_stored_bits

VALUES = (None, "weights", "activations")
Bits = int | Mapping[str, int]
Data = np.ndarray | tuple[np.ndarray, ...] | Mapping[str, np.ndarray]


def from_onnx(
    path: str | Path,
    *,
    name: str | None = None,
    batch: int = 1,
    dimensions: Mapping[str, int] | None = None,
    values: str | None = None,
    data: Data | None = None,
    weight_bits: Bits = 8,
    activation_bits: Bits = 8,
    per_channel: bool = False,
    density: float | Mapping[str, float] = 1.0,
    pruned: bool = False,
) -> Workload:
    """Everything that the model of an .onnx file does, lowered as `from_torch` lowers it.

    `batch` sets the first dimension of each input where it is open, `dimensions` other open ones by name. What has no
    lowering is named in `provenance["not_lowered"]`. Uneven padding is written into the ifmap as zeros, which then
    count as elements; `provenance["padded_ifmaps"]` lists these layers with the zeros before and after each axis.

    `values` None gives shapes, or, of a model with quantized weights (QuantizeLinear and DequantizeLinear around its
    layers, QLinear and Integer operators), what "weights" gives: the stored integers less their zero points, with the
    bits of their type, and random activations of `density` with the bits of theirs. Float weights become integers of
    `weight_bits`, one scale a tensor or, `per_channel`, a filter. "activations" needs `data`, the inputs as arrays in
    the model's order or by name: the model is computed with ONNX's reference implementation, and float activations
    become integers of `activation_bits`; those of an unsigned type may need a bit more for their sign. `pruned` is
    `from_torch`'s.

    Raises MissingFileError; FileFormatError, one line, for a file that is broken, for control flow and for sizes that
    stay open; ConfigError for a setting that cannot be.

    >>> import onnx, tempfile
    >>> from functools import partial
    >>> weight = onnx.numpy_helper.from_array(np.ones((8, 4), np.float32), "w")
    >>> value = partial(helper.make_tensor_value_info, elem_type=onnx.TensorProto.FLOAT)
    >>> node = helper.make_node("MatMul", ["x", "w"], ["y"], name="fc")
    >>> graph = helper.make_graph([node], "g", [value("x", shape=(1, 8))], [value("y", shape=(1, 4))], [weight])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), f"{folder}/net.onnx")
    ...     network = from_onnx(f"{folder}/net.onnx")
    >>> network.traces[0].name, network.traces[0].shape
    ('fc', Shape(M=1, N=4, K=8))
    """
    mode = _checked(values, data, batch, dimensions or {})
    calls = OnnxCalls(Path(path), batch, dimensions or {})
    shapes = CodedAssembly(pruned=pruned)
    traces, operators = _finished(shapes, calls)
    if not traces:
        raise FileFormatError(
            f"{calls.where} has no convolution and no matrix product; there is nothing to simulate "
            f"(not lowered: {', '.join(shapes.not_lowered)[:300] or 'nothing'})"
        )
    facts = _facts(calls, batch, shapes.not_lowered)
    stored = shapes.stored()
    if mode is None and any("weight" in sides for sides in stored.values()):
        mode = "weights"
    if mode is not None:
        real = mode == "activations"
        bits = with_stored_bits(stored, [t.name for t in traces], weight_bits, activation_bits, real)
        codes = {n: {s: v.code for s, v in sides.items() if v.code} for n, sides in stored.items()}
        quantization = StoredQuantization(*bits, per_channel, real, density, stored=codes)
        filled = CodedAssembly(quantization, shapes.names, pruned=pruned)
        inputs = _inputs(calls, data) if data is not None else None
        traces, operators = _finished(filled, calls, inputs, True)
        quantization.tell_activations()
        facts |= _told(quantization)
    return Workload(name or Path(path).stem, traces, facts, operators, shapes.graph)


def _checked(values: str | None, data: Data | None, batch: int, dimensions: Mapping[str, int]) -> str | None:
    """What to fill the traces with; ConfigError for settings that cannot be."""
    if values not in VALUES:
        raise ConfigError(f"values is {values!r:.60}; None, 'weights' or 'activations' is expected")
    for name, size in {"batch": batch, **dimensions}.items():
        if not is_whole(size, 1, 2**20):
            raise ConfigError(f"{name} is {size!r:.60}; an integer from 1 to {2**20} is expected")
    if values == "weights" and data is not None:
        raise ConfigError("data is given, and values is 'weights'; 'activations' takes data")
    if values == "activations" and data is None:
        raise ConfigError("values is 'activations' and data is None; the model's inputs are expected")
    return "activations" if data is not None else values


def _finished(
    assembly: CodedAssembly, calls: OnnxCalls, inputs: Mapping[str, np.ndarray] | None = None, weights: bool = False
) -> Any:
    """The traces and operators of one walk through the model."""
    try:
        return assembly.finish(calls.run(assembly.visit, inputs, weights))
    except TraceError as error:
        raise FileFormatError(f"{calls.where}: {error}") from error


def _inputs(calls: OnnxCalls, data: Data) -> dict[str, np.ndarray]:
    """The given arrays by the inputs' names; ConfigError where they are not what the model takes."""
    given = data if isinstance(data, Mapping) else dict(zip(calls.inputs, _listed(data), strict=False))
    if set(given) != set(calls.inputs) or (isinstance(data, tuple) and len(data) != len(calls.inputs)):
        raise ConfigError(f"data has {sorted(given)}; {sorted(calls.inputs)} is expected")
    arrays = {}
    for name, kind in calls.inputs.items():
        array, shape = np.asarray(given[name]), tuple(d.dim_value for d in kind.tensor_type.shape.dim)
        if array.shape != shape:
            raise ConfigError(f"data for input {name!r} has shape {array.shape}; {shape} is expected")
        arrays[name] = array.astype(helper.tensor_dtype_to_np_dtype(kind.tensor_type.elem_type), copy=False)
    return arrays


def _listed(data: np.ndarray | tuple[np.ndarray, ...] | Mapping[str, np.ndarray]) -> tuple[Any, ...]:
    return data if isinstance(data, tuple) else (data,)


def _facts(calls: OnnxCalls, batch: int, not_lowered: list[str]) -> dict[str, Any]:
    """Where the workload comes from."""
    model = calls.model
    shapes = {name: [d.dim_value for d in kind.tensor_type.shape.dim] for name, kind in calls.inputs.items()}
    facts = {
        "source": "onnx", "file": calls.path.name, "opset": calls.versions[""], "producer": model.producer_name[:80],
        "batch": batch, "input": shapes, "not_lowered": not_lowered,
    }  # fmt: skip
    return {**facts, "padded_ifmaps": calls.padded} if calls.padded else facts


def _told(quantization: StoredQuantization) -> dict[str, Any]:
    """What the provenance says of the integers."""
    scale = "one scale a " + ("filter" if quantization.per_channel else "tensor")
    facts: dict[str, Any] = {
        "weights": f"the file's integers where it stores them, others symmetric, {scale}",
        "codes": quantization.codes,
    }
    if quantization.real_activations:
        return facts | {"activations": "of the data, computed by ONNX's reference implementation"}
    density = quantization.assumed_density
    return facts | {"assumed": {"activation_density": dict(density) if isinstance(density, Mapping) else density}}
