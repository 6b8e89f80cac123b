"""Layers of random integers for tests of an array: plain GEMMs or convolutions, in the array's own number format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays.base import PEArray
from ..hardware.loading import load_hardware
from ..trace.gemm import GemmTrace

Integers = NDArray[np.integer[Any]]
Shape = tuple[int, int, int]
GRAINS = 2  # of a layer along each dimension at least, so that it can be cut


class Conv(NamedTuple):
    """Sizes of a convolution's group."""

    batch: int
    channels: int
    filters: int
    plane: tuple[int, int]
    kernel: tuple[int, int]
    stride: int = 1
    padding: int = 0


AWKWARD_GEMMS = ((1, 7, 97), (3, 1, 1), (5, 13, 127), (16, 16, 64), (2, 33, 131))
AWKWARD_CONVS = (
    Conv(1, 1, 1, (1, 1), (1, 1)),
    Conv(2, 3, 7, (7, 5), (3, 3), padding=1),
    Conv(1, 5, 4, (9, 6), (3, 1), stride=2),
    Conv(1, 2, 9, (4, 11), (2, 3), stride=3, padding=2),
)


class LayerSource:
    """The arrays of a conformance class and the layers that they can run; its hooks say what these look like.

    `arrays` (or `array`, a single one) are PEArray instances, or dicts as `load_hardware` takes them for kinds that it
    knows. `bits` are the settings of GemmTrace that make up the number format. With `convolutions` the layers are
    convolutions, for an array that runs nothing else.
    """

    array: ClassVar[PEArray | Mapping[str, Any] | None] = None
    arrays: ClassVar[Sequence[PEArray | Mapping[str, Any]]] = ()
    bits: ClassVar[Mapping[str, Any]] = {}
    convolutions: ClassVar[bool] = False

    def weights(self, rng: np.random.Generator, shape: tuple[int, int], density: float) -> Integers:
        """Random weights of the array's format, (N, K), a share of about `density` of them nonzero where it can be."""
        return rng.integers(-128, 128, shape) * (rng.random(shape) < density)

    def activations(self, rng: np.random.Generator, shape: tuple[int, int]) -> Integers:
        """Random activations of the array's format, (M, K)."""
        return rng.integers(-128, 128, shape) * (rng.random(shape) < 0.7)

    def expected(self, x: Integers, w: Integers) -> Integers:
        """What the array computes of (M, K) and (N, K), in numpy."""
        return x @ w.T

    def effectual(self, x: Integers, w: Integers) -> int:
        """The MACs that count, in numpy: pairs of nonzeros."""
        return int(np.count_nonzero(x, axis=0) @ np.count_nonzero(w, axis=0))

    def stored_bits(self, array: PEArray, w: Integers) -> tuple[int, int] | None:
        """(weight bits, index bits) of all weights (N, K) in the array's format, in numpy; None leaves the test out."""
        return None

    @classmethod
    def instances(cls) -> list[PEArray]:
        """`arrays` and `array`; AssertionError where there are none."""
        named = [*cls.arrays, *([] if cls.array is None else [cls.array])]
        if not named:
            raise AssertionError(f"{cls.__name__} names no arrays")
        return [
            array if isinstance(array, PEArray) else load_hardware({"name": "conformance", "array": array}).array
            for array in named
        ]

    def layer(self, seed: int, density: float = 0.4, groups: int = 1, array: PEArray | None = None) -> GemmTrace:
        """A random layer; with an `array` it is some of its grains large along every dimension."""
        rng = np.random.default_rng(seed)
        if self.convolutions:
            channels, filters = int(rng.integers(2, 6)), int(rng.integers(5, 20))
            plane = (int(rng.integers(3, 10)), int(rng.integers(3, 10)))
            kernel = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
            stride, padding = int(rng.integers(1, 3)), int(rng.integers(0, 2))
            return self.conv(rng, Conv(3, channels, filters, plane, kernel, stride, padding), density, groups)
        shape = tuple(int(v) for v in rng.integers(1, (12, 40, 150)))
        if array is not None:
            shape = self.cuttable(array, rng)
        return self.gemm(rng, (shape[0], shape[1], shape[2]), density, groups)

    def cuttable(self, array: PEArray, rng: np.random.Generator) -> Shape:
        """M, N and K of more than GRAINS grains of the array."""
        grain = array.program(self.gemm(rng, (2, 3, 20), 0.5)).grain
        least = zip((grain.m, grain.n, grain.k), (4, 6, 12), strict=True)
        m, n, k = (int(rng.integers(GRAINS * step + 1, (GRAINS + 1) * step + base)) for step, base in least)
        return m, n, k

    def gemm(self, rng: np.random.Generator, shape: Shape, density: float, groups: int = 1) -> GemmTrace:
        """A GEMM of these sizes."""
        m, n, k = shape
        w, x = self.weights(rng, (groups * n, k), density), self.activations(rng, (m, groups * k))
        return GemmTrace("layer", weight=w, activation=x, groups=groups, **self.bits)

    def conv(self, rng: np.random.Generator, sizes: Conv, density: float, groups: int = 1) -> GemmTrace:
        """A convolution of these sizes."""
        batch, channels, filters, plane, kernel, stride, padding = sizes
        w = self.weights(rng, (groups * filters, channels * kernel[0] * kernel[1]), density)
        x = self.activations(rng, (batch, groups * channels * plane[0] * plane[1]))
        return GemmTrace.from_conv(
            "layer", weight=w.reshape(-1, channels, *kernel), ifmap=x.reshape(batch, -1, *plane), stride=stride,
            padding=padding, groups=groups, **self.bits,
        )  # fmt: skip

    def awkward(self, density: float = 0.4) -> list[GemmTrace]:
        """Layers of odd sizes: one of each, primes, a full grain and a bit more."""
        rng = np.random.default_rng(1)
        if self.convolutions:
            return [self.conv(rng, sizes, density) for sizes in AWKWARD_CONVS]
        return [self.gemm(rng, shape, density) for shape in AWKWARD_GEMMS]

    def with_values(
        self, trace: GemmTrace, weight: Any, activation: Any, name: str = "layer", **more: Any
    ) -> GemmTrace:
        """The same layer with other weights (N, K) and activations (M, K), of a convolution its ifmap (B, C, H, W)."""
        settings, conv = {**self.bits, **more, "groups": trace.groups}, trace.conv
        if conv is None:
            return GemmTrace(name, weight=weight, activation=activation, **settings)
        where: dict[str, Any] = {"stride": conv.stride, "padding": conv.padding, "dilation": conv.dilation}
        kernel = np.asarray(weight).reshape(-1, conv.channels, *conv.kernel)
        return GemmTrace.from_conv(name, weight=kernel, ifmap=activation, **where, **settings)

    def with_weights(self, trace: GemmTrace, weight: Any, name: str = "layer", **more: Any) -> GemmTrace:
        """The same layer with other weights of equal shape."""
        activation = trace.activation if trace.conv is None else trace.ifmap
        return self.with_values(trace, weight, activation, name, **more)

    def without_zeros(self, trace: GemmTrace) -> GemmTrace | None:
        """The same layer with 1 in place of zeros; None where too many weights of the format are zero to do that."""
        weight, activation = trace.weight, trace.activation if trace.conv is None else trace.ifmap
        if weight is None or activation is None or np.count_nonzero(weight) < 0.9 * weight.size:
            return None
        ones = np.where(weight == 0, 1, weight), np.where(activation == 0, 1, activation)
        return self.with_values(trace, ones[0], ones[1])

    def shape_of(self, trace: GemmTrace) -> GemmTrace:
        """The same layer of one group without values."""
        conv = trace.conv
        sizes = {"M": trace.M, "K": trace.K} if conv is None else {"conv": replace(conv)}
        return GemmTrace("shape", N=trace.N, **sizes, **self.bits)
