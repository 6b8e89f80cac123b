"""What the PPR study runs: layers with random patterns at any density, and networks that were really pruned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import workloads
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.workload import Workload

from .ppr_designs import BITS, SHAPES_OF_NM, Design

LAYERS: Mapping[str, Mapping[str, Sequence[str]]] = {  # set -> network of the zoo -> its layers
    "conv": {
        "alexnet": ("features.3", "features.6"),
        "resnet18": ("layer1.0.conv1", "layer2.0.conv2", "layer3.1.conv1", "layer4.1.conv1"),
        "resnet50": ("layer2.1.conv1",),
    },
    "fc": {"alexnet": ("classifier.4",), "resnet50": ("fc",)},
}
QUICK_LAYERS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "conv": {"resnet18": ("layer2.0.conv2", "layer3.1.conv1")},
    "fc": {"resnet50": ("fc",)},
}
ACTIVATION_DENSITY = 0.4  # assumed; the conv layers of the networks of SCNN's paper (Fig. 1) lie at 0.3 to 0.6


@dataclass(frozen=True)
class Pattern:
    """Random weights: a density, drawn from each of some seeds, under activations of a density."""

    density: float
    activation_density: float
    seeds: tuple[int, ...]


@lru_cache(maxsize=4)
def _zoo(network: str) -> Workload:
    return workloads.load(network)


def layers_of(layer_set: str, quick: bool) -> dict[str, GemmTrace]:
    """The shapes of a set, by `network/layer`."""
    chosen = (QUICK_LAYERS if quick else LAYERS)[layer_set]
    return {f"{network}/{name}": _zoo(network)[name] for network, names in chosen.items() for name in names}


def random_layers(layer_set: str, design: Design, pattern: Pattern, quick: bool) -> Workload:
    """A set's layers at the pattern's densities, once a seed, as `layer@seed`; N:M designs get an N:M pattern."""
    ratio = SHAPES_OF_NM.get(pattern.density)
    nm = design.pattern == "n:m" and ratio is not None
    distribution = f"{ratio[0]}:{ratio[1]}" if nm and ratio else "bernoulli"
    shapes = layers_of(layer_set, quick)
    traces = [
        _random(f"{name}@{seed}", shape, pattern, 1000 * seed + number, distribution)
        for seed in pattern.seeds
        for number, (name, shape) in enumerate(shapes.items())
    ]
    return Workload(f"{layer_set} at {pattern.density:g}", traces)


def _random(name: str, shape: GemmTrace, pattern: Pattern, seed: int, distribution: str) -> GemmTrace:
    rows, reduction = (None, None) if shape.conv else (shape.M, shape.K)
    return GemmTrace.random(
        name, M=rows, N=shape.N, K=reduction, groups=shape.groups, conv=shape.conv, seed=seed,
        distribution=distribution, weight_density=pattern.density, activation_density=pattern.activation_density,
        weight_bits=BITS, activation_bits=BITS,
    )  # fmt: skip
