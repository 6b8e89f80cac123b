"""A recipe carried out on the bundled digits: train the baseline, compress, measure on the integers, save."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from accelsim.errors import CompressionError
from accelsim.files import write_text
from compress.checkpoint.saving import save
from compress.recipes.engine import check_stages
from compress.recipes.recipe import Recipe

from .measuring import CompressedLayer, rate
from .run import Outcome, Progress, RecipeRun
from .same_accuracy import SameAccuracy, Trial
from .step_store import StepStore

LOG = "log.jsonl"
STEPS = "steps"


@dataclass(frozen=True)
class Compressed:
    """What a recipe made of a network: accuracies are fractions of the test digits, both measured on integers.

    `cpu_seconds` is what the baseline and all stages took to train, whenever and for whichever recipe that was.
    """

    model: str
    recipe: str
    seed: int
    folder: Path
    baseline_accuracy: float
    accuracy: float
    layers: tuple[CompressedLayer, ...]
    cpu_seconds: float = 0.0

    @property
    def conv_rate(self) -> float:
        """Weights of the conv layers before, by nonzero ones now."""
        return rate([layer for layer in self.layers if layer.kind == "conv"])

    @property
    def whole_rate(self) -> float:
        """Weights before, by nonzero ones now."""
        return rate(list(self.layers))


def compress_model(
    name: str,
    recipe: Recipe,
    *,
    out: Path,
    seed: int | None = None,
    progress: Progress | None = None,
    steps: Path | None = None,
) -> Compressed:
    """Carry out `recipe` on a fresh network of the zoo and save it in the folder `out`, with a line a step in its log.

    `seed` (the recipe's where None) splits the digits and fixes weights and batches. Each finished stage is stored in
    `steps`, where a run that was cut short goes on and others find what they share; by default that is a folder in
    `out`, removed at the end. Raises UnknownNameError, ConfigError or CompressionError before any training where the
    model, the recipe or its settings do not fit; CompressionError, with the step, where a loss is no longer finite.
    """
    recipe.require_model(name)
    recipe = recipe if seed is None else recipe.with_seed(seed)
    store = StepStore(out / STEPS if steps is None else steps)
    with one_thread():
        result = carry_out(RecipeRun(name, recipe, store, progress), out, Log(out / LOG))
    if steps is None:
        store.clear()
    return result


def recipe_digest(name: str, recipe: Recipe, seed: int) -> str:
    """A name for all that decides what a recipe of stages makes of a network with this seed."""
    run = RecipeRun(name, recipe.with_seed(seed), StepStore(Path()))
    return run.key(recipe.stages)


@contextmanager
def one_thread() -> Iterator[None]:
    """So small a network is as fast on one, and its sums do not depend on how many there are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class Log:
    """A JSON line a step, the whole file written again after each: a run that goes on writes the same lines.

    Without a path the lines are in memory alone.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path, self.lines = path, list[str]()

    def add(self, content: dict[str, object]) -> None:
        """One more line."""
        self.lines.append(json.dumps({"step": len(self.lines), **content}, allow_nan=False))
        if self.path is not None:
            write_text(self.path, "\n".join(self.lines) + "\n")


def carry_out(run: RecipeRun, out: Path, log: Log) -> Compressed:
    """Everything that the run's recipe says, in order; the network is saved in `out`."""
    recipe = run.recipe
    check_stages(_checkable(recipe), run.fresh_model(), run.example)
    baseline = run.after(())
    log.add({"stage": "baseline", **_logged(baseline)})
    for count in range(1, len(recipe.stages) + 1):
        log.add({"stage": recipe.stages[count - 1].method, **_logged(run.after(recipe.stages[:count]))})
    stages = recipe.stages
    if recipe.search is not None:
        stages = SameAccuracy(run, recipe.search, lambda trial: log.add(_as_dict(trial))).find()
    return _saved(run, run.finished(stages), baseline, out)


def _checkable(recipe: Recipe) -> Recipe:
    """The recipe's stages, and those of a search as it starts: what can be checked before any training."""
    search = recipe.search
    if search is None:
        return recipe
    prune = replace(search.prune, keep=search.start)
    return replace(recipe, stages=(*recipe.stages, prune, replace(search.quantize, bits=search.first_bits)))


def _saved(run: RecipeRun, outcome: Outcome, baseline: Outcome, out: Path) -> Compressed:
    measured = run.measured(outcome.model, outcome.method)
    if measured.accuracy != outcome.facts.accuracy:
        raise CompressionError(
            f"the same steps gave {measured.accuracy} and {outcome.facts.accuracy}; remove the kept steps and repeat"
        )
    name, recipe, before = run.name, run.recipe, baseline.facts.accuracy
    facts = run.provenance(outcome.stages) | {
        "network": f"{name}-{recipe.name}",
        "command": f"accelsim compress {name} --recipe {recipe.name} --out OUT --seed {recipe.seed}",
        "baseline_accuracy": before,
        "conv_rate": round(measured.conv_rate, 3),
        "whole_rate": round(measured.whole_rate, 3),
    }
    folder = save(
        out,
        measured.network,
        method=outcome.method,
        accuracy=measured.accuracy,
        example_input=run.example,
        activations=measured.activations,
        provenance=facts,
    )
    seconds = sum(run.after(outcome.stages[:n]).facts.cpu_seconds for n in range(len(outcome.stages) + 1))
    return Compressed(name, recipe.name, recipe.seed, folder, before, measured.accuracy, measured.layers, seconds)


def _logged(outcome: Outcome) -> dict[str, object]:
    facts = outcome.facts
    return {
        "accuracy": facts.accuracy,
        "conv_rate": round(facts.conv_rate, 3),
        "whole_rate": round(facts.whole_rate, 3),
    }


def _as_dict(trial: Trial) -> dict[str, object]:
    """The trial with its rates rounded, under the names that the log has for its fields."""
    rates = {"conv_rate": round(trial.conv_rate, 3), "whole_rate": round(trial.whole_rate, 3)}
    return asdict(trial) | rates
