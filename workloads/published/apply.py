"""Layers as a compression profile describes them: random patterns of its density in integers of its bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from accelsim.errors import unknown_name
from accelsim.trace.gemm import GemmTrace

from .files import LayerFigures, Profile


def profiled(trace: GemmTrace, figures: LayerFigures, seed: int) -> GemmTrace:
    """The shape `trace` after compression: seeded random weights and activations.

    Pruned elements are a Bernoulli pattern; pruned columns are drawn without replacement, at least one stays, and the
    weights in the others are dense. What the figures do not say is dense, not pruned, and has 8 bits.
    """
    activation_bits = figures.activation_bits or 8
    bits = (figures.weight_bits or 8) if trace.has_weights else activation_bits
    coding = figures.weight_coding or "uniform"
    shape = replace(
        trace,
        weight_bits=bits,
        activation_bits=activation_bits,
        weight_coding=coding,
        codebook_bits=bits if coding == "codebook" else None,
        pruned=trace.has_weights and figures.density < 1,
    )
    density = figures.density
    if figures.structure == "columns":
        shape, density = _fewer_columns(shape, density, seed), 1.0
    activation_density = 1.0 if figures.activation_density is None else figures.activation_density
    return shape.filled(density, activation_density, seed=seed)


def _fewer_columns(trace: GemmTrace, share: float, seed: int) -> GemmTrace:
    """The shape with this share of its columns, the same ones in every group."""
    remaining = max(1, round(trace.K * share))
    if trace.conv is None:
        return replace(trace, K=remaining)
    drawn = np.random.default_rng(seed).choice(trace.K, remaining, replace=False)
    return replace(trace, K=remaining, conv=replace(trace.conv, columns=tuple(sorted(drawn.tolist()))))


def compressed(traces: Sequence[GemmTrace], profile: Profile, seed: int) -> list[GemmTrace]:
    """All layers as `profile` describes them, layer i from the random numbers of seed + i.

    Raises UnknownNameError, with the nearest name, where the profile names a layer that is not there.
    """
    names = [trace.name for trace in traces]
    for layer in profile.layers:
        if layer not in names:
            raise unknown_name(f"layer of {profile.network} in profile {profile.profile}", layer, names)
    return [profiled(trace, profile.of(trace.name, trace.kind), seed + i) for i, trace in enumerate(traces)]
