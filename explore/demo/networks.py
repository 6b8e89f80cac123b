"""The demo's networks: shipped recipes, carried out side by side from one baseline."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock

from compress.recipes.recipe import Recipe, load_recipe

from ..recipes.compressing import Compressed, Log, carry_out, one_thread
from ..recipes.run import STORED, RecipeRun
from ..recipes.step_store import StepStore

BASELINE = "baseline"
NETWORKS = (BASELINE, "nonstructured", "structured", "pow2", "binary", "ternary", "mixed")
SIDE_BY_SIDE = 2  # networks that train at a time, a thread each

# (network and stage, epochs done of all networks, epochs in all); called from any training thread, one call at a time
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Trained:
    """One network of the demo: what its recipe made of it, and what that cost, by stage."""

    name: str
    result: Compressed
    epochs: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)  # of CPU time


def recipe_of(network: str, fast: bool = False) -> Recipe:
    """The shipped recipe of one of NETWORKS, `accelsim compress` carries it out as well.

    >>> recipe_of("structured", fast=True).name
    'lenet5-demo-structured-fast'
    """
    return load_recipe(f"lenet5-demo-{network}{'-fast' if fast else ''}")


def train_networks(out: Path, fast: bool = False, *, seed: int = 0, progress: Progress | None = None) -> list[Trained]:
    """Train and save the network of each of NETWORKS under `out`, one folder each.

    `fast` takes 3,000 training digits and fewer epochs. The compressed networks start from the baseline and train two
    at a time, each on one thread: that is faster than all threads on one after another, since such a small network
    spends its time between the threads, and the results do not depend on how many there are. An interrupt or an error
    stops all of them at their next batch.
    """
    recipes = {name: recipe_of(name, fast).with_seed(seed) for name in NETWORKS}
    return train_recipes(recipes, out, progress=progress)


def train_recipes(recipes: Mapping[str, Recipe], out: Path, *, progress: Progress | None = None) -> list[Trained]:
    """The first recipe's network, then all others side by side, each in the folder of its name under `out`.

    The others share the first one's steps; they are all trained anew, and the steps are removed at the end.
    """
    first, *others = recipes.items()
    with tempfile.TemporaryDirectory() as steps, one_thread():
        training = _SideBySide(Path(steps), out, _epochs(recipes), progress)
        trained = [training.train(*first)]
        with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as pool:
            results = [pool.submit(training.train, *other) for other in others]
            try:
                ended = wait(results, return_when=FIRST_EXCEPTION).done
                for result in ended:
                    result.result()  # an error of any network ends the wait for all
                return trained + [result.result() for result in results]
            finally:
                training.stopped.set()


def _epochs(recipes: Mapping[str, Recipe]) -> int:
    """All that are trained, those that the recipes share with the first one once."""
    first, *others = recipes.values()
    return first.epochs + sum(recipe.epochs - first.epochs for recipe in others)


class _SideBySide:
    """What the networks of one run share: their finished steps, where they go, and how far the run is."""

    def __init__(self, steps: Path, out: Path, epochs: int, progress: Progress | None) -> None:
        self.steps, self.out, self.epochs = steps, out, epochs
        self.progress = progress or (lambda stage, done, of: None)
        self.done, self.stopped, self.lock = 0, Event(), Lock()

    def train(self, name: str, recipe: Recipe) -> Trained:
        """One network, from its recipe to its checkpoint."""
        assert recipe.model is not None
        progress = self._progress_of(name)
        run = RecipeRun(recipe.model, recipe, StepStore(self.steps), progress, self.stopped)
        result = carry_out(run, self.out / name, Log())
        return Trained(name, result, *_costs(run))

    def _progress_of(self, name: str) -> Progress:
        """Count the epochs of one network among those of all, but those that were trained for another one."""

        def epoch_done(stage: str, done: int, of: int) -> None:
            if stage != STORED:
                with self.lock:
                    self.done += 1
                    self.progress(f"{name}, {stage}", self.done, self.epochs)

        return epoch_done


def _costs(run: RecipeRun) -> tuple[dict[str, int], dict[str, float]]:
    """Epochs and seconds of what this run trained itself: the baseline as `train`, then its stages by method."""
    epochs, seconds = dict[str, int](), dict[str, float]()
    for count in range(len(run.recipe.stages) + 1):
        stages = run.recipe.stages[:count]
        if run.key(stages) in run.trained_here:
            name = f"{stages[-1].method} {count}" if stages else "train"
            epochs[name] = stages[-1].all_epochs if stages else run.recipe.pretrain_epochs
            seconds[name] = run.after(stages).facts.cpu_seconds
    return epochs, seconds
