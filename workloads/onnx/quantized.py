"""Layers that an ONNX file stores quantized: their integers and bits are kept as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.errors import ConfigError, TraceError
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.not_simulated import NotSimulated
from compress.lowering import FREE, lower
from compress.lowering.calls import Call
from compress.lowering.quantizing import Quantization, of_layer
from compress.quantizers.codes import smallest_integers
from compress.tracing.assembly import Assembly

from .coverage import is_matrix_work, left_out
from .nodes import CodedValue, Node, NodeCall
from .values import Code, held_bits

if TYPE_CHECKING:
    import torch

Sides = dict[str, CodedValue]  # "weight" and "activation" of one layer, those that the file stores quantized


class CodedAssembly(Assembly):
    """Takes a model's calls like `Assembly`, and notes which layers' operands are quantized.

    Matrix work that has no lowering is in `lost` when all calls are taken, and why in `reasons`, by its name.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._coded: dict[int, Sides] = {}
        self.lost: list[NotSimulated] = []
        self.reasons: dict[str, str] = {}

    def lose(self, node: Node, reason: str = "") -> None:
        """Note a node that is not simulated."""
        part = left_out(node)
        self.lost.append(part)
        if reason:
            self.reasons[part.name] = reason

    def visit(self, call: Call) -> None:
        """Take the next call, with the codes of what it reads."""
        before = len(self.entries)
        reason = _why_lost(call) if isinstance(call, NodeCall) else None
        if reason is not None and isinstance(call, NodeCall) and call.node is not None:
            self._pass_on(call)
            self.lose(call.node, reason)
            return
        super().visit(call)
        sides: Sides = {}
        for value in call.values():
            if isinstance(value, CodedValue) and value.code is not None:
                side = "weight" if value.constant else "activation"
                if side not in sides or _bits(value) > _bits(sides[side]):
                    sides[side] = value
        for index in range(before, len(self.entries)) if sides else ():
            if self.entries[index].gemm is not None:
                self._coded[index] = sides

    def _leave_out(self, call: Call, lost: NotSimulated | None) -> None:
        """Operators that multiply nothing are named; constants that they read are no weights of a layer."""
        text = f"{call.op} at {call.module or 'the model'}"
        if text not in self.not_lowered:
            self.not_lowered.append(text)

    def stored(self) -> dict[str, Sides]:
        """The quantized operands of each layer, by the names that `finish` gave."""
        return {self.names[index]: sides for index, sides in self._coded.items()}


def _why_lost(call: NodeCall) -> str | None:
    """Why matrix work has no lowering, "" where nothing says it; None for what has one or multiplies nothing."""
    if call.op in FREE or all(value.constant for value in call.outputs):
        return None
    if call.reason:
        return call.reason
    try:
        known = lower(call) is not None
    except TraceError as error:
        return str(error)
    return None if known or call.node is None or not is_matrix_work(call.node) else ""


def _bits(value: CodedValue) -> int:
    return value.code.signed_bits() if value.code is not None else 0


@dataclass
class StoredQuantization(Quantization):
    """As `Quantization`, but numbers that are integers already stay as they are."""

    stored: Mapping[str, Mapping[str, Code]] = field(default_factory=dict)
    formats: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def fields(self, trace: GemmTrace) -> dict[str, Any]:
        """The format of the file's own codes, raw, where a layer's trace carries them."""
        return dict(self.formats.get(trace.name, {}))

    def activation(
        self, layer: str, values: torch.Tensor, side: str = "activation", *, signed: bool = False
    ) -> np.ndarray:
        """A layer's input as integers, its zero point 0."""
        if values.is_floating_point():
            self.formats = {name: raw for name, raw in self.formats.items() if name != layer}
            return super().activation(layer, values, side, signed=signed)
        self._tell(layer, side, "activation")
        return smallest_integers(values.contiguous().numpy())

    def weight(self, layer: str, values: torch.Tensor, parameter: str = "") -> np.ndarray:
        """A layer's weight (filters, K) as integers."""
        if values.is_floating_point():
            return super().weight(layer, values, parameter)
        self._tell(layer, "weight", "weight")
        return smallest_integers(values.contiguous().numpy())

    def tell_activations(self) -> None:
        """Note the codes of activations whose integers are not taken."""
        for layer in self.stored:
            if "activation" not in self.codes.get(layer, {}):
                self._tell(layer, "activation", "activation")

    def _tell(self, layer: str, side: str, operand: str) -> None:
        code = self.stored.get(layer, {}).get(operand)
        if code is not None:
            self.codes.setdefault(layer, {})[side] = {
                "stored": True, "bits": code.bits, "scale": code.scale, "zero_point": code.zero_point,
            }  # fmt: skip


