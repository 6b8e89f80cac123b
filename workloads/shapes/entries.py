"""One operator as a JSON object that says only what differs from the usual; layers have `trace.serialization.brief`."""

from __future__ import annotations

from typing import Any

from accelsim.trace.operator import Operator

Entry = dict[str, Any]
_USUAL = {"parameters": 0, "fused": False, "activation_bits": 8, "repeat": 1}


def operator_entry(operator: Operator) -> Entry:
    """All of an operator that differs from the usual."""
    return {key: value for key, value in operator.to_record().items() if key not in _USUAL or value != _USUAL[key]}


def restored_operator(entry: Entry) -> Operator:
    """The operator that `operator_entry` wrote. TypeError or TraceError for anything else."""
    return Operator(**entry)
