"""Accuracy against pruning rate, seven ways of pruning LeNet-5 (001 Fig 7): `python -m explore.studies.accuracy_rate`.

One seed, every way with the same baseline, the same layers' shares and the same epochs a rate. Two processes with a
thread each; finished stages are kept, so the same command goes on where it was cut short. Leaves the points as CSV, the
figure, and a page about both.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.errors import AccelSimError
from accelsim.files import make_folder, require_writable, write_text
from compress.recipes.recipe import load_recipe

from ..recipes.layer_shares import remaining_at
from .accuracy_rate_page import Point, page
from .pruning_ways import WAYS, Epochs, Way

if TYPE_CHECKING:
    from compress.recipes.recipe import Recipe

    from ..recipes.run import RecipeRun

MODEL, BASELINE_RECIPE = "lenet5", "lenet5-246x"
RATES = (25.0, 100.0, 246.0, 361.0)
REFERENCE = {"conv1": 80, "conv2": 430, "fc1": 1040, "fc2": 200}  # what lenet5-246x keeps
EPOCHS = Epochs(regularize=4, retrain=4)
SIDE_BY_SIDE = 2
POINTS = "accuracy_rate.csv"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study; 2 with one line where it cannot be."""
    parser = argparse.ArgumentParser(prog="python -m explore.studies.accuracy_rate", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/fig7"), help="where everything is kept")
    parser.add_argument("--steps", type=Path, help="finished stages, shared with other runs; OUT/steps if not given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side-by-side", type=int, default=SIDE_BY_SIDE, help="processes, a thread each")
    given = parser.parse_args(arguments)
    try:
        points = study(given.out, given.steps or given.out / "steps", given.seed, given.side_by_side, _say)
        write_study(given.out, points)
    except AccelSimError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(page(points, EPOCHS))
    return 0


def _say(text: str) -> None:
    print(text, flush=True)


def study(out: Path, steps: Path, seed: int, side_by_side: int, say: Callable[[str], None]) -> list[Point]:
    """All points, way by way in the order of the rates."""
    require_writable(out)
    require_writable(steps)
    make_folder(out)
    by_way: dict[str, list[Point]] = {}
    with ProcessPoolExecutor(side_by_side, mp_context=get_context("spawn")) as pool:
        pool.submit(_baseline, steps, seed).result()
        waiting = [pool.submit(run_way, way.name, steps, seed) for way in WAYS]
        for done in as_completed(waiting):
            points = done.result()
            by_way[points[0].way] = points
            say("; ".join(f"{p.words} {p.whole_rate:.0f}x {100 * p.accuracy:.2f} %" for p in points))
    return [point for way in WAYS for point in by_way[way.name]]


def _recipe(seed: int) -> Recipe:
    """The training of the shipped recipes, without their stages."""
    return replace(load_recipe(BASELINE_RECIPE), name="accuracy-rate", seed=seed, stages=())


def _baseline(steps: Path, seed: int) -> None:
    """Train the uncompressed network before the ways start from it side by side."""
    import torch

    from ..recipes.run import RecipeRun
    from ..recipes.step_store import StepStore

    torch.set_num_threads(1)
    RecipeRun(MODEL, _recipe(seed), StepStore(steps)).after(())


def run_way(name: str, steps: Path, seed: int) -> list[Point]:
    """One process: one way at every rate."""
    import torch

    from compress.layers import weight_shapes

    from ..recipes.run import RecipeRun
    from ..recipes.step_store import StepStore

    torch.set_num_threads(1)
    way = next(way for way in WAYS if way.name == name)
    run = RecipeRun(MODEL, _recipe(seed), StepStore(steps))
    sizes = {layer: int(torch.Size(shape).numel()) for layer, shape in weight_shapes(run.fresh_model()).items()}
    keeps = [remaining_at(rate, sizes, REFERENCE) for rate in RATES]
    return [_point(run, way, keeps[: count + 1], RATES[count], seed) for count in range(len(RATES))]


def _point(run: RecipeRun, way: Way, keeps: Sequence[dict[str, int]], asked: float, seed: int) -> Point:
    before = run.after(()).facts.accuracy
    facts = run.after(way.stages(keeps, EPOCHS)).facts
    epochs = EPOCHS.regularize + EPOCHS.retrain
    rates = (asked, round(facts.whole_rate, 3))
    return Point(way.name, way.words, *rates, facts.accuracy, before, epochs, seed, facts.cpu_seconds)


def write_study(out: Path, points: Sequence[Point]) -> None:
    """The points, the figure and the page in `out`."""
    import pandas as pd

    import plots

    rows = [asdict(point) for point in points]
    write_text(out / POINTS, pd.DataFrame(rows).to_csv(index=False))
    plots.save_all(plots.StudyData.of_accuracy_rate(rows), out)
    write_text(out / "accuracy-rate.md", page(points, EPOCHS))


if __name__ == "__main__":
    sys.exit(main())
