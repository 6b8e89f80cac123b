"""ONNX models as workloads: every node lowered as torch's operators are; integers of quantized models kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import helper

from accelsim.errors import ConfigError, FileFormatError, TraceError
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.not_simulated import NotSimulated
from accelsim.trace.workload import Workload
from accelsim.validation import is_whole

from .calls import OnnxCalls
from .computing import runtime_version
from .coverage import is_vendors, refusal
from .dimensions import OPEN_SIZES, SIZE_LIMIT, Dimensions, OpenSizes, checked_dimensions
from .quantized import CodedAssembly, StoredQuantization, raw_at_bits, raw_formats, with_binary, with_stored_bits

PARTIAL = ("refuse", "allow")
VALUES = (None, "weights", "activations")
Bits = int | Mapping[str, int]
Data = np.ndarray | tuple[np.ndarray, ...] | Mapping[str, np.ndarray]


def from_onnx(
    path: str | Path,
    *,
    name: str | None = None,
    batch: int = 1,
    dimensions: Dimensions | None = None,
    open_sizes: str = "refuse",
    values: str | None = None,
    data: Data | None = None,
    weight_bits: Bits | None = None,
    activation_bits: Bits | None = None,
    per_channel: bool = False,
    density: float | Mapping[str, float] = 1.0,
    pruned: bool = False,
    partial: str = "refuse",
) -> Workload:
    """Everything that the model of an .onnx file does, lowered as `from_torch` lowers it.

    `batch` sets the first dimension of each input where it is open, `dimensions` other open ones: by name ("H"), by
    input and axis ("image:2"), by axis ("2"), or, where they have no name, by "-1". With `open_sizes` "assume" those
    that are left are 224 for a side of an image and 128 otherwise, which `provenance["assumed_sizes"]` says.

    Matrix work that has no lowering is refused by its name and its share of the MACs; with `partial` "allow" it is left
    out and listed in `not_simulated`. Other work without a lowering is named in `provenance["not_lowered"]`. Uneven
    padding is written into the ifmap as zeros, which then count as elements; `provenance["padded_ifmaps"]` lists these
    layers with the zeros before and after each axis.

    `values` None gives shapes, or, of a model with quantized weights (QuantizeLinear, also with Clip, and
    DequantizeLinear around its layers, QONNX's Quant, QLinear and Integer operators, ONNX Runtime's packed ones), what
    "weights" gives: the stored integers less their zero points, with the bits of their type or range, and random
    activations of `density` with the bits of theirs. `weight_bits` and `activation_bits` are those of float tensors, 8
    where None; of stored ones they may name more bits than the file does. Float weights have one scale a tensor or,
    `per_channel`, a filter. "activations" needs `data`, the inputs as arrays in the model's order or by name: the model
    is computed by ONNX Runtime where it is installed (the extra `onnx`), else from operators that were checked against
    it, and float activations become integers; those of an unsigned type may need a bit more for their sign. `pruned`
    is `from_torch`'s.

    Raises MissingFileError; FileFormatError, one line, for a file that is broken, for control flow, for matrix work
    that cannot be simulated and for sizes that stay open; ConfigError for a setting that cannot be.

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
    mode = _checked(values, data, batch, open_sizes, partial)
    sizes = OpenSizes(f"model {str(path)!r}", batch, checked_dimensions(dimensions), open_sizes == "assume")
    calls = OnnxCalls(Path(path), sizes, partial == "allow")
    shapes = CodedAssembly(pruned=pruned)
    try:
        traces, operators = _finished(shapes, calls)
        _require_all(shapes, calls, traces, partial)
    except FileFormatError as error:
        raise FileFormatError(f"{error}{sizes.hint()}") from error
    facts = _facts(calls, batch, shapes.not_lowered) | _vendors(calls, shapes.lost)
    stored = shapes.stored()
    if mode is None and any("weight" in sides for sides in stored.values()):
        mode = "weights"
    if mode is not None:
        real = mode == "activations"
        plain = [t.name for t in traces if t.kind in {"conv", "linear"}]  # of whose operands one is an activation
        formats = raw_formats(stored, plain)
        bits = with_stored_bits(stored, [t.name for t in traces], weight_bits, activation_bits, real, formats)
        formats = raw_at_bits(formats, stored, bits[1])
        codes = {n: {s: v.code for s, v in sides.items() if v.code} for n, sides in stored.items()}
        quantization = StoredQuantization(*bits, per_channel, real, density, stored=codes, formats=formats)
        filled = CodedAssembly(quantization, shapes.names, pruned=pruned)
        inputs = _inputs(calls, data) if data is not None else None
        traces, operators = _finished(filled, calls, inputs, True)
        traces = with_binary(traces, stored)
        quantization.tell_activations()
        facts |= _told(quantization)
    if sizes.assumed:
        facts["assumed_sizes"] = sizes.assumed
    return Workload(name or Path(path).stem, traces, facts, operators, shapes.graph, tuple(shapes.lost))


