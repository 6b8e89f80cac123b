"""LSTM, GRU and plain recurrent layers: an input GEMM over all steps, a hidden one a step, and the gates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from accelsim.trace.gemm import GemmTrace
from accelsim.trace.operator import lane_operations

from .calls import Call, Value, joined
from .items import Gemm, Item, VectorWork

if TYPE_CHECKING:
    import torch

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
CELLS = {"lstm": "lstm_cell", "gru": "gru_cell", "rnn_tanh": "rnn_cell", "rnn_relu": "rnn_cell"}


@dataclass(frozen=True, eq=False)
class Part:
    """One direction of one layer: its name, its parameters in torch's order, and what its two operands hold."""

    name: str
    parameters: Sequence[Value]
    inputs: Callable[[], torch.Tensor]  # (steps·B, K)
    hidden: Callable[[], torch.Tensor]  # (steps·B, hidden), the state that each step reads, in the order of the steps


def recurrent(call: Call) -> list[Item] | None:
    """torch's `lstm.input`, `gru.input` and the like: all layers and directions. None for packed sequences.

    Each direction of a layer is a GEMM of all steps, `name.input` (M = steps·B), one that runs every step,
    `name.hidden` (M = B, `repeat` = steps), and `name.cell`, the gates. The second layer is `name.l1`, the backward
    direction `name.reverse`.
    """
    if "batch_sizes" in call.arguments:
        return None
    inputs = call.arguments["input"]
    first = call.arguments["batch_first"]
    batch, steps = _sizes(inputs.shape, first)
    items: list[Item] = []
    reads: tuple[Value, ...] = (inputs,)
    for part in _parts(call):
        items += _part(call, part, reads, batch, steps)
    return items


def cell(call: Call) -> list[Item] | None:
    """`lstm_cell`, `gru_cell` and `rnn_*_cell`: one step of a layer."""
    kind = call.op.removesuffix("_cell")
    inputs = call.arguments["input"]
    names = ("w_ih", "w_hh", "b_ih", "b_hh")
    parameters = [call.arguments[n] for n in names if isinstance(call.arguments[n], Value)]
    state = call.arguments["hx"]
    before = state[0] if isinstance(state, list | tuple) else state
    part = Part(_name(call, parameters[0]), parameters, lambda: _real(inputs), lambda: _real(before))
    batch = inputs.shape[0] if len(inputs.shape) > 1 else 1
    return _part(call, part, tuple(v for v in (inputs, before) if not v.constant), batch, 1, kind)


def _part(
    call: Call, part: Part, reads: tuple[Value, ...], batch: int, steps: int, kind: str | None = None
) -> list[Item]:
    """The GEMMs and the gates of one direction of one layer."""
    op = kind or call.op
    of_input, of_hidden, *rest = part.parameters
    projection = rest[-1] if rest and len(rest) % 2 else None
    hidden = of_hidden.shape[0] // GATES[op]
    short = op.split("_")[0]
    from_input = Value(f"{call.output.name}:{part.name}:input", (steps * batch, of_input.shape[0]))
    from_hidden = Value(f"{call.output.name}:{part.name}:hidden", (batch, of_hidden.shape[0]))

    def gemm(name: str, weight: Value, writes: Value, rows: int, repeat: int, activation: Any) -> Gemm:
        filters, reduction = weight.shape
        layer = GemmTrace(f"{part.name}.{name}", M=rows, N=filters, K=reduction, kind=short, repeat=repeat)
        return Gemm(
            layer, reads, writes, weight=lambda: _real(weight), activation=activation, parameter=weight.parameter
        )

    items: list[Item] = [
        gemm("input", of_input, from_input, steps * batch, 1, part.inputs),
        gemm("hidden", of_hidden, from_hidden, batch, steps, part.hidden),
        _gates(part, op, (from_input, from_hidden), call.output, hidden * batch, steps),
    ]
    if projection is not None:
        items.append(gemm("projection", projection, call.output, batch, steps, None))
    return items


