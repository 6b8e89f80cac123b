"""The PPR that hardware reaches: every point of the study measured, its findings and its files."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from accelsim.files import write_json, written_whole

from ..parallel import in_order
from .ppr_conclusion import Pair, conclusion, conclusion_sentence, knob_sentences, same_accuracy_storage
from .ppr_designs import DESIGNS
from .ppr_findings import break_evens, finding
from .ppr_knobs import knob_points
from .ppr_pairs import pair_points
from .ppr_points import Measurable, measure, points
from .ppr_pruned import pruned_points
from .ppr_resident import resident_points

PACKAGES = ("accelsim", "numpy", "numba", "torch", "simpy")
Row = dict[str, Any]
Progress = Callable[[int, int], None]  # (points done, of all)


@dataclass(frozen=True)
class PprStudy:
    """All rows, one a point, and whether it was the quick study."""

    rows: list[Row]
    quick: bool

    @property
    def findings(self) -> list[str]:
        """A sentence a design."""
        return [finding(self.rows, design) for design in DESIGNS]

    @property
    def pairs(self) -> list[Pair]:
        """001's pairs at the same accuracy, each by its own layers, at equal MACs."""
        return conclusion(self.rows)

    @property
    def verdict(self) -> str:
        """Whether the papers' conclusion stands, and what would change it."""
        return " ".join([conclusion_sentence(self.pairs), *knob_sentences(self.rows)])

    def of(self, pattern: str) -> list[Row]:
        """Rows of one kind: `random`, `pruned`, `pair`, `knob` for variants of a design, or `resident`."""
        return [row for row in self.rows if row["pattern"] == pattern]

    def compared(self, comparison: str) -> list[Row]:
        """Rows of one comparison."""
        return [row for row in self.rows if row.get("comparison") == comparison]

    def to_dict(self) -> dict[str, Any]:
        """Findings, tables and provenance as plain values; no time and no path."""
        return {
            "quick": self.quick,
            "findings": self.findings,
            "verdict": self.verdict,
            "break_even_rate": [{key: _finite(value) for key, value in row.items()} for row in break_evens(self.rows)],
            "same_accuracy": [
                {"pair": p.name, "design": p.design, "structured": p.form, "ratio": p.ratio, "turns_at": p.turns_at,
                 "sparse_ppr": p.sparse["ppr"], "structured_ppr": p.structured["ppr"], "speedup": p.speedup,
                 "energy_gain": p.energy_gain, "structured_wins": p.structured_wins}
                for p in self.pairs
            ],
            "same_accuracy_storage": same_accuracy_storage(),
            "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        }  # fmt: skip


def run_study(*, quick: bool = False, jobs: int = 1, progress: Progress | None = None) -> PprStudy:
    """Measure every point, in `jobs` processes; what the cache holds is not simulated again."""
    todo: Sequence[Measurable] = [*points(quick), *knob_points(quick), *pruned_points(quick), *pair_points(quick),
                                  *resident_points(quick)]  # fmt: skip
    rows = []
    for row in in_order(measure, todo, jobs):
        rows.append(row)
        if progress:
            progress(len(rows), len(todo))
    return PprStudy(rows, quick)


def write_files(study: PprStudy, folder: Path) -> list[Path]:
    """points.csv and study.json; OutputError where they cannot be written."""
    import pandas as pd

    table, facts = folder / "points.csv", folder / "study.json"
    with written_whole(table) as temporary:
        pd.DataFrame(study.rows).to_csv(temporary, index=False)
    write_json(facts, study.to_dict())
    return [table, facts]


def _finite(value: Any) -> Any:
    return None if value == float("inf") else value
