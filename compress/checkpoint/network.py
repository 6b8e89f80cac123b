"""All that a network does with its example, as it is saved: layers with their integers, operators, who reads whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from accelsim.errors import AccelSimError, CompressionError, TraceError
from accelsim.trace.checks import RECURRENT
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.not_simulated import NotSimulated
from accelsim.trace.operator import Operator

from ..quantizers.codes import ActivationCode, LayerCode
from ..tracing.assembly import Assembly
from ..tracing.tracers import Calls, traced
from .format import SavedLayer
from .integers import CheckpointQuantization, Scales, Uncompressed
from .runs import LayerRuns


@dataclass(frozen=True)
class SavedNetwork:
    """The layers in the order in which they run, the operators between them, who reads whom, and what is in neither."""

    layers: Sequence[SavedLayer]
    operators: Sequence[Operator]
    graph: Mapping[str, Sequence[str]]
    not_simulated: Sequence[NotSimulated]
    not_lowered: Sequence[str]


def saved_network(
    model: nn.Module,
    example: tuple[Any, ...],
    weights: Mapping[str, LayerCode],
    inputs: Mapping[str, ActivationCode],
    before: Uncompressed,
    *,
    removed: bool,
    partial: str,
) -> SavedNetwork:
    """What `model`, a plain one, does with `example`; with `removed`, columns that are zero in every filter go.

    Raises CompressionError where the model does not run, where it does no matrix work, or where some of its matrix work
    has no lowering and `partial` does not allow to leave it out.
    """
    try:
        calls, _ = traced(model, example, type(model).__name__)
        shapes = Assembly(partial=partial == "allow")
        traces, _ = shapes.finish(calls.run(shapes.visit))
        if not traces:
            raise CompressionError("the example reached no convolution and no matrix product; there is nothing to save")
        quantization = CheckpointQuantization(
            weights=weights, inputs=inputs, runs=_runs(model, weights, inputs, example), before=before
        )
        return _filled(calls, model, example, shapes, quantization, removed)
    except TraceError as error:
        raise CompressionError(f"the network cannot be saved: {error}") from error


def _runs(
    model: nn.Module,
    weights: Mapping[str, LayerCode],
    inputs: Mapping[str, ActivationCode],
    example: tuple[Any, ...],
) -> LayerRuns:
    """The layers' integer inputs; CompressionError where the model does not run with its layers on integers."""
    try:
        return LayerRuns(model, weights, inputs, example)
    except AccelSimError:
        raise
    except Exception as error:  # whatever a user's model raises
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise CompressionError(f"the model does not run with its layers on integers: {reason}") from error


def _filled(
    calls: Calls,
    model: nn.Module,
    example: tuple[Any, ...],
    shapes: Assembly,
    quantization: CheckpointQuantization,
    removed: bool,
) -> SavedNetwork:
    """The network's second run, on real numbers, of which the layers' integers are made.

    Where a layer takes its steps one by one, a run before it finds the scale of all of them.
    """
    if any(entry.gemm and entry.gemm.layer.kind in RECURRENT for entry in shapes.entries):
        calls.run(Assembly(quantization, shapes.names, calibrate=True, partial=shapes.partial).visit, example)
    assembly = Assembly(quantization, shapes.names, partial=shapes.partial)
    traces, operators = assembly.finish(calls.run(assembly.visit, example))
    layers = [_layer(trace, model, quantization.scales.get(trace.name, Scales()), removed) for trace in traces]
    return SavedNetwork(layers, operators, shapes.graph, shapes.not_simulated, shapes.not_lowered)


def _layer(trace: GemmTrace, model: nn.Module, scales: Scales, removed: bool) -> SavedLayer:
    """What is saved of one layer."""
    inputs = None
    columns = _columns_left(trace) if removed else None
    if columns is not None:
        trace = _narrowed(trace, columns)
        inputs = columns if trace.conv is None else None
    bias = _bias(model, scales.parameter, trace.groups * trace.N)
    return SavedLayer(trace, scales.weight, scales.activation, bias, inputs)


def _columns_left(trace: GemmTrace) -> np.ndarray | None:
    """The columns on which some filter has a weight; None where that is all of them, or where nobody pruned any."""
    weight = trace.weight
    if weight is None or not trace.has_weights or trace.groups > 1:
        return None
    used = np.count_nonzero(weight, axis=0) > 0
    used[0] |= not used.any()
    return None if used.all() else np.flatnonzero(used).astype(np.int64)


def _narrowed(trace: GemmTrace, columns: np.ndarray) -> GemmTrace:
    """The trace with these columns alone, in its activations too."""
    weight = trace.weight
    assert weight is not None
    changes: dict[str, Any] = {"weight": weight[:, columns], "K": len(columns), "pruned": True}
    if trace.conv is not None:
        return replace(trace, conv=replace(trace.conv, columns=tuple(columns.tolist())), **changes)
    if trace.activation is not None:
        changes["activation"] = trace.activation[:, columns]
    return replace(trace, **changes)


def _bias(model: nn.Module, parameter: str, filters: int) -> np.ndarray | None:
    """The bias that belongs to a weight's parameter by its name, where it has one number a filter; float32."""
    owner, _, own = parameter.rpartition(".")
    try:
        bias = getattr(model.get_submodule(owner), own.replace("weight", "bias"), None)
    except AttributeError:
        return None
    if own == own.replace("weight", "bias") or not isinstance(bias, torch.Tensor) or bias.shape != (filters,):
        return None
    values: np.ndarray = bias.detach().cpu().float().numpy()
    return values