def _gates(part: Part, op: str, reads: tuple[Value, ...], writes: Value, elements: int, steps: int) -> VectorWork:
    """What makes the next state of the two GEMMs' sums: both are read, and an LSTM's cell is read and written too."""
    states = 2 if op == "lstm" else 1
    biases = sum(v.elements for v in part.parameters[2:4])
    work = lane_operations(CELLS[op], elements)
    read = elements * (2 * GATES[op] + (op != "rnn_tanh" and op != "rnn_relu"))
    return VectorWork(
        f"{part.name}.cell", CELLS[op], reads, writes, read, elements * states, work, parameters=biases, repeat=steps
    )


def _parts(call: Call) -> list[Part]:
    """The directions of the layers, in the order in which torch lists their parameters."""
    directions = 2 if call.arguments["bidirectional"] else 1
    layers = int(call.arguments["num_layers"])
    parameters = call.arguments["params"]
    each = len(parameters) // (layers * directions)
    base = _name(call, parameters[0])
    run = lru_cache(maxsize=1)(partial(_states, call, layers, directions, each))
    result = []
    for index in range(layers * directions):
        layer, direction = divmod(index, directions)
        name = joined(base, f"l{layer}" if layer else "", "reverse" if direction else "")
        own = parameters[index * each : (index + 1) * each]
        result.append(Part(name, own, partial(_pick, run, index, 0), partial(_pick, run, index, 1)))
    return result


def _pick(run: Callable[[], list[tuple[torch.Tensor, torch.Tensor]]], part: int, side: int) -> torch.Tensor:
    return run()[part][side]


def _states(call: Call, layers: int, directions: int, each: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """What each direction of each layer reads: (inputs (steps·B, K), hidden states (steps·B, hidden))."""
    import torch

    function = getattr(torch, call.op)
    sequence = _steps_first(_real(call.arguments["input"]), call.arguments["batch_first"])
    starts = call.arguments["hx"]
    result = []
    for layer in range(layers):
        of_layer = slice(layer * directions, (layer + 1) * directions)
        start = [_three(_real(s))[of_layer] for s in (starts if isinstance(starts, list) else [starts])]
        parameters = [_real(p) for p in call.arguments["params"]][of_layer.start * each : of_layer.stop * each]
        state = start if call.op == "lstm" else start[0]
        biases = call.arguments["has_biases"]
        out = function(sequence, state, parameters, biases, 1, 0.0, False, directions == 2, False)[0]
        for direction, part in enumerate(out.chunk(directions, 2)):
            ordered = part.flip(0) if direction else part
            states = torch.cat([start[0][direction : direction + 1], ordered[:-1]])
            rows = sequence.flip(0) if direction else sequence
            result.append((rows.flatten(0, 1), states.flatten(0, 1)))
        sequence = out
    return result


def _three(state: torch.Tensor) -> torch.Tensor:
    """A start state as (layers·directions, B, hidden), also of one sequence without B."""
    return state if state.dim() == 3 else state.unsqueeze(1)


def _steps_first(sequence: torch.Tensor, batch_first: bool) -> torch.Tensor:
    """(steps, B, K) of a layer's input."""
    if sequence.dim() == 2:
        return sequence.unsqueeze(1)
    return sequence.transpose(0, 1) if batch_first else sequence


def _sizes(shape: tuple[int, ...], batch_first: bool) -> tuple[int, int]:
    """(B, steps) of a layer's input."""
    if len(shape) == 2:
        return 1, shape[0]
    return (shape[0], shape[1]) if batch_first else (shape[1], shape[0])


def _name(call: Call, weight: Value) -> str:
    """The module of the layer, or, of a function's call, the owner of its first parameter."""
    if call.leaf:
        return call.module or "layer"
    return weight.parameter.rpartition(".")[0] or joined(call.module, call.op)


def _real(value: Value) -> torch.Tensor:
    assert value.tensor is not None
    return value.tensor
