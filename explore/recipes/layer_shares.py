"""How a pruning rate of the whole network is shared among its layers (001 §IV-D: per-layer rates in proportion)."""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.errors import ConfigError

_HALVINGS = 60


def remaining_at(rate: float, weights: Mapping[str, int], reference: Mapping[str, int]) -> dict[str, int]:
    """How many weights each layer keeps so that all of them together are `rate` times fewer, to the nearest weight.

    `weights` are the layers' sizes, `reference` what they keep at some rate that is known to work. A layer's density
    is its reference density to one power, the same for all layers: 0 keeps everything, 1 is the reference. Raises
    ConfigError for a rate that leaves no weight to each layer.
    """
    total = sum(weights.values())
    if not 1 <= rate <= total / len(weights):
        raise ConfigError(f"rate is {rate}; 1 to {total // len(weights)} is expected of these layers")

    def remaining(power: float) -> dict[str, int]:
        return {n: max(1, round(count * (reference[n] / count) ** power)) for n, count in weights.items()}

    low, high = 0.0, 1.0
    while sum(remaining(high).values()) * rate > total:
        high *= 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(remaining(middle).values()) * rate > total else (low, middle)
    return remaining(high)
