"""Bits that a network's weights take in each storage format, values and indices apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from accelsim.errors import TraceError
from accelsim.formats import encode
from accelsim.workload import Workload

COMPARED = ("dense", "csr_absolute", "csr_relative")


def storage_rows(networks: Mapping[str, Workload], formats: Sequence[str] = COMPARED) -> list[dict[str, Any]]:
    """One row a network and format: value and index bits summed over its layers, `csr_relative` at its best width.

    TraceError where a layer is a shape. Source of the comparison: 001 §III-A, absolute against relative indices.
    """
    return [_row(name, workload, kind) for name, workload in networks.items() for kind in formats]


def _row(name: str, workload: Workload, kind: str) -> dict[str, Any]:
    encoded = []
    for trace in workload.traces:
        if trace.weight is None:
            raise TraceError(f"layer {trace.name!r} of {name!r} is a shape; storage needs integer weights")
        encoded.append(encode(trace.weight, kind, value_bits=trace.weight_bits))
    return {
        "network": name,
        "format": kind,
        "value_bits": sum(e.value_bits_total for e in encoded),
        "index_bits": sum(e.index_bits_total for e in encoded),
        "padding_entries": sum(e.padding_entries for e in encoded),
    }
