"""ONNX's LSTM, GRU and RNN as torch's: gates in torch's order, biases apart, one or two directions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from accelsim.errors import FileFormatError, TraceError
from compress.lowering.calls import Call, Value

from .codes import code_of
from .nodes import CodedValue, Node

GATES = {"LSTM": [0, 2, 3, 1], "GRU": [1, 0, 2], "RNN": [0]}  # where torch's gates lie in ONNX's: iofc, zrh
STATES = {"LSTM": (5, 6), "GRU": (5,), "RNN": (5,)}  # the inputs that hold the first states


def recurrent(node: Node) -> list[Call] | None:
    """X (T, B, K), or (B, T, K) by `layout`; W (directions, gates·H, K); R (directions, gates·H, H); B both biases."""
    return _layer(node, node.proto.op_type, (node.layer_value(1), node.layer_value(2)))


def quantized_lstm(node: Node) -> list[Call] | None:
    """com.microsoft's `DynamicQuantizeLSTM`: W (directions, K, 4·H) and R (directions, H, 4·H) in integers.

    Scales and zero points of W and R are the inputs 8 to 11: one a direction, or one a column of each.
    """
    return _layer(node, "LSTM", (_quantized(node, 1, 8, 9), _quantized(node, 2, 10, 11)))


def _quantized(node: Node, index: int, scale: int, zero: int) -> CodedValue:
    """A quantized weight (directions, K, gates·H), turned to (directions, gates·H, K) as ONNX's own LSTM has it."""
    known, points = node.known(index), node.optional(zero)
    if len(known.shape()) != 3:
        raise FileFormatError(f"{node.label}: a weight of shape {known.shape()}; (directions, K, gates·H) is expected")

    def integers() -> np.ndarray:
        stored = known.array().astype(np.int32)
        if points is None:
            return stored
        columns = points.array().astype(np.int32)
        return stored - columns.reshape(-1, 1, columns.shape[-1] if columns.ndim == 2 else 1)

    value = node.coded(known, code_of(known, node.optional(scale), points), integers)
    directions, rows, columns = value.shape
    tensor = None if value.tensor is None else value.tensor.transpose(1, 2)
    return replace(value, shape=(directions, columns, rows), tensor=tensor)


def _layer(node: Node, kind: str, weights: tuple[CodedValue, CodedValue]) -> list[Call] | None:
    """The call of a layer with these two weights."""
    inputs, (of_input, of_hidden) = node.layer_value(0), weights
    if not of_input.constant or not of_hidden.constant:
        return None
    directions, width = _checked(node, kind, inputs, of_input, of_hidden)
    if node.real and inputs.tensor is not None:
        _require_plain(node, of_input, of_hidden)
    first = bool(node.attribute("layout", 0))
    flipped = node.attribute("direction", "forward") == "reverse" and inputs.tensor is not None
    if flipped and inputs.tensor is not None:
        inputs = replace(inputs, tensor=inputs.tensor.flip(1 if first else 0))
    parameters = [p for d in range(directions) for p in _parameters(node, kind, weights, d)]
    batch = inputs.shape[0 if first else 1]
    starts = [_start(node, index, (directions, batch, width), inputs.tensor is not None) for index in STATES[kind]]
    arguments = {
        "input": inputs, "hx": starts if kind == "LSTM" else starts[0], "params": parameters, "num_layers": 1,
        "has_biases": node.has(3), "bidirectional": directions == 2, "batch_first": first,
    }  # fmt: skip
    return [node.layer(_op(node, kind), of_input, arguments)]


def _op(node: Node, kind: str) -> str:
    if kind != "RNN":
        return kind.lower()
    function = (node.attribute("activations") or [b"Tanh"])[0]
    return "rnn_relu" if function in (b"Relu", "Relu") else "rnn_tanh"


def _checked(node: Node, kind: str, inputs: Value, of_input: Value, of_hidden: Value) -> tuple[int, int]:
    """(directions, hidden units); FileFormatError where the shapes contradict each other."""
    gates = len(GATES[kind])
    directions = 2 if node.attribute("direction", "forward") == "bidirectional" else 1
    width = of_hidden.shape[-1] if of_hidden.shape else 0
    fits = len(inputs.shape) == 3 and of_hidden.shape == (directions, gates * width, width)
    if not fits or of_input.shape != (directions, gates * width, inputs.shape[-1]):
        raise FileFormatError(
            f"{node.label}: X {inputs.shape}, W {of_input.shape} and R {of_hidden.shape} do not fit; (T, B, K), "
            f"({directions}, {gates}·H, K) and ({directions}, {gates}·H, H) are expected"
        )
    return directions, width


def _require_plain(node: Node, *weights: Value) -> None:
    """TraceError where the hidden states are not those of torch's layer: they cannot be taken as numbers then."""
    unlike = [name for name in ("clip", "activations", "activation_alpha", "input_forget") if node.attribute(name)]
    unlike += ["sequence_lens"] * node.has(4) + ["peepholes"] * node.has(7)
    if node.proto.op_type == "GRU" and not node.attribute("linear_before_reset", 0):
        unlike.append("linear_before_reset 0")
    unlike += ["quantized weights" for w in weights if w.tensor is not None and not w.tensor.is_floating_point()]
    if unlike and not (node.proto.op_type == "RNN" and unlike == ["activations"]):
        raise TraceError(f"{node.label} has {unlike[0]}; its real activations cannot be taken, values='weights' can")


def _parameters(node: Node, kind: str, weights: tuple[CodedValue, CodedValue], direction: int) -> list[Value]:
    """A direction's weights and biases, in torch's order."""
    halves = [_part(weight, kind, direction) for weight in weights]
    if not node.has(3):
        return halves
    bias, rows = node.real_value(3), weights[1].shape[1]
    for start in (0, rows):
        part = None if bias.tensor is None else bias.tensor[:, start : start + rows]
        halves.append(_part(replace(bias, shape=(bias.shape[0], rows), tensor=part), kind, direction))
    return halves


def _part(value: Value, kind: str, direction: int) -> Value:
    """One direction of a weight or bias, its gates in torch's order."""
    tensor = value.tensor
    if tensor is not None:
        import torch

        gates = GATES[kind]
        parts = tensor[direction].chunk(len(gates))
        tensor = torch.cat([parts[gate] for gate in gates])
    return replace(value, shape=value.shape[1:], tensor=tensor)


def _start(node: Node, index: int, shape: tuple[int, int, int], computed: bool) -> Value:
    """The states before the first step, zeros where none are given; with numbers where the model is `computed`."""
    if node.has(index):
        return node.real_value(index)
    if not computed:
        return Value("zeros", shape, True)
    import torch

    return Value("zeros", shape, True, tensor=torch.zeros(shape))
