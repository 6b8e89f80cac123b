"""What a user asks of a workload, whatever file it comes from: more inputs, other bits, random weights of a density."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from accelsim.errors import ConfigError
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.operand import ArrayOperand, Ints, Pattern, PatternOperand, StoredOperand
from accelsim.trace.workload import Workload
from accelsim.validation import is_whole

from .shapes.changes import scaled

BATCH_LIMIT = 2**20
SEED_LIMIT = 2**32
BITS_LIMIT = 32
SEEDS_A_NETWORK = 2**20  # so that no layer of one seed repeats a layer of another


@dataclass(frozen=True)
class Settings:
    """A number of inputs, the share of nonzero weights, and bits; None leaves what the source says.

    Raises ConfigError, with the field, for a value that cannot be.
    """

    batch: int = 1
    density: float | None = None
    seed: int = 0
    weight_bits: int | None = None
    activation_bits: int | None = None

    def __post_init__(self) -> None:
        _require("batch", self.batch, 1, BATCH_LIMIT)
        _require("seed", self.seed, 0, SEED_LIMIT)
        for name in ("weight_bits", "activation_bits"):
            if getattr(self, name) is not None:
                _require(name, getattr(self, name), 1, BITS_LIMIT)
        if self.density is not None and not 0 <= self.density <= 1:
            raise ConfigError(f"density is {self.density}; 0 to 1 is expected")

    @property
    def bits(self) -> dict[str, int]:
        """The bits that are asked for, by field."""
        asked = {"weight_bits": self.weight_bits, "activation_bits": self.activation_bits}
        return {name: value for name, value in asked.items() if value is not None}


def with_settings(network: Workload, settings: Settings, *, batched: bool) -> Workload:
    """A workload as `settings` ask for it; `batched`: it was opened for so many inputs.

    Without that it repeats the inputs that it was saved with. Weights of a density are seeded random ones in place of
    its own, as are activations where it has none. Integers that do not fit into fewer bits are scaled and rounded to
    them, a symmetric quantizer's step. Raises ConfigError for a layer whose weights are coded and have other bits.
    """
    if not batched and settings.batch > 1:
        network = _repeated(network, settings.batch)
    network = in_bits(network, settings)
    if settings.density is None:
        return network
    first = settings.seed * SEEDS_A_NETWORK
    traces = [drawn(trace, settings.density, first + i) for i, trace in enumerate(network)]
    facts = {"weights": "random", "density": settings.density, "seed": settings.seed}
    return replace(network, traces=traces, provenance={**network.provenance, **facts})


def in_bits(network: Workload, settings: Settings) -> Workload:
    """A workload at the bits that are asked for; operators have those of the activations."""
    if not settings.bits:
        return network
    traces = [with_bits(trace, settings.weight_bits, settings.activation_bits) for trace in network]
    own = settings.activation_bits
    operators = [replace(operator, activation_bits=own or operator.activation_bits) for operator in network.operators]
    return replace(network, traces=traces, operators=operators, provenance={**network.provenance, **settings.bits})


def _repeated(network: Workload, times: int) -> Workload:
    traces = [repeated(trace, times) for trace in network]
    operators = [scaled(operator, times) for operator in network.operators]
    facts = {**network.provenance, "repeated": times}
    return replace(network, traces=traces, operators=operators, provenance=facts)


def repeated(trace: GemmTrace, times: int) -> GemmTrace:
    """The layer for `times` its inputs, one after another; a product of two activations has as many more groups.

    >>> one = GemmTrace("fc", weight=[[1, 2]], activation=[[3, 4], [5, 6]])
    >>> repeated(one, 2).activation.tolist()
    [[3, 4], [5, 6], [3, 4], [5, 6]]
    """
    if times == 1:
        return trace
    activation = trace.activation_operand
    if not trace.has_weights:
        return replace(
            trace,
            groups=trace.groups * times,
            dense_groups=trace.dense_groups * times,
            weight_operand=_tiled(trace.weight_operand, times, 0),
            activation_operand=_tiled(activation, times, 1),
        )
    steps = trace.repeat if trace.has_steps else 1
    return replace(
        trace,
        M=trace.M * times,
        conv=None if trace.conv is None else replace(trace.conv, batch=trace.conv.batch * times),
        dense_shape=trace.dense_shape._replace(M=trace.dense_shape.M * times),
        activation_operand=_tiled(activation, times, 0, steps),
    )


def _tiled(operand: StoredOperand | None, times: int, axis: int, steps: int = 1) -> Any:
    """Integers side by side or, within each of `steps` blocks of rows, below one another; a pattern is drawn anew."""
    if not isinstance(operand, ArrayOperand):
        return None if operand is None else operand.pattern
    blocks = operand.values.reshape(steps, operand.rows // steps, operand.columns)
    tiled = np.tile(blocks, (1, times, 1) if axis == 0 else (1, 1, times))
    return ArrayOperand(tiled.reshape(-1, tiled.shape[2]))


def drawn(trace: GemmTrace, density: float, seed: int) -> GemmTrace:
    """The layer with random weights of this density; its activations stay, or are drawn where there are none.

    >>> layer = drawn(GemmTrace("fc", M=1, N=100, K=100, pruned=False), 0.25, seed=1)
    >>> bool(0.2 < np.count_nonzero(layer.weight) / layer.weight.size < 0.3), layer.pruned
    (True, True)
    """
    share = density if trace.has_weights else 1.0
    if trace.filter_bits is not None:
        trace = replace(trace, filter_bits=None)
    filled = trace.filled(share, seed=seed, pruned=trace.pruned or share < 1)
    if trace.activation_operand is None:
        return filled
    return replace(filled, activation_operand=trace.activation_operand)


def with_bits(trace: GemmTrace, weight_bits: int | None, activation_bits: int | None) -> GemmTrace:
    """The layer at other bits, None for its own: integers that do not fit are scaled and rounded.

    >>> layer = GemmTrace("fc", weight=[[127, -64, 1]], activation=[[1, 2, 3]])
    >>> with_bits(layer, 4, None).weight, with_bits(layer, 16, 16).weight_bits
    (array([[ 7, -4,  0]]), 16)
    """
    changes: dict[str, Any] = {}
    if activation_bits not in {None, trace.activation_bits}:
        changes["activation_bits"] = activation_bits
        if trace.activation_zero_point and activation_bits is not None and activation_bits < trace.activation_bits:
            changes |= {"activation_signed": True, "activation_zero_point": 0}  # x itself, which is scaled
    wanted = weight_bits if trace.has_weights else activation_bits
    if wanted is not None and (wanted != trace.weight_bits or trace.filter_bits is not None):
        _require_uniform(trace, wanted)
        changes |= {"weight_bits": wanted, "filter_bits": None}
    return replace(trace, **{**changes, **_narrowed(trace, changes)}) if changes else trace


def _require_uniform(trace: GemmTrace, bits: int) -> None:
    if trace.weight_coding != "uniform":
        raise ConfigError(
            f"weight_bits is {bits}; layer {trace.name!r} has {trace.weight_coding} weights of {trace.weight_bits} "
            "bits, which only uniform ones can change"
        )


def _narrowed(trace: GemmTrace, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The operands whose integers the new format cannot hold, in integers that it can; one bit has no zeros."""
    number_format = replace(trace.number_format, **changes)
    ranges = {"weight": number_format.weight_range(), "activation": number_format.activation_range()}
    operands = {"weight": trace.weight_operand, "activation": trace.activation_operand}
    narrowed: dict[str, Any] = {}
    for side, operand in operands.items():
        bits = changes.get(f"{side}_bits")
        if bits is not None and isinstance(operand, ArrayOperand):
            narrowed[f"{side}_operand"] = ArrayOperand(_fitted(operand.values, *ranges[side], bits))
        elif bits == 1 and ranges[side][0] < 0 and isinstance(operand, PatternOperand):
            narrowed[f"{side}_operand"] = Pattern(1.0, operand.pattern.seed)
    return narrowed


def _fitted(values: Ints, low: int, high: int, bits: int) -> Ints:
    """Integers within low..high: as they are where they fit, signs at one signed bit, else scaled to the range."""
    least, most = int(values.min()), int(values.max())
    if low <= least and most <= high:
        return values
    if bits == 1 and low < 0:
        return np.where(values >= 0, 1, -1).astype(values.dtype)
    result: Ints = np.clip(np.rint(values * (high / max(most, -least))), low, high).astype(values.dtype)
    return result


def _require(field: str, value: int, least: int, most: int) -> None:
    if not is_whole(value, least, most):
        raise ConfigError(f"{field} is {value!r:.60}; an integer from {least} to {most} is expected")