def _checked(values: str | None, data: Data | None, batch: int, open_sizes: str, partial: str) -> str | None:
    """What to fill the traces with; ConfigError for settings that cannot be."""
    if values not in VALUES:
        raise ConfigError(f"values is {values!r:.60}; None, 'weights' or 'activations' is expected")
    for name, given, known in (("open_sizes", open_sizes, OPEN_SIZES), ("partial", partial, PARTIAL)):
        if given not in known:
            raise ConfigError(f"{name} is {given!r:.60}; {' or '.join(map(repr, known))} is expected")
    if not is_whole(batch, 1, SIZE_LIMIT):
        raise ConfigError(f"batch is {batch!r:.60}; an integer from 1 to {SIZE_LIMIT} is expected")
    if values == "weights" and data is not None:
        raise ConfigError("data is given, and values is 'weights'; 'activations' takes data")
    if values == "activations" and data is None:
        raise ConfigError("values is 'activations' and data is None; the model's inputs are expected")
    return "activations" if data is not None else values


def _require_all(shapes: CodedAssembly, calls: OnnxCalls, traces: Sequence[GemmTrace], partial: str) -> None:
    """FileFormatError where matrix work is left out that may not be, or where there is none at all."""
    if shapes.lost and partial == "refuse":
        raise refusal(calls.where, shapes.lost, sum(trace.macs for trace in traces), shapes.reasons)
    if not traces:
        left = [*shapes.not_lowered, *(part.operation for part in shapes.lost)]
        raise FileFormatError(
            f"{calls.where} has no convolution and no matrix product; there is nothing to simulate "
            f"(not lowered: {', '.join(left)[:300] or 'nothing'})"
        )


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


def _vendors(calls: OnnxCalls, lost: Iterable[NotSimulated]) -> dict[str, Any]:
    """How often the model has each operator that multiplies matrices and that ONNX does not define, and was lowered."""
    left = {part.operation for part in lost}
    names = (
        f"{node.domain}::{node.op_type}" for node in calls.model.graph.node if is_vendors(node.domain, node.op_type)
    )
    counts = Counter(name for name in names if name not in left)
    return {"operators_of_vendors": dict(sorted(counts.items()))} if counts else {}


def _told(quantization: StoredQuantization) -> dict[str, Any]:
    """What the provenance says of the integers."""
    scale = "one scale a " + ("filter" if quantization.per_channel else "tensor")
    facts: dict[str, Any] = {
        "weights": f"the file's integers where it stores them, others symmetric, {scale}",
        "codes": quantization.codes,
    }
    if quantization.real_activations:
        version = runtime_version()
        by = f"ONNX Runtime {version}" if version else "checked operators of ONNX's reference implementation"
        return facts | {"activations": f"of the data, computed by {by}"}
    density = quantization.assumed_density
    return facts | {"assumed": {"activation_density": dict(density) if isinstance(density, Mapping) else density}}