def raw_formats(stored: Mapping[str, Sides], layers: list[str]) -> dict[str, dict[str, Any]]:
    """Of those layers that read codes which need fewer bits raw: whether they have a sign, and their zero point."""
    values = {layer: sides.get("activation") for layer, sides in stored.items() if layer in layers}
    formats = {layer: value.code.raw() for layer, value in values.items() if value is not None and value.code}
    return {layer: raw for layer, raw in formats.items() if raw}


def raw_at_bits(
    formats: Mapping[str, Mapping[str, Any]], stored: Mapping[str, Sides], activation_bits: Any
) -> dict[str, dict[str, Any]]:
    """The formats but those whose zero point fewer bits than the file's would not hold: x itself is scaled to those."""
    codes = {layer: stored[layer]["activation"].code for layer in formats}
    narrow = {layer for layer, code in codes.items() if code and of_layer(activation_bits, layer, 8) < code.bits}
    return {n: dict(raw) for n, raw in formats.items() if n not in narrow or not raw["activation_zero_point"]}


def with_stored_bits(
    stored: Mapping[str, Sides],
    layers: list[str],
    weight_bits: Any,
    activation_bits: Any,
    real_activations: bool,
    raw: Mapping[str, Any],
) -> tuple[Any, Any]:
    """Bits of each layer's weights and activations: those given, else the file's where it stores them quantized, or 8.

    Stored weights have the bits of their type or range, or, where the zero point moves them out of two's complement of
    so many, those that hold them. Stored activations have the bits of their type; where they are real ones, those that
    hold the type's whole range with the zero point subtracted, unless the layer carries `raw` codes. ConfigError where
    the bits given do not hold what is stored.
    """
    if not stored:
        return 8 if weight_bits is None else weight_bits, 8 if activation_bits is None else activation_bits
    weights = {layer: of_layer(weight_bits, layer, 8) or 8 for layer in layers}
    activations = {layer: of_layer(activation_bits, layer, 8) or 8 for layer in layers}
    for layer, sides in stored.items():
        if "weight" in sides:
            weights[layer] = _chosen(layer, "weight", weight_bits, _weight_bits(sides["weight"]), True)
        value = sides.get("activation")
        if value is not None and value.code is not None:
            whole = real_activations and layer not in raw
            bits = value.code.signed_bits() if whole else value.code.bits
            activations[layer] = _chosen(layer, "activation", activation_bits, bits, real_activations)
    return weights, activations


def with_binary(traces: Sequence[GemmTrace], stored: Mapping[str, Sides]) -> list[GemmTrace]:
    """Layers whose weights are stored as −1 and +1 in one bit each, and their inputs in one bit where these are so."""
    return [_binary(trace, stored.get(trace.name, {})) for trace in traces]


def _binary(trace: GemmTrace, sides: Sides) -> GemmTrace:
    weight, activation = (side.code if side is not None else None for side in map(sides.get, ("weight", "activation")))
    if weight is None or not weight.is_binary:
        return trace
    both = activation is not None and activation.is_binary
    return replace(trace, weight_bits=1, weight_coding="binary", activation_bits=1 if both else trace.activation_bits)


def _chosen(layer: str, side: str, given: Any, stored: int, needed: bool) -> int:
    """The bits that the caller names for a layer, else those of the file, at least 2: of two's complement."""
    named = given.get(layer) if isinstance(given, Mapping) else given
    if named is None:
        return max(stored, 2)
    if needed and named < stored:
        raise ConfigError(
            f"{side}_bits of layer {layer!r} is {named}; the file stores integers that take {stored}, and they are not "
            "quantized again"
        )
    return int(named)


def _weight_bits(value: CodedValue) -> int:
    """Bits of the type, or those that the integers need."""
    assert value.code is not None
    assert value.known is not None
    integers = value.known.array()
    if not integers.size:
        return value.code.bits
    return max(value.code.bits, held_bits(int(integers.min()), int(integers.max())))
