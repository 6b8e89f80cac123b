"""What the PPR study leaves: tables, figures and a text made from the numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.files import make_folder, write_text

from .losses import CAUSES
from .ppr import PprStudy, Progress, run_study, write_files
from .ppr_conclusion import same_accuracy_storage
from .ppr_curves import curve
from .ppr_designs import COMPARISONS, DESIGNS
from .ppr_findings import break_evens, layer_set
from .ppr_text import text

if TYPE_CHECKING:
    from plots.figures.ppr_study import PprData

TEXT = "ppr.md"


def run(out: Path, quick: bool, jobs: int, progress: Progress) -> str:
    """Run the study and leave points.csv, study.json, ppr.md and figures/ in `out`; returns what to tell the user."""
    from plots.figures.ppr_study import save_figures

    study = run_study(quick=quick, jobs=jobs, progress=progress)
    make_folder(out)
    write_files(study, out)
    save_figures(figure_data(study), out / "figures")
    write_text(out / TEXT, text(study))
    return "\n".join([*study.findings, study.verdict, f"wrote {out / TEXT}"])


def figure_data(study: PprStudy) -> PprData:
    """The study as figures take it."""
    from plots.figures.ppr_study import PprData

    rows = study.rows
    curves = {
        comparison: {d.name: points for d in DESIGNS if (points := curve(rows, d.name, layer_set(d), comparison))}
        for comparison in COMPARISONS
    }
    return PprData(
        {comparison: points for comparison, points in curves.items() if points},
        study.of("pruned"),
        {design.name: design.assumed for design in DESIGNS if design.assumed},
        CAUSES,
        break_evens(rows),
        same_accuracy_storage(),
        study.of("knob"),
    )
