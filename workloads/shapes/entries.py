"""One layer's shape, or one operator, as a JSON object that says only what differs from the usual."""

from __future__ import annotations

from typing import Any

from accelsim.trace.conv import ConvGeometry
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.operator import Operator

Entry = dict[str, Any]
_LAYER = {"groups": 1, "repeat": 1}  # said only where they differ from this
_CONV = {"batch": 1, "stride": 1, "padding": 0, "dilation": 1}
_OPERATOR = {"parameters": 0, "fused": False, "activation_bits": 8, "repeat": 1}
_CONV_FIELDS = ("batch", "channels", "height", "width", "kernel", "stride", "padding", "dilation")


def entry(trace: GemmTrace) -> Entry:
    """The shape of a trace: its name, N, and either its convolution, from which M and K follow, or M and K."""
    sizes: Entry = {"M": trace.M, "N": trace.N, "K": trace.K} if trace.conv is None else {"N": trace.N}
    rest = _unusual({"groups": trace.groups, "repeat": trace.repeat}, _LAYER)
    if trace.kind != ("linear" if trace.conv is None else "conv"):
        rest["kind"] = trace.kind
    if trace.conv is not None:
        rest["conv"] = _unusual({field: _short(getattr(trace.conv, field)) for field in _CONV_FIELDS}, _CONV)
    return {"name": trace.name, **sizes, **rest}


def restored(entry: Entry) -> GemmTrace:
    """The shape that `entry` wrote. TypeError or TraceError for anything else."""
    conv = ConvGeometry(**(_CONV | entry["conv"])) if "conv" in entry else None
    return GemmTrace(**(entry | {"conv": conv}))


def operator_entry(operator: Operator) -> Entry:
    """All of an operator that differs from the usual."""
    return _unusual(operator.to_record(), _OPERATOR)


def restored_operator(entry: Entry) -> Operator:
    """The operator that `operator_entry` wrote. TypeError or TraceError for anything else."""
    return Operator(**entry)


def _unusual(values: Entry, usual: Entry) -> Entry:
    return {key: value for key, value in values.items() if key not in usual or value != usual[key]}


def _short(value: int | tuple[int, int]) -> int | list[int]:
    """A pair of equal sizes as one of them."""
    if isinstance(value, int):
        return value
    return value[0] if value[0] == value[1] else list(value)
