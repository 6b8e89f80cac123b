"""The main job: train, compress, simulate on every machine, report; `accelsim demo`."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import plots
import workloads
from accelsim.analysis.runs import Study, compare, pairs
from accelsim.analysis.storage import storage_rows
from accelsim.analysis.verdict import verdict
from accelsim.files import make_folder, require_writable, write_json, write_text
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.loading import load_hardware
from accelsim.results.report import ENERGY_PARTS, Report
from accelsim.trace.coverage import csv_head

from ..cli.output import energy, print_table, ratio_text, size
from ..cli.progress import Counter, counted
from .networks import Trained, train_networks

if TYPE_CHECKING:
    from rich.console import Console

MACHINES = (
    "dense/best-16x16",
    "dense/best-16x16-resident",
    "dense/os-16x16",
    "dense/ws-16x16",
    "dense/is-16x16",
    "sparse/csr-rows-16x16",
    "sparse/csr-rows-16x16-resident",
    "sparse/eie-64pe",
    "lowbit/shift-16x16",
    "lowbit/xnor-16x16x64",
    "lowbit/bitserial-16x16x64",
    "lowbit/ternary-16x16",
)  # lowbit/adder-16x16 needs a network trained for L1 distances: integers of any other fit it, its results would not
TOLERANCE = {False: 0.005, True: 0.02}  # of accuracy, by `fast`: what counts as the same
PPRS = ("ppr", "ppr_corrected", "ppr_compute", "ppr_energy_active", "ppr_energy")  # columns of the table
TIMELINE = {"network": "nonstructured", "hardware": "csr-rows-16x16"}
PACKAGES = ("accelsim", "numpy", "numba", "torch", "simpy", "matplotlib")


def run_demo(out: Path, fast: bool, *, seed: int, console: Console | None) -> Study:
    """Train the networks, run each on every machine that it fits, and leave the report, tables and figures in `out`.

    The networks are trained anew every time. Raises OutputError before any work where `out` cannot be written.
    What it does and the table of runs are told on `console`; None: nothing is.
    """
    require_writable(out)
    make_folder(out)
    with _progress(console, "training", "epochs") as show:
        trained = train_networks(out / "networks", fast, seed=seed, progress=show.staged)
    networks = {network.name: workloads.from_checkpoint(network.result.folder) for network in trained}
    machines = [load_hardware(name) for name in MACHINES]
    with _progress(console, "simulating", "runs", len(pairs(networks, machines))) as show:
        runs = compare(networks, machines, progress=show.named)
    study = Study(runs, {n.name: n.result.accuracy for n in trained}, _provenance(trained, machines, fast, seed))
    storage = storage_rows(networks)
    sentence = verdict(study.summaries(), storage, accuracy=study.accuracy, tolerance=TOLERANCE[fast])
    _write(out, study, storage, sentence)
    if console is not None:
        _tell(console, study, sentence, out)
    return study


def _provenance(trained: list[Trained], machines: list[Accelerator], fast: bool, seed: int) -> dict[str, Any]:
    return {
        "command": f"accelsim demo{' --fast' if fast else ''} --seed {seed}",
        "seed": seed,
        "timeline": TIMELINE,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "networks": {n.name: _training(n) for n in trained},
        "machines": {machine.name: machine.to_dict() for machine in machines},
    }


def _training(network: Trained) -> dict[str, Any]:
    return {
        "recipe": network.result.recipe,
        "conv_rate": network.result.conv_rate,
        "whole_rate": network.result.whole_rate,
        "epochs": dict(network.epochs),
        "seconds": dict(network.seconds),
    }


def _write(out: Path, study: Study, storage: list[dict[str, Any]], sentence: str) -> None:
    """Every file of the demo, each whole or not at all."""
    import pandas as pd

    content = {
        "accuracy": dict(study.accuracy),
        "verdict": sentence,
        "runs": study.summaries(),
        "storage": storage,
        "provenance": dict(study.provenance),
    }
    layers = csv_head(*study.not_simulated_lines) + pd.DataFrame(study.layer_rows()).to_csv(index=False)
    write_json(out / "report.json", content)
    write_text(out / "layers.csv", layers)
    _timeline(study).to_timeline(out / "timeline.json")
    data = plots.StudyData.from_folder(out)
    plots.save_all(data, out)
    plots.write_report(data, out / "report.html")


def _timeline(study: Study) -> Report:
    """The run whose timeline is kept."""
    return next(r.report for r in study.runs if {"network": r.network, "hardware": r.hardware} == TIMELINE)


def _tell(console: Console, study: Study, sentence: str, out: Path) -> None:
    """The table of runs and the verdict."""
    columns = [
        "network",
        "hardware",
        ">accuracy",
        ">cycles",
        ">stall",
        ">on chip",
        ">access",
        ">standby",
        ">DRAM",
        ">weights",
        ">α",
        ">β",
        ">β unpruned",
        ">PPR",
        ">corrected",
        ">compute",
        ">energy",
        ">standby",
    ]
    rows = [
        (
            run["network"], run["hardware"], f"{100 * study.accuracy[run['network']]:.2f} %", f"{run['cycles']:,}",
            f"{100 * run['stall_cycles'] / max(1, run['cycles']):.0f} %", *(energy(run[part]) for part in ENERGY_PARTS),
            size(run["dram_bytes"]),
            size((run["storage_weight_bits"] + run["storage_index_bits"]) / 8),
            ratio_text(run["alpha"], 1, "x"), ratio_text(run["beta"], 2, "x"), ratio_text(run["beta_unpruned"], 2, "x"),
            *(ratio_text(run[key]) for key in PPRS),
        )
        for run in study.summaries()
    ]  # fmt: skip
    caption = (
        "α: weight reduction, β: speedup over the dense baseline with the same peak and DRAM, PPR = α/β; β unpruned: "
        "that of the uncompressed network, and where it is outside 0.9 to 1.1, corrected: PPR with β divided by it; "
        "compute and energy: PPR of those alone; energy on chip, of DRAM access, and of DRAM standby, which PPR of "
        "energy leaves out or has in"
    )
    caption = "\n".join([*study.not_simulated_lines, caption])
    print_table("Compression on hardware", columns, rows, (), caption, keys=2)
    console.print(f"\n{sentence}\n\nreport, tables and figures: {out}", soft_wrap=True, markup=False)


class _Lines(Counter):
    """Progress as plain lines on stdout, one a stage; none without a console."""

    def __init__(self, console: Console | None) -> None:
        self.console, self.seen = console, set[str]()

    def staged(self, stage: str, done: int, of: int) -> None:
        """An epoch of training has ended."""
        if stage not in self.seen:
            self.seen.add(stage)
            self._say(f"training {stage}: epoch {done} of {of} in all")

    def named(self, what: str) -> None:
        """A simulation begins."""
        self._say(f"simulating {what}")

    def _say(self, line: str) -> None:
        if self.console is not None:
            self.console.print(line, markup=False)


@contextmanager
def _progress(console: Console | None, text: str, unit: str, total: int | None = None) -> Iterator[Counter]:
    """A bar on stderr where a person watches that, and lines on stdout where nobody does."""
    if not sys.stderr.isatty():
        yield _Lines(console)
        return
    with counted(text, total=total, unit=unit) as counter:
        yield counter
