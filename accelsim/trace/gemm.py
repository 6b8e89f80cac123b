"""GemmTrace: one layer as a GEMM, with the integers that the hardware sees."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from accelsim.errors import TraceError
from accelsim.trace.conv import ConvGeometry, Pair, as_pair
from accelsim.trace.number_format import NumberFormat
from accelsim.trace.operand import (
    ArrayOperand,
    Im2colOperand,
    Ints,
    Operand,
    Pattern,
    PatternOperand,
    check_range,
    integer_array,
)
from accelsim.trace.shape import (
    Shape,
    activation_operand,
    filter_widths,
    gemm_sizes,
    known_operation,
    operand_shape,
    plane_shape,
    positive,
    weight_operand,
)

RECURRENT = ("lstm", "gru", "rnn")  # kinds whose runs are time steps


@dataclass(frozen=True, eq=False, init=False)
class GemmTrace:
    """O[M,N] = X[M,K] · W[N,K]ᵀ, `groups` times, one after another; M, N, K are of one group.

    `GemmTrace(name, M=, N=, K=)` alone is a shape. With values, `weight` is (groups·N, K) and `activation` is
    (M, groups·K); a convolution comes from `from_conv` and keeps its ifmap, as (B·C, H·W) in `activation_operand`.
    Order: k = (c·R + r)·S + s, m = (b·OH + oy)·OW + ox. `dense_shape` is (M, N, K) of the uncompressed layer and
    `dense_groups` its groups. `repeat` says how often the layer runs with the same weights; of a recurrent kind
    (RECURRENT) `activation` may then hold M rows for each step. The second operand of kind `attention` is an
    activation too, and counts as no weight. `filter_bits`, (groups·N,), are the bits of each filter where they differ;
    `weight_bits`, by default the most of them (without them 8), is what an array runs, stores and fetches every filter
    at that makes no use of them. `operation` is what the network was trained for: `mac`, x · w summed; `l1`, −|x − w|
    summed, AdderNet's layers; `any` binds it to no array, and the one that runs it decides. Raises TraceError where
    shapes, values or bits contradict each other.
    """

    name: str
    M: int
    N: int
    K: int
    groups: int
    number_format: NumberFormat
    kind: str
    conv: ConvGeometry | None
    repeat: int
    dense_shape: Shape
    dense_groups: int
    operation: str
    weight_operand: Operand | None
    activation_operand: ArrayOperand | PatternOperand | None

    def __init__(
        self,
        name: str,
        *,
        M: int | None = None,
        N: int | None = None,
        K: int | None = None,
        groups: int = 1,
        weight: Any = None,
        activation: Any = None,
        weight_bits: int | None = None,
        activation_bits: int = 8,
        weight_coding: str = "uniform",
        codebook_bits: int | None = None,
        filter_bits: Any = None,
        kind: str | None = None,
        conv: ConvGeometry | None = None,
        repeat: int = 1,
        dense_shape: Shape | None = None,
        dense_groups: int | None = None,
        operation: str = "any",
    ) -> None:
        if not isinstance(name, str) or not name:
            raise TraceError(f"a trace's name is {name!r}; a text that is not empty is expected")
        weights, activations = weight_operand(weight, name), activation_operand(activation, conv, groups, name)
        steps = positive(repeat, name, "repeat") if kind in RECURRENT else 1
        sizes = gemm_sizes(name, groups, (M, N, K), weights, activations, conv, steps)
        widths = filter_widths(filter_bits, groups * sizes[1], name)
        widest = (8 if widths is None else max(widths)) if weight_bits is None else weight_bits
        number_format = NumberFormat(widest, activation_bits, weight_coding, codebook_bits, widths)
        values: dict[str, Any] = {
            "name": name,
            **dict(zip("MNK", sizes, strict=True)),
            "groups": groups,
            "number_format": number_format,
            "kind": kind or ("conv" if conv else "linear"),
            "conv": conv,
            "repeat": positive(repeat, name, "repeat"),
            "dense_shape": tuple(dense_shape or sizes),
            "dense_groups": dense_groups or groups,
            "operation": known_operation(operation, name),
            "weight_operand": weights,
            "activation_operand": activations,
        }
        for field, value in values.items():
            object.__setattr__(self, field, value)
        self._check_values()
        if not self.has_weights and self.weight_bits != activation_bits:
            raise TraceError(
                f"weight_bits of attention trace {name!r} is {self.weight_bits}; its second operand is an activation, "
                f"so {activation_bits} as activation_bits is expected"
            )

    def _check_values(self) -> None:
        if isinstance(self.weight_operand, ArrayOperand):
            check_range(self.weight_operand.values, f"weight of {self.name!r}", *self.number_format.weight_range())
            self.number_format.check_codebook(self.weight_operand.values, self.name)
            self.number_format.check_filters(self.weight_operand.values, self.name)
        elif isinstance(self.weight_operand, PatternOperand) and self.number_format.filter_bits is not None:
            raise TraceError(f"filter_bits of {self.name!r} come with random weights; integers or none are expected")
        if isinstance(self.activation_operand, ArrayOperand):
            check_range(
                self.activation_operand.values, f"activation of {self.name!r}", *self.number_format.activation_range()
            )

    @classmethod
    def from_conv(
        cls,
        name: str,
        *,
        weight: Any,
        ifmap: Any,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        **settings: Any,
    ) -> GemmTrace:
        """A convolution: `weight` (N, C/groups, R, S) and `ifmap` (B, C, H, W), as integers or as a tuple of sizes."""
        values = None if isinstance(weight, tuple) else integer_array(weight, f"weight of {name!r}", 4)
        filters, channels, *kernel = weight if values is None else values.shape
        plane = None if isinstance(ifmap, tuple) else integer_array(ifmap, f"ifmap of {name!r}", 4)
        shape = ifmap if plane is None else plane.shape
        positive(groups, name, "groups")
        if len(shape) != 4 or shape[1] != channels * groups or filters % groups:
            raise TraceError(
                f"conv {name!r}: weight {(filters, channels, *kernel)}, ifmap {shape} and {groups} groups do not fit; "
                "(N, C/groups, R, S), (B, C, H, W) and a divisor of N and C are expected"
            )
        pairs = (as_pair(stride, "stride", 1), as_pair(padding, "padding", 0), as_pair(dilation, "dilation", 1))
        geometry = ConvGeometry(shape[0], channels, shape[2], shape[3], (kernel[0], kernel[1]), *pairs)
        matrix = None if values is None else values.reshape(filters, -1)
        return cls(name, N=filters // groups, groups=groups, weight=matrix, activation=plane, conv=geometry, **settings)

    @classmethod
    def random(
        cls,
        name: str,
        M: int | None = None,
        N: int = 1,
        K: int | None = None,
        *,
        groups: int = 1,
        weight_density: float = 1.0,
        activation_density: float = 1.0,
        seed: int = 0,
        distribution: str = "bernoulli",
        conv: ConvGeometry | None = None,
        weight_bits: int = 8,
        activation_bits: int = 8,
        weight_coding: str = "uniform",
        **settings: Any,
    ) -> GemmTrace:
        """Seeded random operands of the given densities; their integers are made when first looked at.

        `distribution` (bernoulli | blocked | n:m) is the weights'. Shapes come from M, N, K or from `conv` and N.
        """
        number_format = NumberFormat(weight_bits, activation_bits, weight_coding)
        sizes = gemm_sizes(name, groups, (M, N, K), None, None, conv)
        full = 1.0 if weight_coding == "binary" or weight_bits == 1 else weight_density
        weight = PatternOperand(
            groups * sizes[1], sizes[2], number_format.weight_bits, weight_coding, Pattern(full, 2 * seed, distribution)
        )
        steps = settings.get("repeat", 1) if settings.get("kind") in RECURRENT else 1
        rows, columns = (steps * sizes[0], groups * sizes[2]) if conv is None else plane_shape(conv, groups)
        full = 1.0 if activation_bits == 1 else activation_density
        activation = PatternOperand(
            rows, columns, number_format.activation_bits, "uniform", Pattern(full, 2 * seed + 1)
        )
        settings |= dict(zip("MNK", sizes, strict=True))
        settings |= {"weight_bits": weight_bits, "activation_bits": activation_bits, "weight_coding": weight_coding}
        return cls(name, groups=groups, weight=weight, activation=activation, conv=conv, **settings)

    @property
    def weight_bits(self) -> int:
        """Bits of one weight's code."""
        return self.number_format.weight_bits

    @property
    def activation_bits(self) -> int:
        """Bits of one activation."""
        return self.number_format.activation_bits

    @property
    def weight_coding(self) -> str:
        """uniform, pow2, binary, ternary or codebook."""
        return self.number_format.weight_coding

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the dense GEMMs, groups and repeats included."""
        return self.repeat * self.groups * self.M * self.N * self.K

    @property
    def has_weights(self) -> bool:
        """Whether the second operand is weights; that of an attention GEMM is another activation."""
        return self.kind != "attention"

    @property
    def has_steps(self) -> bool:
        """Whether the activation holds rows of their own for each of several runs."""
        if self.repeat == 1 or self.activation_operand is None or self.conv is not None:
            return False
        return operand_shape(self.activation_operand)[0] == self.repeat * self.M

    @property
    def weight(self) -> Ints | None:
        """(groups·N, K) integers, or None where the trace is a shape."""
        return None if self.weight_operand is None else self.weight_operand.whole()

    @property
    def ifmap(self) -> Ints | None:
        """(B, C, H, W) integers of a convolution, all groups, or None."""
        if self.conv is None or self.activation_operand is None:
            return None
        conv = self.conv
        return self.activation_operand.whole().reshape(conv.batch, -1, conv.height, conv.width)

    @property
    def activation(self) -> Ints | None:
        """(M, groups·K) integers, those of all steps below one another, or None.

        TraceError for a conv whose im2col matrix passes 64 MiB.
        """
        if self.conv is None or self.activation_operand is None:
            return None if self.activation_operand is None else self.activation_operand.whole()
        return np.concatenate([self.group(g)._im2col.whole() for g in range(self.groups)], axis=1)

    @property
    def has_values(self) -> bool:
        """Whether both operands carry integers."""
        return self.weight_operand is not None and self.activation_operand is not None

    def weight_tile(self, n0: int, n1: int, k0: int, k1: int) -> Ints:
        """Weights of filters n0..n1−1 (over all groups) at k0..k1−1; TraceError where the trace is a shape."""
        if self.weight_operand is None:
            raise TraceError(f"trace {self.name!r} is a shape; its weights have no values")
        return self.weight_operand.tile(n0, n1, k0, k1)

    def activation_tile(self, m0: int, m1: int, k0: int, k1: int) -> Ints:
        """Activations of pixels m0..m1−1 at k0..k1−1 of a one-group trace; TraceError where the trace is a shape."""
        if self.activation_operand is None:
            raise TraceError(f"trace {self.name!r} is a shape; its activations have no values")
        source = self.activation_operand if self.conv is None else self._im2col
        return source.tile(m0, m1, k0, k1)

    @cached_property
    def _im2col(self) -> Im2colOperand:
        if self.groups != 1 or self.conv is None:
            raise TraceError(f"trace {self.name!r} has {self.groups} groups; take one with group(g) first")
        plane = self.ifmap
        assert plane is not None
        return Im2colOperand(plane, self.conv)

    def step(self, t: int) -> GemmTrace:
        """Run t of `repeat` as a trace of its own, which runs once and has M rows of activations."""
        if self.repeat == 1:
            return self
        rows = self.activation_operand
        if rows is not None and self.has_steps:
            rows = ArrayOperand(rows.tile(t * self.M, (t + 1) * self.M, 0, self.groups * self.K))
        return GemmTrace(
            self.name, M=self.M, N=self.N, K=self.K, groups=self.groups, weight=self.weight_operand, activation=rows,
            weight_bits=self.weight_bits, activation_bits=self.activation_bits, weight_coding=self.weight_coding,
            codebook_bits=self.number_format.codebook_bits, filter_bits=self.number_format.filter_bits, kind=self.kind,
            conv=self.conv, operation=self.operation, dense_shape=self.dense_shape, dense_groups=self.dense_groups,
        )  # fmt: skip

    def group(self, g: int) -> GemmTrace:
        """Group g as a trace of its own, with one group and no repeats: the first step's where they differ."""
        if self.repeat > 1 and self.has_steps:
            return self.step(0).group(g)
        if self.groups == 1 and self.repeat == 1:
            return self
        whole = self.weight_operand is None or self.groups == 1
        weight = self.weight_operand if whole else self.weight_tile(g * self.N, (g + 1) * self.N, 0, self.K)
        return GemmTrace(
            self.name, M=self.M, N=self.N, K=self.K, weight=weight, activation=self._group_activation(g),
            weight_bits=self.weight_bits, activation_bits=self.activation_bits, weight_coding=self.weight_coding,
            codebook_bits=self.number_format.codebook_bits, filter_bits=self._group_bits(g), kind=self.kind,
            conv=self.conv, operation=self.operation,
        )  # fmt: skip

    def _group_bits(self, g: int) -> tuple[int, ...] | None:
        bits = self.number_format.filter_bits
        return None if bits is None else bits[g * self.N : (g + 1) * self.N]

    def _group_activation(self, g: int) -> Any:
        if self.activation_operand is None or (self.groups == 1 and self.conv is None):
            return self.activation_operand
        if self.conv is None:
            return self.activation_operand.tile(0, self.M, g * self.K, (g + 1) * self.K)
        plane = self.ifmap
        assert plane is not None
        return plane[:, g * self.conv.channels : (g + 1) * self.conv.channels]

    def touched_ifmap(self, m0: int, m1: int, k0: int, k1: int) -> int:
        """Distinct ifmap elements of one group behind X[m0:m1, k0:k1]; padding is none."""
        return (m1 - m0) * (k1 - k0) if self.conv is None else self.conv.touched(m0, m1, k0, k1)

    def touched_by_tile(self, step: int, k0: int, k1: int) -> Ints:
        """The same for each run of `step` pixels, (⌈M/step⌉,)."""
        if self.conv is not None:
            return self.conv.touched_by_tile(0, self.M, step, k0, k1)
        edges = np.minimum(np.arange(0, self.M + step, step), self.M)
        return np.diff(edges) * (k1 - k0)

    def activation_nonzeros(self) -> Ints:
        """Nonzeros of every column of X, (K,), of a one-group trace; padding is zero. Shapes count as all nonzero."""
        if self.conv is None:
            if self.activation_operand is None:
                return np.full(self.K, self.M, np.int64)
            return np.asarray(np.count_nonzero(self.activation_tile(0, self.M, 0, self.K), axis=0))
        shape = (self.conv.batch, self.conv.channels, self.conv.height, self.conv.width)
        plane = self.ifmap
        return self.conv.column_sums(
            np.broadcast_to(np.int8(1), shape) if plane is None else (plane != 0).astype(np.int8)
        )
