"""Weight matrices to look at: of layers that hold their integers, of whole workloads, or plain arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import ConfigError
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.workload import Workload

Matrices = list[tuple[str, str, NDArray[Any]]]  # (what it is of, layer, weights (N, K))
EXPECTED = "layers with weights, workloads that hold them, or matrices are expected"


def matrices_of(data: object) -> Matrices:
    """(workload, layer, weights (N, K)) of each weight matrix in `data`.

    `data` is a GemmTrace with values, a Workload, a matrix, a mapping of names to any of these, or several of them.
    ConfigError where nothing in it holds weights.
    """
    found = [*_found(data, "")]
    if not found:
        raise ConfigError(f"this {type(data).__name__} holds no weights, only shapes; {EXPECTED}")
    return found


def _found(data: object, of: str) -> Iterable[tuple[str, str, NDArray[Any]]]:
    if isinstance(data, GemmTrace):
        if data.weight is not None:
            yield of, data.name, np.asarray(data.weight)
    elif isinstance(data, Workload):
        for trace in data.traces:
            yield from _found(trace, of or data.name)
    elif isinstance(data, np.ndarray):
        yield of, "", _matrix(data)
    elif isinstance(data, Mapping):
        for name, value in data.items():
            yield from _found(value, str(name))
    elif isinstance(data, list | tuple):
        for value in data:
            yield from _found(value, of)
    else:
        raise ConfigError(f"a {type(data).__name__} holds no weights; {EXPECTED}")


def _matrix(values: NDArray[Any]) -> NDArray[Any]:
    if values.ndim < 2 or not values.size:
        raise ConfigError(f"an array of shape {values.shape} is no weight matrix; (N, K), or (N, C, R, S), is expected")
    return values.reshape(values.shape[0], -1)
