"""The papers' conclusion, "structured pruning wins at the same accuracy", by each pair's own layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..reproduce.storage_tables import paired_rows, row_name, storage_table
from .ppr_knobs import KNOBS
from .ppr_pairs import FORMS, SPARSE

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Pair:
    """Two networks of 001 at the same accuracy: the non-structured one on a design, the other on its dense machine.

    `form` says how the structured network is smaller; the rows are those of `PairPoint`.
    """

    name: str
    design: str
    form: str
    sparse: Row
    structured: Row

    @property
    def ratio(self) -> float:
        """Structured ÷ non-structured pruning rate."""
        return float(self.structured["alpha"] / self.sparse["alpha"])

    @property
    def turns_at(self) -> float:
        """The ratio above which structured pruning is faster: PPR_structured ÷ PPR_sparse (37 % by assumption)."""
        return float(self.structured["ppr"] / self.sparse["ppr"])

    @property
    def speedup(self) -> float:
        """Of the structured network over the other, in seconds of their conv layers."""
        return float(self.sparse["seconds"] / self.structured["seconds"])

    @property
    def energy_gain(self) -> float:
        """The same of energy on chip and of DRAM access."""
        sparse, structured = (_active_pj(row) for row in (self.sparse, self.structured))
        return sparse / structured

    @property
    def structured_wins(self) -> bool:
        """Whether the dense array with the structured network is faster than the design with the other."""
        return self.speedup > 1


def _active_pj(row: Row) -> float:
    return float(row["energy_on_chip_pj"] + row["energy_dram_access_pj"])


def conclusion(rows: Sequence[Row], comparison: str = "mac", setting: str = "") -> list[Pair]:
    """Every pair that was measured, on every design and in both forms; `setting` names a variant of the design."""
    wanted = {"pattern": "pair", "comparison": comparison, "setting": setting}
    found = {(r["design"], r["workload"], r["branch"]): r for r in rows if wanted.items() <= r.items()}
    return [
        Pair(name, design, form, found[design, name, SPARSE], found[design, name, form])
        for design, name, branch in found
        if branch == SPARSE
        for form in FORMS
    ]


def wins(pairs: Iterable[Pair]) -> dict[str, str]:
    """By design, in how many of its pairs structured pruning is faster: in one form of it or in the other."""
    return {design: _wins(of) for design, of in _by_design(pairs).items()}


def _wins(pairs: Sequence[Pair]) -> str:
    counts = [sum(pair.structured_wins for pair in pairs if pair.form == form) for form in FORMS]
    number = len(pairs) // len(FORMS)
    if counts[0] == counts[1]:
        return f"{counts[0]} of {number}"
    return f"{counts[0]} ({FORMS[0]} removed) or {counts[1]} ({FORMS[1]} removed) of {number}"


def _by_design(pairs: Iterable[Pair]) -> dict[str, list[Pair]]:
    by_design: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_design.setdefault(pair.design, []).append(pair)
    return by_design


def conclusion_sentence(pairs: Sequence[Pair]) -> str:
    """Whether "structured wins at the same accuracy" stands, by design, and where it turns over."""
    won, sentences = wins(pairs), []
    for design, of in _by_design(pairs).items():
        turns = [pair.turns_at for pair in of]
        sentences.append(
            f"against {design} in {won[design]} pairs, and would be from a rate of {100 * min(turns):.0f} to "
            f"{100 * max(turns):.0f} % of the non-structured one on"
        )
    return (
        f"By the networks' own layers structured pruning is faster {'; '.join(sentences)}. 001 assumes 37 % and "
        f"concludes structured in all {len(paired_rows())} pairs."
    )


def knob_sentences(rows: Sequence[Row]) -> list[str]:
    """How far a setting decides the verdict: the pairs that structured pruning wins under each of a design's."""
    sentences = []
    for design, settings in KNOBS.items():
        won = {name: wins([p for p in conclusion(rows, setting=name) if p.design == design]) for name in settings}
        listed = [f"{of[design]} with {name}" for name, of in won.items() if of]
        if listed:
            sentences.append(f"Against {design} structured pruning is faster in {', '.join(listed)}.")
    return sentences


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
