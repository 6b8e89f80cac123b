"""Bits that a network's weights take in each storage format, values and indices apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import TraceError
from ..formats import encode
from ..trace.coverage import not_simulated_fields, not_simulated_share
from ..trace.gemm import GemmTrace
from ..trace.operand import Ints
from ..trace.workload import Workload

COMPARED = ("dense", "csr_absolute", "csr_relative")


def storage_rows(networks: Mapping[str, Workload], formats: Sequence[str] = COMPARED) -> list[dict[str, Any]]:
    """One row a network and format: value and index bits summed over its layers, `csr_relative` at its best width.

    An attention GEMM stores nothing; of a partial network a row says what is missing. TraceError where a layer is a
    shape. Source of the comparison: 001 §III-A, absolute against relative indices.
    """
    return [_row(name, workload, kind) for name, workload in networks.items() for kind in formats]


def stored_codes(trace: GemmTrace) -> Ints:
    """What memory holds for the weights, (groups·N, K): the integers, or sign · (exponent + 1) of powers of two.

    Unsigned integers are given as the two's complement of the same bits.

    TraceError where a pow2 weight is a sum of several powers, which takes a code a term.
    """
    weight = np.asarray(trace.weight)
    if not trace.weight_signed:  # the same bits as two's complement, of which the formats are
        code = weight.astype(np.int64)
        top = code >> (trace.weight_bits - 1) if trace.weight_bits > 1 else 0
        return np.asarray(code - (top << trace.weight_bits))
    if trace.weight_coding != "pow2":
        return weight
    magnitude = np.abs(weight.astype(np.int64))
    if (magnitude & (magnitude - 1)).any():
        raise TraceError(f"weight of {trace.name!r} holds sums of powers of two; storage of one term a weight is known")
    exponent = np.frexp(magnitude.astype(np.float64))[1]  # of 2^e: e + 1; of 0: 0
    return np.asarray(np.sign(weight) * exponent, dtype=np.int64)


def _row(name: str, workload: Workload, kind: str) -> dict[str, Any]:
    encoded = []
    for trace in workload.traces:
        if not trace.has_weights:
            continue
        if trace.weight is None:
            raise TraceError(f"layer {trace.name!r} of {name!r} is a shape; storage needs integer weights")
        encoded.append(encode(stored_codes(trace), kind, value_bits=trace.weight_bits))
    return {
        "network": name,
        "format": kind,
        "value_bits": sum(e.value_bits_total for e in encoded),
        "index_bits": sum(e.index_bits_total for e in encoded),
        "padding_entries": sum(e.padding_entries for e in encoded),
        **not_simulated_fields(workload.not_simulated, not_simulated_share(workload.not_simulated, workload.macs)),
    }
