"""How a network's numbers become the integers of its checkpoint: as the method says, with 8 bits where it does not."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from accelsim.errors import TraceError
from accelsim.trace.gemm import GemmTrace

from ..layers import holds_zeros
from ..lowering.quantizing import Quantization
from ..quantizers.codes import ActivationCode, LayerCode, largest_magnitude, max_abs, smallest_integers
from ..quantizers.integer import to_integers
from .runs import LayerRuns

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Uncompressed:
    """What is known of the layers before compression: weight shapes, and which were pruned; by their names."""

    shapes: Mapping[str, tuple[int, ...]]
    pruned: Collection[str]


@dataclass
class Scales:
    """What turns the integers of one trace back into numbers, and the parameter that its weight comes from."""

    weight: float | np.ndarray = 1.0
    activation: float = 1.0
    parameter: str = ""


@dataclass
class CheckpointQuantization(Quantization):
    """The integers that a layer ran on, else symmetric ones of what the model computes with.

    Weights are the method's integers wherever the numbers that a layer multiplies with are those integers times their
    scale: a conv or linear layer's, or another's whose name or parameter the method has a code for. Batch norms are
    not folded into them; their factors join the scale.
    """

    scales_folded: ClassVar[bool] = False

    weights: Mapping[str, LayerCode] = field(default_factory=dict)
    inputs: Mapping[str, ActivationCode] = field(default_factory=dict)
    runs: LayerRuns | None = None
    before: Uncompressed = field(default_factory=lambda: Uncompressed({}, ()))
    scales: dict[str, Scales] = field(default_factory=dict)
    taken: dict[str, LayerCode] = field(default_factory=dict)  # the code of each trace's weight
    activation_codes: dict[str, ActivationCode] = field(default_factory=dict)
    has_zeros: dict[str, bool] = field(default_factory=dict)

    def activation(
        self, layer: str, values: torch.Tensor, side: str = "activation", *, signed: bool = False
    ) -> np.ndarray:
        """A layer's input as integers: those that it ran on, else 8 bits of the values, of zero point 0.

        They come in an unsigned dtype where the code is unsigned.
        """
        ran = self._ran(layer, values) if side == "activation" else None
        code = self.inputs.get(self._name(layer)) if side == "activation" else None
        if code is None:
            largest_magnitude(values.detach().cpu().float().numpy(), f"the input of layer {layer!r}")  # refuses NaN
            code = self.code(layer, values, side, 8, signed=signed)
        scales = self.scales.setdefault(layer, Scales())
        if side == "activation":
            self.activation_codes[layer], scales.activation = code, code.scale
        else:
            scales.weight = code.scale
        if ran is not None:
            return ran
        return smallest_integers(to_integers(values.detach().cpu(), code).numpy(), signed=code.signed)

    def weight(self, layer: str, values: torch.Tensor, parameter: str = "") -> np.ndarray:
        """A layer's weight (filters, K) as integers."""
        real = values.detach().cpu()
        code = self._code(layer, parameter, real) or max_abs(real.numpy(), 8, layer)
        self.taken[layer] = code
        self.has_zeros[layer] = parameter != "" and holds_zeros(real)  # a constant that is nobody's was not trained
        scales = self.scales.setdefault(layer, Scales())
        scales.weight, scales.parameter = code.scale, parameter
        return code.ints

    def integers(self, layer: str, side: str, values: torch.Tensor, bits: int, parameter: str = "") -> np.ndarray:
        """Refused: of integers that a packed layer holds already no scale is known here. Raises TraceError."""
        raise TraceError(
            f"layer {layer!r} holds integers that torch quantized ({side}); save the float model with a method of "
            "compress, or take this one by workloads.from_torch"
        )

    def bits(self, side: str, layer: str) -> int:
        """How many a layer's weights or activations have."""
        codes: Mapping[str, Any] = self.taken if side == "weight" else self.activation_codes
        return codes[layer].bits if layer in codes else 8

    def fields(self, trace: GemmTrace) -> dict[str, Any]:
        """The format of the weight, the layer's shape before compression, and whether it was pruned."""
        code = self.taken.get(trace.name)
        if code is None:
            return {}
        dense = self._dense(trace)
        weights = trace.groups * trace.N * trace.K
        return {
            "weight_coding": code.coding,
            "filter_bits": code.filter_bits,
            "operation": code.operation,
            "dense_shape": dense,
            "pruned": self._pruned(trace.name) or weights < trace.groups * math.prod(dense[1:]),
        }

    def _name(self, layer: str) -> str:
        """What the method and the calibration call a trace's layer."""
        own = self.runs.layer(layer) if self.runs is not None else None
        return layer.split("#")[0] if own is None else own

    def _ran(self, layer: str, values: torch.Tensor) -> np.ndarray | None:
        return self.runs.integers(layer, tuple(values.shape)) if self.runs is not None else None

    def _code(self, layer: str, parameter: str, real: torch.Tensor) -> LayerCode | None:
        """The method's code of a weight, in the arrangement in which the layer multiplies with it; None without one."""
        code = self.weights.get(self._name(layer)) or self.weights.get(parameter)
        if code is None:
            return None
        ints = smallest_integers(code.ints).reshape(len(code.ints), -1)
        if ints.shape == tuple(real.shape) and self.runs is not None and self.runs.has_run(layer):
            return replace(code, ints=ints)
        values = real.double().numpy()
        if ints.shape == values.shape and _is(values, ints, code.scale):
            return replace(code, ints=ints)
        if np.ndim(code.scale) or code.filter_bits is not None:
            return None
        arranged = np.rint(values / code.scale)
        return replace(code, ints=smallest_integers(arranged)) if _is(values, arranged, code.scale) else None

    def _dense(self, trace: GemmTrace) -> tuple[int, int, int]:
        """(M, N, K) of the layer before compression, its own where nobody knows another."""
        shape = self.before.shapes.get(self._name(trace.name)) or self._shape_of_parameter(trace)
        own = trace.groups * trace.N, trace.K
        if shape is None or shape[0] < own[0] or math.prod(shape[1:]) < own[1]:
            return trace.M, trace.N, trace.K
        return trace.M, shape[0] // trace.groups, math.prod(shape[1:])

    def _shape_of_parameter(self, trace: GemmTrace) -> tuple[int, ...] | None:
        """Before compression, of a parameter that is this trace's weight and no other's."""
        parameter = self.scales[trace.name].parameter
        shape = self.before.shapes.get(parameter)
        if shape is None or self.runs is None:
            return None
        return shape if self.runs.model.get_parameter(parameter).numel() == trace.groups * trace.N * trace.K else None

    def _pruned(self, layer: str) -> bool:
        """Whether the method says so; of layers that it does not know, whether they hold zeros that are no rounding."""
        names = {self._name(layer), self.scales[layer].parameter}
        if names & {*self.before.shapes, *self.weights}:
            return bool(names & {*self.before.pruned})
        return self.has_zeros[layer]


def _is(real: np.ndarray, ints: np.ndarray, scale: float | np.ndarray) -> bool:
    """Whether real numbers are these integers times their scale, to the precision of float32."""
    decoded = ints * np.asarray(scale, np.float64).reshape(-1, *[1] * (np.ndim(scale) and ints.ndim - 1))
    return bool(np.allclose(real, decoded, rtol=1e-4, atol=1e-6 * float(np.abs(real).max(initial=0))))
