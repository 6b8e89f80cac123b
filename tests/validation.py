"""docs/validation.md: every reference row beside ours. `python -m tests.validation` writes it; a test checks it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import accelsim
from accelsim import GemmTrace
from accelsim.files import write_text
from accelsim.technology.table import default_table
from tests.accelsim import published
from tests.accelsim.arrays import test_eie, test_golden_dense, test_scnn_golden
from tests.accelsim.memory import test_dram_golden

DOCUMENT = Path(__file__).parent.parent / "docs" / "validation.md"
GOLDEN = Path(__file__).parent / "golden"


@dataclass(frozen=True)
class Row:
    """One figure of a reference beside ours."""

    where: str
    figure: str
    reference: float
    ours: float

    @property
    def error(self) -> float:
        """Relative, signed."""
        return (self.ours - self.reference) / self.reference if self.reference else float(self.ours != 0)


def dense() -> Iterator[Row]:
    """Cycles and SRAM counts; SCALE-Sim's last zero-based cycle plus one, its os slip taken off."""
    for row in test_golden_dense.ROWS:
        m, n, k = test_golden_dense.shape(row)
        array = {"kind": "systolic", "rows": int(row["array_rows"]), "cols": int(row["array_cols"])}
        array["dataflow"] = row["dataflow"]
        if row["sparsity_NM"]:
            array["nm"] = row["sparsity_NM"]
        ours = accelsim.simulate(GemmTrace(row["layer"], M=m, N=n, K=k), {"name": "golden", "array": array}).rows[0]
        where = " ".join(filter(None, (row["run"], row["layer"], row["sparsity_NM"])))
        yield Row(where, "cycles", int(row["compute_cycles"]) + 1, ours["compute_cycles"])
        if not row["sparsity_NM"]:
            for figure, count in test_golden_dense.expected_counts(row, m, n).items():
                yield Row(where, figure, count, ours[figure])


def eie() -> Iterator[Row]:
    """Cycles, and the entries that the busiest PE works off."""
    for row in test_eie.golden_rows():
        sizes = int(row["inputs"]), int(row["outputs"])
        trace = test_eie.golden_layer(*sizes, float(row["weight_density"]), float(row["activation_density"]))
        ran = test_eie.program(trace, pes=int(row["npe"]), fifo_depth=int(row["fifo"]))
        work = ran.work(test_eie.whole(trace))
        where = f"{row['layer']} FIFO {row['fifo']}"
        yield Row(where, "cycles", int(row["cycles"]), work.cycles)
        for figure, column in (("entries", "entries"), ("padding", "pad"), ("work", "work"), ("max_pe", "max_pe")):
            yield Row(where, figure, int(row[column]), work.counts[f"eie_{figure}"])


def scnn() -> Iterator[Row]:
    """Cycles and slots with filter groups across convolution groups, as the tool forms them; then cycles without."""
    for row in test_scnn_golden.golden_rows():
        layer = test_scnn_golden.golden_layer(row)
        work = test_scnn_golden.as_the_tool_groups(*layer)
        where = f"{row['net']} {row['Layer']}"
        yield Row(f"{where}, grouped as the tool", "cycles", int(row["cycles"]), work.cycles)
        for ours, theirs in test_scnn_golden.GOLDEN_COLUMNS.items():
            yield Row(f"{where}, grouped as the tool", ours, int(row[theirs]), work.counts[ours])
        yield Row(where, "cycles", int(row["cycles"]), test_scnn_golden.simulated(layer)["compute_cycles"])


def dram() -> Iterator[Row]:
    """Clocks, row hits, commands and core energy of every trace."""
    for row in test_dram_golden.ROWS:
        got = test_dram_golden.replayed(row)
        where = test_dram_golden.label(row)
        named = {"cycles": "cycles", "row_hits": "row_hits", "activates": "acts", "precharges": "pres"}
        for figure, column in named.items():
            yield Row(where, figure, int(row[column]), getattr(got, figure))
        yield Row(where, "energy_nj", float(row["e_total_nJ"]), float(f"{got.energy_pj / 1000:.6g}"))


