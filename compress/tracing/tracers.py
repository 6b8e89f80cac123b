"""The two tracers and which of them follows a model: `torch.export` first, hooks where that cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.export import ExportedProgram

from accelsim.errors import ConfigError, TraceError

from .export import ExportedCalls, NotExportedError
from .hooks import HookedCalls

if TYPE_CHECKING:
    from torch import nn

TRACERS = (None, ExportedCalls.name, HookedCalls.name)
Calls = ExportedCalls | HookedCalls


def traced(
    model: nn.Module | ExportedProgram, inputs: tuple[Any, ...], title: str, trace_by: str | None = None
) -> tuple[Calls, dict[str, Any]]:
    """The model's calls by the tracer asked for, or by the first of the two that works, and which it was.

    Raises TraceError where `torch.export` is asked for and cannot follow the model, which messages call `title`,
    or where its graph cannot be lowered; ConfigError where hooks are asked for of a program that it traced before.
    """
    if isinstance(model, ExportedProgram):
        return _of_program(model, inputs, title, trace_by), {"traced_by": ExportedCalls.name}
    hooks = HookedCalls(model, inputs, title)
    if trace_by == HookedCalls.name:
        return hooks, {"traced_by": HookedCalls.name}
    try:
        return ExportedCalls(model, inputs), {"traced_by": ExportedCalls.name}
    except NotExportedError as error:
        if trace_by is not None:
            raise TraceError(f"model {title!r} cannot be traced by torch.export: {error}") from error
        return hooks, {"traced_by": HookedCalls.name, "export_failed": str(error)}


def _of_program(program: ExportedProgram, inputs: tuple[Any, ...], title: str, trace_by: str | None) -> ExportedCalls:
    """The calls of a program that torch.export made before."""
    if trace_by == HookedCalls.name:
        raise ConfigError("trace_by is 'hooks'; torch.export traced this program already, None is expected")
    try:
        return ExportedCalls(program, inputs)
    except NotExportedError as error:
        raise TraceError(f"program {title!r} cannot be lowered: {error}") from error
