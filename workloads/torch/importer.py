"""Any torch model as a workload: traced by `torch.export`, or by hooks where that fails, and lowered call by call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from accelsim.errors import ConfigError, TraceError
from accelsim.trace.workload import Workload

from ..lowering.quantizing import Quantization
from .assembly import Assembly
from .export import ExportedCalls, NotExportedError
from .hooks import HookedCalls

if TYPE_CHECKING:
    import torch
    from torch import nn

VALUES = (None, "weights", "activations")
TRACERS = (None, ExportedCalls.name, HookedCalls.name)
Bits = int | Mapping[str, int]


def from_torch(
    model: nn.Module,
    example_input: torch.Tensor | tuple[Any, ...],
    *,
    name: str | None = None,
    values: str | None = None,
    weight_bits: Bits = 8,
    activation_bits: Bits = 8,
    per_channel: bool = False,
    data: Iterable[Any] | None = None,
    density: float | Mapping[str, float] = 1.0,
    trace_by: str | None = None,
    pruned: bool = False,
) -> Workload:
    """Everything that the model does with `example_input` (a tensor, or a tuple of all arguments).

    Matrix products are traces; all else is an operator of the vector unit, named in `provenance["not_lowered"]` where
    it has none, or free (views, permutations). Batch norms are folded into the layer that they directly follow. The
    model runs in evaluation mode and is left as it was.

    `values` None gives shapes. "activations": integer weights and the integers that the example's activations are, with
    `weight_bits` and `activation_bits` (one number or {layer: number}) and one weight scale a tensor or, `per_channel`,
    a filter; the activations' ranges come from `data` too, inputs of the example's shape. "weights": integer weights,
    and random activations of the assumed `density` (a number or {layer: number}). `trace_by` takes one of the two
    tracers, "torch.export" or "hooks"; None tries them in this order. Unless `pruned` says that somebody pruned the
    model, the zeros of its integers are rounding's, and count as weights in α.

    Raises TraceError where the model does not run, where a module with parameters cannot be lowered, or where there is
    no matrix product at all; ConfigError for a setting that cannot be.

    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    >>> network = from_torch(model, torch.zeros(1, 4))
    >>> [trace.shape for trace in network.traces], [operator.op for operator in network.operators]
    ([Shape(M=1, N=3, K=4), Shape(M=1, N=2, K=3)], ['relu'])
    """
    if values not in VALUES:
        raise ConfigError(f"values is {values!r:.60}; None, 'weights' or 'activations' is expected")
    if trace_by not in TRACERS:
        raise ConfigError(f"trace_by is {trace_by!r:.60}; None, 'torch.export' or 'hooks' is expected")
    title = name or type(model).__name__
    inputs = example_input if isinstance(example_input, tuple) else (example_input,)
    calls, facts = _traced(model, inputs, title, trace_by)
    shapes = Assembly(pruned=pruned)
    traces, operators = shapes.finish(calls.run(shapes.visit))
    if not traces:
        raise TraceError(f"model {title!r} ran no convolution and no matrix product; there is nothing to simulate")
    facts |= {"model": type(model).__name__, "input": _shapes(inputs), "not_lowered": shapes.not_lowered}
    if values is not None:
        quantization = Quantization(weight_bits, activation_bits, per_channel, values == "activations", density)
        traces, operators = _with_values(calls, inputs, data, quantization, shapes)
        facts |= _told(quantization, data is not None)
    return Workload(title, traces, {"source": "torch", **facts}, operators, shapes.graph)


def _traced(
    model: nn.Module, inputs: tuple[Any, ...], title: str, trace_by: str | None
) -> tuple[ExportedCalls | HookedCalls, dict[str, Any]]:
    """The model's calls by the tracer asked for, or by the first of the two that works, and which it was."""
    hooks = HookedCalls(model, inputs, title)
    if trace_by == HookedCalls.name:
        return hooks, {"traced_by": HookedCalls.name}
    try:
        return ExportedCalls(model, inputs), {"traced_by": ExportedCalls.name}
    except NotExportedError as error:
        if trace_by is not None:
            raise TraceError(f"model {title!r} cannot be traced by torch.export: {error}") from error
        return hooks, {"traced_by": HookedCalls.name, "export_failed": str(error)}


def _with_values(
    calls: ExportedCalls | HookedCalls,
    inputs: tuple[Any, ...],
    data: Iterable[Any] | None,
    quantization: Quantization,
    shapes: Assembly,
) -> Any:
    """The same traces and operators with integers: ranges from `data` first, then the example's numbers."""
    for batch in data or ():
        given = batch if isinstance(batch, tuple) else (batch,)
        if _shapes(given) != _shapes(inputs):
            raise TraceError(f"data of shape {_shapes(given)}; {_shapes(inputs)} as the example's is expected")
        calls.run(Assembly(quantization, shapes.names, calibrate=True).visit, given)
    filled = Assembly(quantization, shapes.names, pruned=shapes.pruned)
    return filled.finish(calls.run(filled.visit, inputs))


def _told(quantization: Quantization, calibrated: bool) -> dict[str, Any]:
    """What the provenance says of the integers."""
    facts: dict[str, Any] = {
        "weights": "the model's, symmetric, one scale a " + ("filter" if quantization.per_channel else "tensor"),
        "codes": quantization.codes,
    }
    if quantization.real_activations:
        ranges = "data and example" if calibrated else "example"
        return facts | {"activations": "the example's", "activation_ranges": ranges}
    density = quantization.assumed_density
    return facts | {"assumed": {"activation_density": dict(density) if isinstance(density, Mapping) else density}}


def _shapes(inputs: tuple[Any, ...]) -> list[Any]:
    """The shape of the one input, or a list with one of each."""
    found = [list(value.shape) if hasattr(value, "shape") else repr(value)[:60] for value in inputs]
    return found[0] if len(found) == 1 else found  # type: ignore[return-value]  # a single input's shape is a list too
