"""Hypothesis strategies: traces, small arrays of a family, and tiles of a program."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from ..arrays.base import PEArray, Program, Tile
from ..trace.gemm import GemmTrace
from .cuts import grain_sizes, layer_sizes, tiles
from .layers import Conv, LayerSource

DENSITIES = (0.0, 0.05, 0.3, 0.7, 1.0)
Family = TypeVar("Family", bound=PEArray)


def seeds() -> st.SearchStrategy[int]:
    """Seeds of numpy's generator."""
    return st.integers(0, 2**32 - 1)


@st.composite
def gemms(
    draw: st.DrawFn, source: LayerSource | None = None, *, most: tuple[int, int, int] = (12, 40, 150)
) -> GemmTrace:
    """GEMMs of up to `most` M, N and K, with values in the format of `source` (8-bit integers without one)."""
    shape = draw(st.integers(1, most[0])), draw(st.integers(1, most[1])), draw(st.integers(1, most[2]))
    rng = np.random.default_rng(draw(seeds()))
    return (source or LayerSource()).gemm(rng, shape, draw(st.sampled_from(DENSITIES)))


@st.composite
def convolutions(draw: st.DrawFn, source: LayerSource | None = None) -> GemmTrace:
    """Small convolutions with values in the format of `source`, whose kernel fits the padded ifmap."""
    padding, stride = draw(st.integers(0, 2)), draw(st.integers(1, 3))
    plane = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    kernel = tuple(draw(st.integers(1, min(4, side + 2 * padding))) for side in plane)
    sizes = [draw(st.integers(1, most)) for most in (3, 5, 12)]
    conv = Conv(sizes[0], sizes[1], sizes[2], plane, (kernel[0], kernel[1]), stride, padding)
    rng = np.random.default_rng(draw(seeds()))
    return (source or LayerSource()).conv(rng, conv, draw(st.sampled_from(DENSITIES)))


def layers(source: LayerSource) -> st.SearchStrategy[GemmTrace]:
    """What the arrays of a conformance class run."""
    return convolutions(source) if source.convolutions else gemms(source)


@st.composite
def arrays(draw: st.DrawFn, /, family: type[Family], *, most: int = 6, **fields: Any) -> Family:
    """A family's arrays of up to `most` along each scalable size; `fields` are strategies or values of others."""
    chosen: dict[str, Any] = {name: draw(st.integers(1, most)) for name in family.scalable}
    for name, value in fields.items():
        chosen[name] = draw(value) if isinstance(value, st.SearchStrategy) else value
    return family(**chosen)


@st.composite
def cuts(draw: st.DrawFn, program: Program, dimensions: str = "MNK") -> list[Tile]:
    """All tiles of a program, cut on its grain along some dimensions."""
    steps, grain = layer_sizes(program), grain_sizes(program)
    for d in dimensions:
        steps[d] = grain[d] * draw(st.integers(1, max(1, -(-steps[d] // grain[d]))))
    return tiles(program, steps)
