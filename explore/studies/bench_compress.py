"""LeNet-5's targets over several seeds, ours beside the paper's: `python -m explore.studies.bench_compress`.

Every recipe of `lenet5_targets` runs once a seed, two processes at a time with a thread each; finished stages are
kept, so the same command goes on where it was cut short. Prints the table and leaves it as CSV and text.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path

from accelsim.errors import AccelSimError
from accelsim.files import make_folder, read_json, require_writable, write_json, write_text
from compress.recipes.recipe import Recipe, load_recipe

from .lenet5_targets import BASELINE, TARGETS
from .target_table import Row, page, table, to_csv

MODEL = "lenet5"
SIDE_BY_SIDE = 2
CHAINS = (  # recipes of one chain share their first stages, so they run one after another
    (BASELINE,),
    ("lenet5-conv-114x", "lenet5-conv-114x-3bit"),
    ("lenet5-conv-structured-88x", "lenet5-conv-structured-88x-3bit"),
    ("lenet5-246x", "lenet5-246x-3bit", "lenet5-348x", "lenet5-348x-3bit"),
)

Say = Callable[[str], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every recipe with every seed, print and write the table; 2 with one line where that cannot be."""
    parser = argparse.ArgumentParser(prog="python -m explore.studies.bench_compress", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/bench-compress"), help="where everything is kept")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0")
    parser.add_argument("--side-by-side", type=int, default=SIDE_BY_SIDE, help="processes, a thread each")
    parser.add_argument("--pack", type=Path, metavar="DIR", help="write seed 0's checkpoints here, one .zip each")
    given = parser.parse_args(arguments)
    try:
        rows = bench(given.out, range(given.seeds), given.side_by_side, lambda text: print(text, flush=True))
        if given.pack is not None:
            pack_all(given.out / "seed0", given.pack)
    except AccelSimError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(table(rows, TARGETS))
    return 0


def bench(out: Path, seeds: Iterable[int], side_by_side: int, say: Say) -> list[Row]:
    """Every row, in the order of targets and seeds; `out` holds `lenet5-targets.csv` and `.md` after each."""
    require_writable(out)
    make_folder(out)
    rows: list[Row] = []
    for several in _rows(out, list(seeds), side_by_side):
        rows = _ordered([*rows, *several])
        for row in several:
            say(f"seed {row.seed} {row.recipe}: {100 * row.accuracy:.2f} %, {row.cpu_seconds / 60:.1f} CPU minutes")
        write_text(out / "lenet5-targets.csv", to_csv(rows))
        write_text(out / "lenet5-targets.md", page(rows, TARGETS))
    return rows


def _ordered(rows: list[Row]) -> list[Row]:
    order = [target.recipe for target in TARGETS]
    return sorted(rows, key=lambda row: (order.index(row.recipe), row.seed))


def _rows(out: Path, seeds: list[int], side_by_side: int) -> Iterator[list[Row]]:
    """The rows of each chain as it ends: the baselines of all seeds first, then seed by seed."""
    with ProcessPoolExecutor(side_by_side, mp_context=get_context("spawn")) as pool:
        waiting: list[Future[list[Row]]] = []
        try:
            for chains in (CHAINS[:1], CHAINS[1:]):
                waiting = [pool.submit(run_chain, out, chain, seed) for seed in seeds for chain in chains]
                yield from (done.result() for done in as_completed(waiting))
        finally:
            for future in waiting:
                future.cancel()


def run_chain(out: Path, recipes: Sequence[str], seed: int) -> list[Row]:
    """One process: recipes one after another, each read from its row where it has already been finished."""
    return [_row(out, recipe, seed) for recipe in recipes]


def _row(out: Path, name: str, seed: int) -> Row:
    """One recipe's row: from its file where it is of the same recipe and its checkpoint is there, else from a run."""
    from ..recipes.compressing import compress_model, recipe_digest

    recipe = recipe_of(name)
    folder, steps = out / f"seed{seed}" / name, out / "steps"
    key = recipe_digest(MODEL, recipe, seed)
    path = folder.with_suffix(".row.json")
    if path.exists() and (folder / "manifest.json").exists():
        stored = read_json(path, "row")
        if stored.pop("key", None) == key:
            return Row(**stored)
    result = compress_model(MODEL, recipe, out=folder, seed=seed, steps=steps)
    row = Row(
        name, seed, result.accuracy, result.baseline_accuracy, result.conv_rate, result.whole_rate, result.cpu_seconds
    )
    write_json(path, {"key": key, **asdict(row)})
    return row


def pack_all(folder: Path, into: Path) -> list[Path]:
    """The checkpoints of every recipe but the baseline, packed; what stands in `into` under these names is replaced."""
    from compress.checkpoint.packed import pack

    return [pack(folder / name, into / f"{name}.zip") for chain in CHAINS[1:] for name in chain]


def recipe_of(name: str) -> Recipe:
    """A shipped recipe; the baseline is what all of them start from."""
    if name == BASELINE:
        return replace(load_recipe(CHAINS[1][0]), name=BASELINE, stages=())
    return load_recipe(name)


if __name__ == "__main__":
    sys.exit(main())
