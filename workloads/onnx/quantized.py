"""Layers that an ONNX file stores quantized: their integers and bits are kept as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from compress.quantizers.codes import smallest_integers

from ..lowering.calls import Call
from ..lowering.quantizing import Quantization, of_layer
from ..torch.assembly import Assembly
from .nodes import CodedValue
from .values import Code, held_bits

if TYPE_CHECKING:
    import torch

Sides = dict[str, CodedValue]  # "weight" and "activation" of one layer, those that the file stores quantized


class CodedAssembly(Assembly):
    """Takes a model's calls like `Assembly`, and notes which layers' operands are quantized."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._coded: dict[int, Sides] = {}

    def visit(self, call: Call) -> None:
        """Take the next call, with the codes of what it reads."""
        before = len(self.entries)
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

    def stored(self) -> dict[str, Sides]:
        """The quantized operands of each layer, by the names that `finish` gave."""
        return {self.names[index]: sides for index, sides in self._coded.items()}


def _bits(value: CodedValue) -> int:
    return value.code.signed_bits() if value.code is not None else 0


@dataclass
class StoredQuantization(Quantization):
    """As `Quantization`, but numbers that are integers already stay as they are."""

    stored: Mapping[str, Mapping[str, Code]] = field(default_factory=dict)

    def activation(self, layer: str, values: torch.Tensor, side: str = "activation") -> np.ndarray:
        """A layer's input as integers, its zero point 0."""
        if values.is_floating_point():
            return super().activation(layer, values, side)
        self._tell(layer, side, "activation")
        return smallest_integers(values.contiguous().numpy())

    def weight(self, layer: str, values: torch.Tensor) -> np.ndarray:
        """A layer's weight (filters, K) as integers."""
        if values.is_floating_point():
            return super().weight(layer, values)
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


def with_stored_bits(
    stored: Mapping[str, Sides], layers: list[str], weight_bits: Any, activation_bits: Any, real_activations: bool
) -> tuple[Any, Any]:
    """Bits of each layer's weights and activations: the file's where it stores them quantized, else those given.

    Weights have the bits of their type, or, where the zero point moves them out of two's complement of so many, those
    that hold them. Activations have the bits of their type; where they are real ones, those that hold the type's
    whole range with the zero point subtracted.
    """
    if not stored:
        return weight_bits, activation_bits
    weights = {layer: of_layer(weight_bits, layer, 8) for layer in layers}
    activations = {layer: of_layer(activation_bits, layer, 8) for layer in layers}
    for layer, sides in stored.items():
        if "weight" in sides:
            weights[layer] = _weight_bits(sides["weight"])
        value = sides.get("activation")
        if value is not None and value.code is not None:
            activations[layer] = value.code.signed_bits() if real_activations else value.code.bits
    return weights, activations


def _weight_bits(value: CodedValue) -> int:
    """Bits of the type, or those that the integers need."""
    assert value.code is not None
    assert value.known is not None
    integers = value.known.array()
    if not integers.size:
        return value.code.bits
    return max(value.code.bits, held_bits(int(integers.min()), int(integers.max())))
