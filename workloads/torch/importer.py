"""Any torch model as a workload: traced by `torch.export`, or by hooks where that fails, and lowered call by call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch.export import ExportedProgram

from accelsim.errors import ConfigError, TraceError
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.workload import Workload
from compress.graph.masks import masked_layers
from compress.lowering.quantizing import Quantization
from compress.tracing.assembly import Assembly
from compress.tracing.tracers import TRACERS, Calls, traced
from compress.tracing.wrappers import example_of, unwrapped

if TYPE_CHECKING:
    import torch
    from torch import nn

PARTIAL = ("refuse", "allow")
VALUES = (None, "weights", "activations")
Bits = int | Mapping[str, int]


def from_torch(
    model: nn.Module | ExportedProgram,
    example_input: torch.Tensor | tuple[Any, ...] | None = None,
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
    partial: str = "refuse",
) -> Workload:
    """Everything that the model does with `example_input` (a tensor, or a tuple of all arguments).

    The model may be compiled or wrapped for data-parallel training, and may be what `torch.export` made, which brings
    its own example.

    Matrix products are traces; all else is an operator of the vector unit, named in `provenance["not_lowered"]` where
    it has none, or free (views, permutations). Batch norms are folded into the layer that they directly follow. The
    model runs in evaluation mode and is left as it was.

    `values` None gives shapes. "activations": integer weights and the integers that the example's activations are, with
    `weight_bits` and `activation_bits` (one number or {layer: number}) and one weight scale a tensor or, `per_channel`,
    a filter; the activations' ranges come from `data` too, inputs of the example's shape. "weights": integer weights,
    and random activations of the assumed `density` (a number or {layer: number}). `trace_by` takes one of the two
    tracers, "torch.export" or "hooks"; None tries them in this order. Unless `pruned` says that somebody pruned the
    model, the zeros of its integers are rounding's, and count as weights in α; layers under masks of
    `torch.nn.utils.prune` were pruned. `partial` "allow" goes on where matrix work has no lowering (a product, a layer,
    an operation with parameters) and names it in `not_simulated`.

    Raises TraceError where the model does not run, where matrix work would be lost, or where there is no matrix product
    at all; ConfigError for a setting that cannot be.

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
    if partial not in PARTIAL:
        raise ConfigError(f"partial is {partial!r:.60}; 'refuse' or 'allow' is expected")
    model = unwrapped(model)
    title = name or type(model).__name__
    inputs = _inputs(model, example_input)
    calls, facts = traced(model, inputs, title, trace_by)
    shapes = Assembly(pruned=pruned, partial=partial == "allow")
    traces, operators = shapes.finish(calls.run(shapes.visit))
    if not traces:
        left = ", ".join(f"{lost.operation} at {lost.name}" for lost in shapes.not_simulated[:3])
        but = f" but {left}, which are not simulated" if left else ""
        raise TraceError(f"model {title!r} ran no convolution and no matrix product{but}; there is nothing to simulate")
    facts |= {"model": type(model).__name__, "input": _shapes(inputs), "not_lowered": shapes.not_lowered}
    if values is not None:
        quantization = Quantization(weight_bits, activation_bits, per_channel, values == "activations", density)
        traces, operators = _with_values(calls, inputs, data, quantization, shapes)
        facts |= _told(quantization, data is not None)
    traces = _with_masks(traces, model)
    facts = {"source": "torch", **facts}
    return Workload(title, traces, facts, operators, shapes.graph, tuple(shapes.not_simulated))


def _inputs(model: nn.Module | ExportedProgram, example: Any) -> tuple[Any, ...]:
    """The example as a tuple of all arguments; an exported program's own where none is given."""
    if example is None and isinstance(model, ExportedProgram):
        example = example_of(model)
    if example is None:
        raise ConfigError("example_input is None; a tensor or a tuple of all arguments is expected")
    return example if isinstance(example, tuple) else (example,)


def _with_masks(traces: list[GemmTrace], model: nn.Module | ExportedProgram) -> list[GemmTrace]:
    """Layers under masks of a pruner were pruned: their zeros are weights that are gone."""
    masked = frozenset[str]() if isinstance(model, ExportedProgram) else masked_layers(model)

    def is_masked(name: str) -> bool:
        parts = name.split("#")[0].split(".")
        return (not masked.isdisjoint(".".join(parts[:end]) for end in range(1, len(parts) + 1))) or "" in masked

    return [replace(trace, pruned=True) if masked and is_masked(trace.name) else trace for trace in traces]


def _with_values(
    calls: Calls,
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
        calls.run(Assembly(quantization, shapes.names, calibrate=True, partial=shapes.partial).visit, given)
    filled = Assembly(quantization, shapes.names, pruned=shapes.pruned, partial=shapes.partial)
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
