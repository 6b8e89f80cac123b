"""The search for the same accuracy (001 §VI Fig 8), as a recipe says it: where it starts, how it goes on, when it ends.

Non-structured: elements to the limit, then bits. Structured: columns to the limit, then filters and the channels that
die with them, then bits. Every step starts from the last one that held (progressive pruning, §IV-C) and keeps
`growth` times fewer parts of every layer: prior per-layer rates, increased proportionally (§IV-D).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accelsim.errors import ConfigError

from . import values as values
from .stage import Stage, parse_stage

BRANCHES: Mapping[str, tuple[str, ...]] = {"nonstructured": ("elements",), "structured": ("columns", "filters")}
BITS_LEAST, BITS_MOST = 2, 8


@dataclass(frozen=True)
class Search:
    """Steps of one branch from `start`, as long as the accuracy stays within `tolerance` of the baseline's.

    `start` is what the first step keeps of each layer, by part. `prune` and `quantize` hold the stage of one step, but
    what it keeps or how many bits it has. A step that loses too much is followed by smaller ones, `refinements` times:
    each the square root of the one before. Bits go from `first_bits` down, in all layers, then in each.
    """

    branch: str
    tolerance: float
    start: Mapping[str, Mapping[str, int | float]]
    prune: Stage
    quantize: Stage
    growth: float = 1.5
    refinements: int = 1
    steps: int = 12  # of one phase, at most
    first_bits: int = 4
    fewest_bits: int = BITS_LEAST

    @property
    def parts(self) -> tuple[str, ...]:
        """What the phases prune, in order."""
        return BRANCHES[self.branch]


def parse_search(content: Any, where: str) -> Search:
    """The search of a recipe's `search`, checked. Raises ConfigError."""
    checks: dict[str, values.Check] = {
        "branch": _branch,
        "tolerance": lambda value, at: values.number(value, -1, 1, at),
        "start": values.keep,
        "prune": parse_stage,
        "quantize": parse_stage,
        "growth": lambda value, at: values.number(value, 1, 100, at),
        "refinements": lambda value, at: values.integer(value, 0, 10, at),
        "steps": values.steps,
        "first_bits": _bits,
        "fewest_bits": _bits,
    }
    checked = values.checked(values.mapping(content, where, "a mapping with a branch"), checks, where)
    for key in ("branch", "tolerance", "start", "prune", "quantize"):
        if key not in checked:
            raise ConfigError(f"{where} has no {key}; a search needs branch, tolerance, start, prune and quantize")
    return _consistent(Search(**checked | {"start": _by_part(checked["start"])}), where)


def _by_part(start: Mapping[str, Any]) -> dict[str, dict[str, int | float]]:
    """A layer that keeps a number keeps as many elements."""
    return {name: dict(keep) if isinstance(keep, dict) else {"elements": keep} for name, keep in start.items()}


def _consistent(search: Search, where: str) -> Search:
    """ConfigError where `start` names parts that the branch does not prune, or the bits run upwards."""
    for name, keep in search.start.items():
        values.require_known(keep, search.parts, f"{where}: start: {name[:60]} of the {search.branch} branch")
    if search.fewest_bits > search.first_bits:
        raise ConfigError(
            f"{where}: fewest_bits is {search.fewest_bits}; at most first_bits, {search.first_bits}, is expected"
        )
    return search


def _branch(value: Any, where: str) -> str:
    name = values.text(value, where)
    if name not in BRANCHES:
        raise ConfigError(f"{where} is {name!r:.60}; {' or '.join(BRANCHES)} is expected")
    return name


def _bits(value: Any, where: str) -> int:
    return values.integer(value, BITS_LEAST, BITS_MOST, where)
