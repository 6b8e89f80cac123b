"""What a figure at 45 nm becomes at another node: one factor each for energy, area and leakage."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log
from typing import Any

from ..errors import ConfigError

KINDS = ("energy", "area", "leakage")


@dataclass(frozen=True)
class Scaling:
    """Factors against the reference node, for logic and for SRAM; DRAM chips have a node of their own.

    Energy and area hold at the nodes of a table; between two nodes the factor goes as the power of the length that
    joins them (assumption). Beyond the last ones it does so only where `extrapolate` says so, and is a ConfigError
    otherwise. Leakage of a circuit goes as a power of the length that its source's rows, `leakage_rows`, give; at any
    other node that is an assumption. `fixed` are factors that a user gave, and hold at every node.
    """

    reference_nm: float
    factors: Mapping[str, Mapping[float, float]]
    leakage_exponent: float
    sources: Mapping[str, str]
    leakage_rows: tuple[float, ...] = ()
    fixed: Mapping[str, float] = field(default_factory=dict)
    extrapolate: bool = False

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
        leakage = content["leakage"]
        rows = tuple(float(node) for node in leakage["rows_nm"])
        return cls(reference_nm, factors, leakage["node_exponent"], sources, rows)

    def factor(self, kind: str, technology_nm: float) -> float:
        """What a shipped figure of `kind` (energy, area, leakage) is multiplied by at a node; 1 at the reference.

        Raises ConfigError for a node outside the first and the last of the factors, unless `extrapolate`.
        """
        return self.fixed[kind] if kind in self.fixed else self.of_node(kind, technology_nm)

    def of_node(self, kind: str, technology_nm: float, what: str = "technology_nm") -> float:
        """The factor that the tables give, whatever the user's; `what` is the field that says the node."""
        if kind == "leakage":
            return float((technology_nm / self.reference_nm) ** self.leakage_exponent)
        known = self.factors[kind]
        first, last = min(known), max(known)
        if not first <= technology_nm <= last and not self.extrapolate:
            raise ConfigError(
                f"{what} is {technology_nm:g} nm; a node from {first:g} to {last:g} nm is expected, between which the "
                f"{kind} figures can be scaled, or energy: {{extrapolate: true}}"
            )
        return known[technology_nm] if technology_nm in known else _between(known, technology_nm)

    def between(self, kind: str, from_nm: float, technology_nm: float) -> float:
        """What a figure of `kind` at one node is multiplied by at another."""
        return self.of_node(kind, technology_nm) / self.of_node(kind, from_nm, "energy.node_nm")

    def is_assumed(self, kind: str, technology_nm: float) -> bool:
        """Whether a factor is extrapolated beyond what its source has."""
        if kind in self.fixed:
            return False
        if kind == "leakage":
            return technology_nm not in self.leakage_rows
        return not min(self.factors[kind]) <= technology_nm <= max(self.factors[kind])

    def source(self, kind: str, technology_nm: float | None = None) -> str:
        """Where a factor comes from; at a node beyond its rows with the word assumption."""
        if kind in self.fixed:
            return "user"
        beyond = technology_nm is not None and self.is_assumed(kind, technology_nm)
        return self.sources[kind] + (f"; assumption: so does {technology_nm:g} nm" if beyond else "")


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
