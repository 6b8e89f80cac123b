"""Layers as a compression profile describes them: random patterns of its density in integers of its bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from accelsim.errors import unknown_name
from accelsim.trace.conv import ConvGeometry
from accelsim.trace.gemm import GemmTrace
from workloads.published.files import LayerFigures, Profile


def profiled(trace: GemmTrace, figures: LayerFigures, seed: int) -> GemmTrace:
    """The shape `trace` after compression: seeded random weights and activations.

    Pruned elements are a Bernoulli pattern; pruned columns are drawn without replacement, at least one stays, and the
    weights in the others are dense. What the figures do not say is dense and has 8 bits.
    """
    activation_bits = figures.activation_bits or 8
    bits = (figures.weight_bits or 8) if trace.has_weights else activation_bits
    settings: dict[str, Any] = {
        "weight_bits": bits,
        "activation_bits": activation_bits,
        "weight_coding": figures.weight_coding or "uniform",
        "activation_density": 1.0 if figures.activation_density is None else figures.activation_density,
        "weight_density": figures.density,
    }
    if settings["weight_coding"] == "codebook":
        settings["codebook_bits"] = bits
    sizes: dict[str, Any] = {"M": trace.M, "K": trace.K, "conv": trace.conv}
    if figures.structure == "columns":
        sizes |= _fewer_columns(trace, figures.density, seed)
        settings["weight_density"] = 1.0
    return GemmTrace.random(
        trace.name,
        N=trace.N,
        groups=trace.groups,
        seed=seed,
        kind=trace.kind,
        repeat=trace.repeat,
        dense_shape=trace.dense_shape,
        dense_groups=trace.dense_groups,
        operation=trace.operation,
        **sizes,
        **settings,
    )


def _fewer_columns(trace: GemmTrace, share: float, seed: int) -> dict[str, Any]:
    """K, and the geometry with the columns that stay, the same in every group."""
    kept = max(1, round(trace.K * share))
    if trace.conv is None:
        return {"K": kept}
    drawn = np.random.default_rng(seed).choice(trace.K, kept, replace=False)
    geometry: ConvGeometry = replace(trace.conv, columns=tuple(sorted(drawn.tolist())))
    return {"K": kept, "conv": geometry}


def compressed(traces: Sequence[GemmTrace], profile: Profile, seed: int) -> list[GemmTrace]:
    """All layers as `profile` describes them, layer i from the random numbers of seed + i.

    Raises UnknownNameError, with the nearest name, where the profile names a layer that is not there.
    """
    names = [trace.name for trace in traces]
    for layer in profile.layers:
        if layer not in names:
            raise unknown_name(f"layer of {profile.network} in profile {profile.profile}", layer, names)
    return [profiled(trace, profile.of(trace.name, trace.kind), seed + i) for i, trace in enumerate(traces)]
