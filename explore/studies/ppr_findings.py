"""What the numbers say: a sentence a design, and the papers' conclusion with the measured PPR."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..reproduce.cell import Printed
from ..reproduce.storage_tables import paired_rows, row_name, storage_table
from .losses import CAUSES, DENSE, SKIPPED
from .ppr_curves import GAINS, at_rate, break_even, curve, nearest, within
from .ppr_designs import DESIGNS, Design
from .ppr_layers import ACTIVATION_DENSITY

Row = Mapping[str, Any]
NAMED_RATES = (2.0, 10.0, 50.0)
GAP_RATE = 10.0


def layer_set(design: Design) -> str:
    """What a design is judged on: conv layers where it runs them."""
    return "conv" if design.conv else "fc"


def finding(rows: Sequence[Row], design: Design) -> str:
    """Is the assumed PPR supported, at which rates, and why not."""
    points = curve(rows, design.name, layer_set(design))
    values = ", ".join(f"{at_rate(points, rate, 'ppr'):.2f} at {rate:g}x" for rate in _rates(points))
    measured = f"{design.name} ({layer_set(design)} layers, equal MACs): measured PPR {values}{_unpruned(points)}"
    return f"{measured}; {_supported(points, design)}; {_why(points)}{_with_zeros(rows, design)}."


def _unpruned(points: Sequence[Row]) -> str:
    """β of the unpruned layers, and the PPR at the rate nearest to ten with β divided by it where it is far from 1."""
    own, row = points[0].get("beta_unpruned"), nearest(points, GAP_RATE)
    if own is None:
        return ""
    corrected = row["ppr_corrected"]
    more = "" if corrected is None else f"; with β divided by it the PPR is {corrected:.2f} at {row['alpha']:.2g}x"
    return f" (β unpruned {own:.2f}{more})"


def _rates(points: Sequence[Row]) -> list[float]:
    return [rate for rate in NAMED_RATES if rate <= points[-1]["alpha"] * 1.05]


def _supported(points: Sequence[Row], design: Design) -> str:
    if design.assumed is None:
        return "nobody assumes a value"
    band = f"{design.assumed[0]:g} to {design.assumed[1]:g}"
    inside = within(points, design.assumed)
    pruned = [row for row in points if row["alpha"] > 1.05]
    if inside:
        rates = f"{inside[0]:.2g}x" if inside[0] == inside[1] else f"{inside[0]:.2g}x to {inside[1]:.2g}x"
        return f"the assumed {band} is supported at {rates} only"
    if all(row["ppr"] < design.assumed[0] for row in pruned):
        return f"the assumed {band} is not supported at any rate: it is too high"
    if all(row["ppr"] > design.assumed[1] for row in pruned):
        return f"the assumed {band} is not supported at any rate: it is too low"
    return f"the assumed {band} is passed between two measured rates and held at none"


def _why(points: Sequence[Row]) -> str:
    """The two largest parts of the gap at the measured rate nearest to ten."""
    row = nearest(points, GAP_RATE)
    parts = {cause: row[f"gap_{cause.replace(' ', '_')}"] for cause in CAUSES if cause not in {DENSE, SKIPPED}}
    largest = sorted(parts, key=lambda cause: -parts[cause])[:2]
    causes = " and ".join(f"{cause} ({parts[cause]:+.2f})" for cause in largest if parts[cause] > 0.005)
    return (
        f"at {row['alpha']:.2g}x most is lost to {causes}"
        if causes
        else f"at {row['alpha']:.2g}x next to nothing is lost"
    )


def _with_zeros(rows: Sequence[Row], design: Design) -> str:
    if not design.skips_activations:
        return ""
    points = curve(rows, design.name, layer_set(design), activation_density=ACTIVATION_DENSITY)
    value = at_rate(points, GAP_RATE, "ppr")
    saved = "; below 1 is legitimate there" if value < 1 else ""
    sentence = (
        f"; with activations at density {ACTIVATION_DENSITY:g}, whose zeros it also skips, {value:.2f} at {GAP_RATE:g}x"
    )
    return sentence + saved


@dataclass(frozen=True)
class Pair:
    """Two networks of 001 at the same accuracy, on one design: rates, PPRs, and who is faster."""

    name: str
    design: str
    sparse_rate: float
    structured_rate: float
    sparse_ppr: float
    structured_ppr: float

    @property
    def ratio(self) -> float:
        """Structured ÷ non-structured pruning rate."""
        return self.structured_rate / self.sparse_rate

    @property
    def turns_at(self) -> float:
        """The ratio above which structured pruning is faster: PPR_structured ÷ PPR_sparse (37 % by assumption)."""
        return self.structured_ppr / self.sparse_ppr

    @property
    def structured_wins(self) -> bool:
        """Whether the dense array with the structured network is faster than the design with the other."""
        return self.ratio > self.turns_at


def same_accuracy_pairs() -> list[tuple[str, float, float]]:
    """(name, non-structured rate, structured rate) of every pair of ADMM-NN-S rows in Tables VIII to XIV."""
    return [
        (pair.name, Printed.read(pair.sparse["rate"]).value, Printed.read(pair.structured["rate"]).value)
        for pair in paired_rows()
    ]


def conclusion(rows: Sequence[Row], comparison: str = "mac") -> list[Pair]:
    """The papers' same-accuracy pairs on every design that runs conv layers at any rate, with measured PPRs.

    The PPRs are those of the study's conv layers at each pair's rates, weights alone being sparse.
    """
    structured = sorted((r for r in rows if r["pattern"] == "structured"), key=lambda row: row["alpha"])
    pairs = []
    for design in DESIGNS:
        if not design.conv or design.pattern == "n:m":
            continue
        points = curve(rows, design.name, "conv", comparison)
        for name, sparse, other in same_accuracy_pairs():
            pprs = at_rate(points, sparse, "ppr"), at_rate(structured, other, "ppr")
            pairs.append(Pair(name, design.name, sparse, other, *pprs))
    return pairs


def conclusion_sentence(pairs: Iterable[Pair]) -> str:
    """Whether "structured wins at the same accuracy" stands, by design, and where it turns over."""
    by_design: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_design.setdefault(pair.design, []).append(pair)
    sentences = []
    for name, of in by_design.items():
        wins = sum(pair.structured_wins for pair in of)
        turns = [pair.turns_at for pair in of]
        sentences.append(
            f"against {name} structured pruning is faster in {wins} of {len(of)} pairs, and would be from a rate of "
            f"{100 * min(turns):.0f} to {100 * max(turns):.0f} % of the non-structured one on"
        )
    return "With the measured PPR " + "; ".join(sentences) + "; 001 assumes 37 % and concludes structured in all pairs."


def break_evens(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The pruning rate from which each design beats the dense array by each of GAINS, equal MACs."""
    entries = []
    for design in DESIGNS:
        points = curve(rows, design.name, layer_set(design))
        rates = {gain: break_even(points, gain) for gain in GAINS}
        entries.append({"design": design.name, "workload": layer_set(design), **rates})
    return entries


def same_accuracy_storage() -> list[dict[str, Any]]:
    """Bits of both branches of each pair, from 001's printed weights and bits, with relative and absolute indices.

    The non-structured network's bits are those of `explore.reproduce`: relative indices as the lower bound under
    uniform sparsity, absolute ones in 64×64 blocks; structured networks store weights alone.
    """
    entries = []
    for pair in paired_rows():
        cells = {(cell.row, cell.column): cell.value for cell in storage_table(pair.table)}
        sparse = row_name(pair.sparse)
        entries.append({
            "pair": pair.name,
            "relative_bits": cells[sparse, "relative"], "absolute_bits": cells[sparse, "absolute"],
            "structured_bits": cells[row_name(pair.structured), "weight_store"],
        })  # fmt: skip
    return entries
