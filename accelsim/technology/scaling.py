"""What a figure at 45 nm becomes at another node: one factor each for energy, area and leakage."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log
from typing import Any

KINDS = ("energy", "area", "leakage")


@dataclass(frozen=True)
class Scaling:
    """Factors against the reference node, for logic and for SRAM; DRAM chips have a node of their own.

    Energy and area hold at the nodes of a table; between two nodes, and beyond the last ones, the factor goes as the
    power of the length that joins the two nearest (assumption). Leakage of a circuit goes as a power of the length.
    `fixed` are factors that a user gave, and hold at every node.
    """

    reference_nm: float
    factors: Mapping[str, Mapping[float, float]]
    leakage_exponent: float
    sources: Mapping[str, str]
    fixed: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def parse(cls, reference_nm: float, content: Mapping[str, Any]) -> Scaling:
        """From the `scaling` part of the energy table."""
        nodes = {float(node): entry for node, entry in sorted(content["nodes"].items())}
        energy = {node: _polynomial(entry["supply_v"], *entry["energy"]) for node, entry in nodes.items()}
        factors = {
            "energy": {node: value / energy[reference_nm] for node, value in energy.items()},
            "area": {node: float(entry["area"]) for node, entry in nodes.items()},
        }
        sources = {kind: content[kind]["source"] for kind in KINDS}
        return cls(reference_nm, factors, content["leakage"]["node_exponent"], sources)

    def factor(self, kind: str, technology_nm: float) -> float:
        """What `kind` (energy, area, leakage) is multiplied by at a node; 1 at the reference."""
        if kind in self.fixed:
            return self.fixed[kind]
        if kind == "leakage":
            return float((technology_nm / self.reference_nm) ** self.leakage_exponent)
        known = self.factors[kind]
        return known[technology_nm] if technology_nm in known else _between(known, technology_nm)

    def source(self, kind: str) -> str:
        """Where a factor comes from."""
        return "user" if kind in self.fixed else self.sources[kind]


def _polynomial(supply_v: float, a: float, b: float, c: float) -> float:
    """a·V² + b·V + c."""
    return a * supply_v**2 + b * supply_v + c


def _between(known: Mapping[float, float], node: float) -> float:
    """The power law through the two nodes around, or through the two last ones."""
    nodes = list(known)
    low = min(max(bisect_left(nodes, node) - 1, 0), len(nodes) - 2)
    a, b = nodes[low : low + 2]
    exponent = log(known[b] / known[a]) / log(b / a)
    return float(known[a] * (node / a) ** exponent)
