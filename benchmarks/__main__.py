"""Runs every benchmark and prints its ratio: `python -m benchmarks [NAME ...]`."""

from __future__ import annotations

import sys

from benchmarks import admm, csr_rows, dram, eie, engine, importing, points, scalesim, scnn, search, systolic, xnor

BENCHMARKS = {
    "importing": importing.measure,
    "systolic": systolic.measure,
    "csr_rows": csr_rows.measure,
    "engine": engine.measure,
    "points": points.measure,
    "dram": dram.measure,
    "eie": eie.measure,
    "scnn": scnn.measure,
    "scalesim": scalesim.measure,
    "xnor": xnor.measure,
    "admm": admm.measure,
    "search": search.measure,
}


def main() -> None:
    """Print a line a benchmark: both times and their ratio."""
    for name in sys.argv[1:] or BENCHMARKS:
        print(f"{name:<10} {BENCHMARKS[name]()}", flush=True)


if __name__ == "__main__":
    main()
