"""Every figure that ships, drawn of LeNet-5 into a folder: `python examples/figures.py out/figures`, or `make figures`.

The networks are the checkpoints that ship, pruned to 1/246 and 1/348 of their weights at different bits, with the
accuracies that they were saved with; nothing is trained.
"""

import sys
from pathlib import Path

import pandas as pd

import accelsim
import plots
import workloads

MACHINES = ("dense/os-16x16", "dense/best-16x16", "sparse/csr-rows-16x16", "sparse/eie-64pe")
NETWORKS = ("lenet5-246x", "lenet5-246x-3bit", "lenet5-348x", "lenet5-conv-structured-88x")
OF_A_RUN = ("layers", "losses", "roofline", "bandwidth", "timeline", "energy", "traffic", "storage", "bits")
OF_RUNS = ("cycles", "efficiency", "heatmap", "accuracy_cost")
WIDTH_IN = 3.3  # a column of a paper


def design_points() -> pd.DataFrame:
    """LeNet-5's shapes on arrays and DRAMs of several sizes, a row each."""
    network = workloads.load("lenet5")
    rows = []
    for side in (8, 16, 32):
        for gbps in (2.0, 8.0, 32.0):
            fields = {"array.rows": side, "array.cols": side, "dram": {"model": "bandwidth", "gbps": gbps}}
            report = accelsim.simulate(network, accelsim.load_hardware("dense/os-16x16", **fields))
            rows.append({"array.rows": side, "dram.gbps": gbps, "cycles": report.cycles, "area_um2": report.area_um2,
                         "energy_pj": report.energy_pj})  # fmt: skip
    return pd.DataFrame(rows)


def data() -> dict[str, object]:
    """What each figure is drawn from, by the figure's name."""
    saved = {name: workloads.open_workload(name) for name in NETWORKS}
    reports = [accelsim.simulate(network, machine) for network in saved.values() for machine in MACHINES]
    of_runs = plots.study_data(reports)
    accuracy = {network.name: network.provenance["accuracy"] for network in saved.values()}
    sources: dict[str, object] = dict.fromkeys(OF_A_RUN, reports[2])
    sources |= dict.fromkeys(OF_RUNS, of_runs.with_accuracy(accuracy))
    pruned = saved["lenet5-348x"]
    sources |= dict.fromkeys(("ppr", "ppr_rate"), accelsim.compare_machines(pruned, MACHINES))
    return sources | {"pareto": design_points(), "density": [saved["lenet5-246x"], saved["lenet5-conv-structured-88x"]]}


def main(folder: Path) -> list[Path]:
    """Draws each figure as PNG and SVG, prints its answer, and returns the files."""
    files = []
    for name, source in data().items():
        options = {"width_in": WIDTH_IN} if "width_in" in plots.parameters(name) else {}
        figure = accelsim.plot(name, source, **options).figure
        print(f"{name}: {' '.join(figure.get_suptitle().split())}")
        files += plots.save(figure, folder / name)
    return files


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/figures"))