def sram() -> Iterator[Row]:
    """The power laws on the 45 nm rows that they were fitted to, and scaled to the 32 nm row."""
    table = default_table()
    kinds = {"read_pj": "energy", "write_pj": "energy", "area_um2": "area", "leakage_uw": "leakage"}
    with (GOLDEN / "sram_cacti.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            where = f"{row['kind']} {row['bytes']} B, {row['width_bits']} bits, {row['technology_nm']} nm"
            for figure, law in table.sram.items():
                at_45 = law.at(float(row["bytes"]), float(row["width_bits"]))
                factor = table.scaling.factor(kinds[figure], float(row["technology_nm"]))
                yield Row(where, figure, float(row[figure]), at_45 * factor)


TABLES: dict[str, tuple[str, Callable[[], Iterator[Row]]]] = {
    "Dense systolic arrays": ("SCALE-Sim 3.0.0, CALC mode (tests/golden/scalesim_dense.csv)", dense),
    "EIE": ("a register-transfer simulator of EIE (tests/golden/eie_rtl.csv)", eie),
    "SCNN": ("DNNsim's SCNN model (tests/golden/scnn_dnnsim.csv), whose filter groups ignore conv groups", scnn),
    "DRAM": ("DRAMsim3, April 2021 (tests/golden/dram_dramsim3.csv); energy to the six digits that it prints", dram),
    "SRAM": ("CACTI (tests/golden/sram_cacti.csv); fitted to its 45 nm rows, energy and area at 32 nm foretold", sram),
}


MACHINES = {  # what each array is checked on: its section above, the design of a paper, and the range of the checks
    "systolic": ("Dense systolic arrays", "TPU v1", "os, ws, is; arrays of the sizes in the rows; N:M layer-wise"),
    "eie": ("EIE", "EIE", "FC layers of the rows' sizes and densities, FIFO depths of the rows"),
    "scnn": ("SCNN", "SCNN", "the conv layers of the rows at their own densities"),
    "cambricon_x": ("", "Cambricon-X", "AlexNet's conv layers at Deep Compression's densities"),
    "sticker": ("", "", "nothing published is compared; its cycle rules are assumptions"),
    "csr_rows": ("", "", "nobody's machine; held to its own register model"),
}


def machines(sections: dict[str, tuple[str, list[Row]]]) -> list[str]:
    """A line an array: range, error and reason."""
    designs = published.by_machine()
    lines = [
        "| array | range | against a simulator | against the paper | why more than 20 % |",
        "|---|---|---|---|---|",
    ]
    for kind, (section, design, checked) in MACHINES.items():
        rows, papers = sections[section][1] if section else [], designs.get(design, [])
        reasons = "; ".join(f"{p.figure}: {p.why}" for p in papers if abs(p.difference) > published.TELLING)
        errors = _range([row.error for row in rows]), _range([paper.difference for paper in papers])
        lines.append(f"| {kind} | {checked} | {errors[0]} | {errors[1]} | {reasons} |")
    return lines


def _range(errors: list[float]) -> str:
    return f"{100 * min(errors):+.2f} to {100 * max(errors):+.2f} % ({len(errors)} figures)" if errors else "none"


def document() -> str:
    """The whole page."""
    parts = [
        "# Validation",
        "",
        "Made by `make validation`. Every reference row beside ours; the error is relative.",
        "",
    ]
    sections = {title: (source, list(rows())) for title, (source, rows) in TABLES.items()}
    parts += ["| against | figures | exact | worst |", "|---|---|---|---|"]
    for title, (_, rows) in sections.items():
        exact = sum(row.error == 0 for row in rows)
        parts.append(f"| {title} | {len(rows)} | {exact} | {100 * max(abs(row.error) for row in rows):.2f} % |")
    parts += [
        "",
        "## What the designs' papers publish",
        "Figures of the papers' abstracts (tests/golden/published.csv) beside models of the same sizes under",
        "hwconfigs/published; nothing is fitted to them.",
        "",
        published.table(),
        "",
        "EIE's power by component, of its 64 PEs (table II of its paper):",
        "",
        published.component_table(),
        "",
        f"SCNN's area is {published.scnn_area().ours:.2f}x its dense machine's, without the fallback for FC layers; "
        f"{published.scnn_area().published:g}x in its paper.",
        "",
        "## What each array is checked on",
        *machines(sections),
    ]
    for title, (source, rows) in sections.items():
        parts += [
            "",
            f"## {title}",
            f"Reference: {source}.",
            "",
            "| row | figure | reference | ours | error |",
            "|---|---|---|---|---|",
        ]
        parts += [
            f"| {r.where} | {r.figure} | {r.reference:.10g} | {r.ours:.10g} | {100 * r.error:+.2f} % |" for r in rows
        ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    write_text(DOCUMENT, document())
