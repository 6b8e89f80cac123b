"""GemmTrace: one layer as a GEMM, with the integers that the hardware sees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import TraceError
from .checks import Given, checked_fields, has_weights
from .conv import ConvGeometry, Pair, conv_geometry
from .number_format import NumberFormat
from .operand import ArrayOperand, Im2colOperand, Ints, Pattern, StoredOperand, integer_array
from .shape import Shape, plane_shape, positive
from .shown import trace_line

_AS_OPERAND: Any = object()  # stands for a `weight` or `activation` that is not given: None is given, and means none


@dataclass(frozen=True, eq=False, init=False)
class GemmTrace:
    """O[M,N] = X[M,K] · W[N,K]ᵀ, `groups` times, one after another; M, N, K are of one group.

    `GemmTrace(name, M=, N=, K=)` alone is a shape. With values, `weight` is (groups·N, K) and `activation` is
    (M, groups·K); a convolution comes from `from_conv` and keeps its ifmap, as (B·C, H·W) in `activation_operand`.
    Either may be a `Pattern` instead: random integers in the trace's size and number format. Integers are
    read-only. Order: k = (c·R + r)·S + s, m = (b·OH + oy)·OW + ox.

    `dataclasses.replace` makes another trace in which everything that is not named stays, and takes `weight` and
    `activation` as the constructor does; sizes that follow from one another (M of a larger conv, N of fewer filters)
    are named together.

    `dense_shape` is (M, N, K) of the uncompressed layer and `dense_groups` its groups. `repeat` says how often the
    layer runs with the same weights; of a recurrent kind (RECURRENT) `activation` may then hold M rows for each step.
    The second operand of kind `attention` is an activation too, and counts as no weight. `filter_bits`,
    (groups·N,), are the bits of each filter where they differ; `weight_bits`, by default the most of them (without
    them 8), is what an array runs, stores and fetches every filter at that makes no use of them. `operation` is what
    the network was trained for: `mac`, x · w summed; `l1`, −|x − w| summed, AdderNet's layers; `any` binds it to no
    array, and the one that runs it decides. Operands are two's complement, one bit being −1 and +1; one that is not
    `weight_signed` or `activation_signed` is from 0 to 2^bits − 1. Activations are held less `activation_zero_point`,
    so that zero and padding are 0; what hardware carries is `raw_tile`. Of `weight_coding` "float" both operands are in
    `float_format` (fp32 where none is named), which says their bits: a format that costs and computes nothing. `pruned`
    says whether somebody pruned the layer: True unless an importer, a checkpoint or a quantizer knows that nobody did,
    in which case the zeros that rounding left count as weights in α; whoever prunes such a layer by hand says
    `pruned=True`. Raises TraceError where shapes, values or bits contradict each other, and where a layer that nobody
    pruned has fewer weights than its dense shape.

    >>> layer = GemmTrace("fc", weight=[[1, 0, -1]], activation=[[3, 4, 5], [6, 7, 8]], weight_bits=2)
    >>> layer.shape, layer.macs, layer.weight_bits
    (Shape(M=2, N=1, K=3), 6, 2)
    >>> replace(layer, name="fc2").weight
    array([[ 1,  0, -1]])
    """

    name: str
    M: int
    N: int
    K: int
    groups: int
    weight_operand: StoredOperand | None
    activation_operand: StoredOperand | None
    weight_bits: int
    activation_bits: int
    weight_coding: str
    codebook_bits: int | None
    filter_bits: tuple[int, ...] | None
    kind: str
    conv: ConvGeometry | None
    repeat: int
    dense_shape: Shape
    dense_groups: int
    operation: str
    pruned: bool
    weight_signed: bool
    activation_signed: bool
    activation_zero_point: int
    float_format: str | None

    def __init__(
        self,
        name: str,
        *,
        M: int | None = None,
        N: int | None = None,
        K: int | None = None,
        groups: int = 1,
        weight: Any = _AS_OPERAND,
        activation: Any = _AS_OPERAND,
        weight_bits: int | None = None,
        activation_bits: int = 8,
        weight_coding: str = "uniform",
        codebook_bits: int | None = None,
        filter_bits: Any = None,
        kind: str | None = None,
        conv: ConvGeometry | None = None,
        repeat: int = 1,
        dense_shape: Iterable[int] | None = None,
        dense_groups: int | None = None,
        operation: str = "any",
        pruned: bool = True,
        weight_signed: bool = True,
        activation_signed: bool = True,
        activation_zero_point: int = 0,
        float_format: str | None = None,
        weight_operand: Given = None,
        activation_operand: Given = None,
    ) -> None:
        # Written by hand because integers are given as `weight` and `activation`, which are views once they are in:
        # a conv's `activation` is its im2col matrix. The fields that `replace` copies are the operands behind them.
        vars(self).update(
            name=name, M=M, N=N, K=K, groups=groups,
            weight_operand=weight_operand if weight is _AS_OPERAND else weight,
            activation_operand=activation_operand if activation is _AS_OPERAND else activation,
            weight_bits=weight_bits, activation_bits=activation_bits, weight_coding=weight_coding,
            codebook_bits=codebook_bits, filter_bits=filter_bits, kind=kind, conv=conv, repeat=repeat,
            dense_shape=dense_shape, dense_groups=dense_groups, operation=operation,
            pruned=pruned, weight_signed=weight_signed, activation_signed=activation_signed,
            activation_zero_point=activation_zero_point, float_format=float_format,
        )  # fmt: skip
        self.__post_init__()

    def __post_init__(self) -> None:
        """Work out what was not given, and check the fields against one another."""
        vars(self).update(checked_fields(vars(self)))

    __repr__ = trace_line

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
        """A convolution: `weight` (N, C/groups, R, S) and `ifmap` (B, C, H, W), as integers or as a tuple of sizes.

        >>> GemmTrace.from_conv("conv1", weight=(20, 1, 5, 5), ifmap=(1, 1, 28, 28)).shape
        Shape(M=576, N=20, K=25)
        """
        values = None if isinstance(weight, tuple) else integer_array(weight, f"weight of {name!r}", 4)
        plane = None if isinstance(ifmap, tuple) else integer_array(ifmap, f"ifmap of {name!r}", 4)
        shape = weight if values is None else values.shape
        positive(groups, name, "groups")
        geometry = conv_geometry(
            name, weight=shape, ifmap=ifmap if plane is None else plane.shape, groups=groups, stride=stride,
            padding=padding, dilation=dilation,
        )  # fmt: skip
        matrix = None if values is None else values.reshape(len(values), -1)
        return cls(
            name, N=shape[0] // groups, groups=groups, weight=matrix, activation=plane, conv=geometry, **settings
        )

    @classmethod
    def random(
        cls,
        name: str,
        *,
        M: int | None = None,
        N: int = 1,
        K: int | None = None,
        weight_density: float = 1.0,
        activation_density: float = 1.0,
        seed: int = 0,
        distribution: str = "bernoulli",
        pruned: bool | None = None,
        **settings: Any,
    ) -> GemmTrace:
        """Seeded random operands of the given densities; their integers are made when first looked at.

        `distribution` (bernoulli | blocked | n:m) is the weights'. Shapes come from M, N, K or from `conv` and N;
        `pruned` is as in `filled`, `settings` are the constructor's other fields.

        >>> layer = GemmTrace.random("fc", M=1, N=40, K=90, weight_density=0.1, seed=1)
        >>> bool(0.05 < np.count_nonzero(layer.weight) / layer.weight.size < 0.15)
        True
        """
        shape = cls(name, M=M, N=N, K=K, **settings)
        return shape.filled(weight_density, activation_density, seed=seed, distribution=distribution, pruned=pruned)

    def filled(
        self,
        weight_density: float = 1.0,
        activation_density: float = 1.0,
        *,
        seed: int = 0,
        distribution: str = "bernoulli",
        pruned: bool | None = None,
    ) -> GemmTrace:
        """The layer with seeded random operands of these densities; one-bit and binary ones have no zeros.

        Weights of a density below 1 or of an N:M pattern are pruned ones, unless `pruned` says otherwise.
        """
        number_format = self.number_format
        full = self.weight_coding == "binary" or number_format.bipolar_weights
        if pruned is None:
            pruned = self.pruned or (not full and weight_density < 1) or ":" in distribution
        operands: dict[str, Any] = {
            "weight": Pattern(1.0 if full else weight_density, 2 * seed, distribution),
            "activation": Pattern(1.0 if number_format.bipolar_activations else activation_density, 2 * seed + 1),
        }
        return replace(self, pruned=pruned, **operands)

    def as_shape(self) -> GemmTrace:
        """The layer without its integers; size, number format and all else stay.

        >>> layer = GemmTrace("fc", weight=[[1, 0, -1]], M=2, weight_bits=2, weight_coding="ternary")
        >>> layer.as_shape().weight, layer.as_shape().weight_coding
        (None, 'ternary')
        """
        return self._part(weight_operand=None, activation_operand=None)

    @property
    def shape(self) -> Shape:
        """M, N and K of one group."""
        return Shape(self.M, self.N, self.K)

    @cached_property
    def number_format(self) -> NumberFormat:
        """How the integers stand in bits."""
        return NumberFormat(**{name: getattr(self, name) for name in _FORMAT_FIELDS})

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the dense GEMMs, groups and repeats included."""
        return self.repeat * self.groups * self.M * self.N * self.K

    @property
    def has_weights(self) -> bool:
        """Whether the second operand is weights; that of an attention GEMM is another activation."""
        return has_weights(self.kind)

    @property
    def has_steps(self) -> bool:
        """Whether the activation holds rows of their own for each of several runs."""
        if self.repeat == 1 or self.activation_operand is None or self.conv is not None:
            return False
        return self.activation_operand.rows == self.repeat * self.M

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

    @property
    def is_uniform(self) -> bool:
        """Whether all groups are equal: no integers, and no bits of single filters."""
        return self.weight_operand is None and self.activation_operand is None and self.filter_bits is None

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

    def raw_tile(self, m0: int, m1: int, k0: int, k1: int) -> Ints:
        """`activation_tile` as memory and arrays carry it: the zero point added, which is what padding holds then."""
        tile = self.activation_tile(m0, m1, k0, k1)
        return tile.astype(np.int64) + self.activation_zero_point if self.activation_zero_point else tile

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
        return self._part(activation_operand=rows, repeat=1)

    def group(self, g: int) -> GemmTrace:
        """Group g as a trace of its own, with one group and no repeats: the first step's where they differ.

        It is its own dense layer. Its integers are views of these, and nothing is checked again.
        """
        if self.repeat > 1 and self.has_steps:
            return self.step(0).group(g)
        if self.groups == 1 and self.repeat == 1:
            return self
        return self._part(
            groups=1,
            repeat=1,
            weight_operand=self._group_weight(g),
            activation_operand=self._group_activation(g),
            filter_bits=None if self.filter_bits is None else self.filter_bits[g * self.N : (g + 1) * self.N],
            dense_shape=self.shape,
            dense_groups=1,
        )

    def filters_of(self, first: int, count: int) -> GemmTrace:
        """The filters of `count` groups from `first` on as one group of as many more, without activations.

        Each group's filters belong to activations of its own, which is for whoever takes them together to know.

        >>> GemmTrace("dw", M=5, N=2, K=9, groups=8).filters_of(4, 3).shape
        Shape(M=5, N=6, K=9)
        """
        n0, n1 = first * self.N, (first + count) * self.N
        part = self.group(first)
        return part._part(
            N=n1 - n0,
            weight_operand=None if self.weight_operand is None else ArrayOperand(self.weight_tile(n0, n1, 0, self.K)),
            activation_operand=None,
            filter_bits=None if self.filter_bits is None else self.filter_bits[n0:n1],
            dense_shape=Shape(self.M, n1 - n0, self.K),
        )

    def _group_weight(self, g: int) -> StoredOperand | None:
        if self.weight_operand is None or self.groups == 1:
            return self.weight_operand
        return ArrayOperand(self.weight_tile(g * self.N, (g + 1) * self.N, 0, self.K))

    def _group_activation(self, g: int) -> StoredOperand | None:
        if self.activation_operand is None or self.groups == 1:
            return self.activation_operand
        if self.conv is None:
            return ArrayOperand(self.activation_operand.tile(0, self.M, g * self.K, (g + 1) * self.K))
        plane = self.ifmap
        assert plane is not None
        channels = plane[:, g * self.conv.channels : (g + 1) * self.conv.channels]
        return ArrayOperand(channels.reshape(plane_shape(self.conv, 1)))

    def _part(self, **changes: Any) -> GemmTrace:
        """This trace with changes that are known to fit, as those to a part of it are: nothing is checked again."""
        own, part = vars(self), object.__new__(GemmTrace)
        vars(part).update({name: own[name] for name in _FIELDS} | changes)
        return part

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


_FORMAT_FIELDS = tuple(field.name for field in fields(NumberFormat))
_FIELDS = tuple(field.name for field in fields(GemmTrace))
