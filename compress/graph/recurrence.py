"""Following recurrent layers: a unit is a row of each gate, a column of the state's weights and one output."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .arithmetic import column
from .effects import Cell, Recurrent
from .reading import bias_axis, parameter_name
from .tracing import Follower, FunctionCall, Handler
from .units import NO_UNIT, ZERO

_GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


def recurrent(follower: Follower, call: FunctionCall) -> Any:
    """An RNN, LSTM or GRU of any number of layers and directions.

    All layers and directions share one size, so that they lose the same units.
    """
    packed = isinstance(call.args[3], list | tuple)  # the sequences' lengths come second
    source, state, flat = call.args[0], call.args[2 if packed else 1], call.args[3 if packed else 2]
    rest = call.args[4 if packed else 3 :]
    biases, layers, both = bool(rest[0]), int(rest[1]), 2 if rest[4] else 1
    each = len(flat) // (layers * both)
    known = [follower.weight(tensor) for tensor in flat[::each]]
    if each != (4 if biases else 2) or any(weight is None for weight in known):
        return _given_up(follower, call, flat)
    read = column(follower, follower.values(source, call), -1, "a recurrent layer")
    if read is None:
        return _given_up(follower, call, flat)
    size = flat[1].shape[1]
    own = follower.units.new(size)
    finals, outputs = [], read
    for layer in range(layers):
        parts = []
        for direction in range(both):
            at = (layer * both + direction) * each
            start = _start(follower, call, state, layer * both + direction, own)
            parts.append(_one(follower, call.name, flat[at : at + each], outputs, own, start))
        outputs = np.concatenate(parts)
        finals += parts
    _results(follower, call, outputs, np.stack(finals))
    return call.result


def _one(follower: Follower, name: str, flat: Any, read: np.ndarray, own: np.ndarray, start: np.ndarray) -> np.ndarray:
    """One layer and direction, laid on the axes of its weights; the values that it writes (H,)."""
    gates = _GATES[name]
    rows, weights = np.tile(own, gates), [follower.weight(tensor) for tensor in flat[:2]]
    for weight, columns in zip(weights, (follower.units.of(read), own), strict=True):
        assert weight is not None
        parameter = parameter_name(follower, weight)
        follower.network.axis(parameter, 0, rows)
        follower.network.axis(parameter, 1, columns)
    for bias in flat[2:]:
        bias_axis(follower, bias, rows)
    written = follower.units.values(own)
    names = (weights[0].name, weights[1].name)  # type: ignore[union-attr]  # asserted above
    follower.add(Recurrent(names, gates, min(2, gates - 1), written, read, start))
    return written


def _start(follower: Follower, call: FunctionCall, state: Any, place: int, own: np.ndarray) -> np.ndarray:
    """What the units of one layer and direction are before the first step: 0, or what the model hands in."""
    parts = list(state) if isinstance(state, tuple | list) else [state]
    if all(not follower.given_state and not bool(part.any()) for part in parts):
        return np.full(len(own), ZERO)
    starts = []
    for part in parts:
        values = follower.values(part, call)[place]
        line = column(follower, values, -1, "a recurrent layer's state")
        units = follower.units.of(line) if line is not None else np.zeros(len(own), np.int64)
        follower.units.unite(units, own)
        follower.units.fix(own[units == NO_UNIT], "the code hands in a state of fixed size")
        starts.append(line)
    return starts[0] if len(starts) == 1 and starts[0] is not None else np.zeros(len(own), np.int64)


def _results(follower: Follower, call: FunctionCall, outputs: np.ndarray, finals: np.ndarray) -> None:
    sequence, *states = call.result
    follower.set(sequence, torch.from_numpy(outputs).expand(sequence.shape))
    for state in states:
        lines = torch.from_numpy(finals)
        middle = [1] * (state.ndim - 2)
        follower.set(state, lines.view(len(finals), *middle, finals.shape[1]).expand(state.shape))


def _given_up(follower: Follower, call: FunctionCall, flat: Any) -> Any:
    for weight in map(follower.weight, flat):
        if weight is not None:
            follower.network.unfollowed[weight.name] = "a recurrent layer with projections or weights of others"
    for tensor in call.tensors:
        follower.fix(follower.values(tensor, call), "a recurrent layer that is not followed reads it")
    return follower.set_all(call.result)


def cell(follower: Follower, call: FunctionCall) -> Any:
    """One step of an RNN, LSTM or GRU cell."""
    source, state, *flat = call.args
    known = [follower.weight(tensor) for tensor in flat[:2]]
    read = column(follower, follower.values(source, call), -1, "a recurrent cell")
    if read is None or known[0] is None or known[1] is None:
        return _given_up(follower, call, flat)
    gates, size = _GATES[call.name.removesuffix("_cell")], flat[1].shape[1]
    own = follower.network.axis(parameter_name(follower, known[1]), 1, follower.units.new(size))
    states = [
        _cell_state(follower, call, part, own) for part in (state if isinstance(state, tuple | list) else [state])
    ]
    rows = np.tile(own, gates)
    for weight, columns in zip(known, (follower.units.of(read), own), strict=True):
        assert weight is not None
        follower.network.axis(parameter_name(follower, weight), 0, rows)
        follower.network.axis(parameter_name(follower, weight), 1, columns)
    for bias in flat[2:]:
        bias_axis(follower, bias, rows)
    written = follower.units.values(own)
    names = (known[0].name, known[1].name)
    follower.add(Cell(names, gates, min(2, gates - 1), written, read, states[0], states[-1]))
    for result in call.result if isinstance(call.result, tuple) else (call.result,):
        follower.set(result, torch.from_numpy(written).expand(result.shape))
    return call.result


def _cell_state(follower: Follower, call: FunctionCall, part: torch.Tensor, own: np.ndarray) -> np.ndarray:
    """The values of a cell's state, (H,): 0 where the cell made it itself."""
    if not follower.given_state and not bool(part.any()):
        return np.full(len(own), ZERO)
    line = column(follower, follower.values(part, call), -1, "a recurrent cell's state")
    units = follower.units.of(line) if line is not None else np.zeros(len(own), np.int64)
    follower.units.unite(units, own)
    follower.units.fix(own[units == NO_UNIT], "the code hands in a state of fixed size")
    return line if line is not None else np.zeros(len(own), np.int64)


def handlers() -> dict[str, Handler]:
    """By the names of the functions."""
    return dict.fromkeys(_GATES, recurrent) | dict.fromkeys([f"{name}_cell" for name in _GATES], cell)
