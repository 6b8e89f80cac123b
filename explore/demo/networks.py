"""The demo's networks: LeNet-5 trained on the bundled digits, pruned twice by ADMM and quantized to few bits four ways.

How long each trains and what it keeps are the tables `FULL` and `FAST`; everything below them only carries them out.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn

from compress.granularity.constraints import Channels, Columns, Combined, Filters, Projectable, Unstructured
from compress.schedules.admm import ADMMPruner
from explore.demo import lowbit_networks
from explore.demo.lowbit_networks import LowBitBudget, low_bit_tasks
from explore.demo.network_training import Progress, Schedule, Study, Trained, Training
from workloads.datasets import Digits, digits
from workloads.models import model as zoo_model

SIDE_BY_SIDE = 2  # networks that train at a time, a thread each
TRAINING, ADMM, RETRAINING = Schedule(1e-3), Schedule(1e-3, final=1.0), Schedule(3e-3)


@dataclass(frozen=True)
class Round:
    """One round of ADMM: regularize for iterations × epochs_per_iteration epochs, then map, mask and retrain."""

    keep: Mapping[str, Projectable]
    iterations: int
    epochs_per_iteration: int
    retrain_epochs: int
    rho: float = 3e-3
    rho_growth: float = 1.8

    @property
    def admm_epochs(self) -> int:
        """Epochs before the weights are mapped."""
        return self.iterations * self.epochs_per_iteration


@dataclass(frozen=True)
class Budget:
    """What one run of the demo trains: the baseline, then each compressed network's rounds, starting from it."""

    baseline_epochs: int
    rounds: Mapping[str, tuple[Round, ...]]
    training: Schedule = TRAINING
    admm: Schedule = ADMM
    retraining: Schedule = RETRAINING
    low_bit: LowBitBudget = lowbit_networks.FULL

    @property
    def epochs(self) -> int:
        """All epochs of all networks."""
        rounds = [r for several in self.rounds.values() for r in several]
        pruned = sum(r.admm_epochs + r.retrain_epochs for r in rounds)
        return self.baseline_epochs + pruned + self.low_bit.epochs


def _elements(conv1: int, conv2: int, fc1: int, fc2: int) -> dict[str, Projectable]:
    return {
        "conv1": Unstructured(conv1),
        "conv2": Unstructured(conv2),
        "fc1": Unstructured(fc1),
        "fc2": Unstructured(fc2),
    }


def _lines(
    conv1_columns: int, channels: int, columns: int, filters: int, fc1: tuple[int, int]
) -> dict[str, Projectable]:
    """conv2's channels are conv1's filters; fc1 keeps (columns, filters), and fc2 reads those filters alone."""
    return {
        "conv1": Columns(conv1_columns),
        "conv2": Combined(Channels(channels), Columns(columns), Filters(filters)),
        "fc1": Combined(Columns(fc1[0]), Filters(fc1[1])),
    }


FULL = Budget(
    baseline_epochs=38,
    rounds={
        "nonstructured": (
            Round(_elements(220, 2600, 20000, 1800), iterations=4, epochs_per_iteration=2, retrain_epochs=6),
            Round(_elements(150, 1050, 7000, 1200), iterations=4, epochs_per_iteration=2, retrain_epochs=16),
        ),
        "structured": (
            Round(_lines(20, 14, 150, 40, (400, 300)), iterations=4, epochs_per_iteration=2, retrain_epochs=6),
            Round(_lines(18, 10, 76, 30, (300, 200)), iterations=4, epochs_per_iteration=2, retrain_epochs=16),
        ),
    },
)
FAST = Budget(
    baseline_epochs=18,
    rounds={
        "nonstructured": (
            Round(_elements(250, 3600, 20000, 1500), iterations=3, epochs_per_iteration=1, retrain_epochs=7, rho=1e-2),
        ),
        "structured": (
            Round(
                _lines(20, 12, 140, 25, (300, 200)), iterations=3, epochs_per_iteration=1, retrain_epochs=7, rho=1e-2
            ),
        ),
    },
    training=Schedule(2e-3),
    low_bit=lowbit_networks.FAST,
)


def train_networks(out: Path, fast: bool = False, seed: int = 0, progress: Progress | None = None) -> list[Trained]:
    """Train and save `baseline`, `nonstructured`, `structured` and the low-bit networks under `out`, one folder each.

    `fast` takes 3,000 training digits and fewer epochs. The compressed networks start from the baseline and train two
    at a time, each on one thread: that is faster than all threads on one after another, since such a small network
    spends its time between the threads, and the results do not depend on how many there are. An interrupt or an error
    stops all of them at their next batch.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _train(FAST if fast else FULL, digits(seed, fast), out, seed, progress)
    finally:
        torch.set_num_threads(threads)


def _train(budget: Budget, data: Digits, out: Path, seed: int, progress: Progress | None) -> list[Trained]:
    """The baseline, then all others from it."""
    study = Study(data, out, seed, budget.epochs, progress)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: nn.Module = zoo_model("lenet5")
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's overloads omit it
    first = Training(study, "baseline", model)
    first.fit("train", budget.baseline_epochs, budget.training)
    trained = [first.save(None)]
    tasks: list[Callable[[], Trained]] = [
        partial(_prune, Training(study, name, copy.deepcopy(model)), budget, rounds)
        for name, rounds in budget.rounds.items()
    ]
    tasks += low_bit_tasks(study, model, budget.low_bit)
    with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as pool:
        results = [pool.submit(task) for task in tasks]
        try:
            trained += [result.result() for result in results]
        finally:
            study.stopped = True
    return trained


def _prune(training: Training, budget: Budget, rounds: tuple[Round, ...]) -> Trained:
    """Round after round of ADMM, then save."""
    for number, plan in enumerate(rounds, start=1):
        pruner = ADMMPruner(
            training.model,
            plan.keep,
            rho=plan.rho,
            rho_growth=plan.rho_growth,
            iterations=plan.iterations,
            steps_per_iteration=plan.epochs_per_iteration * len(training.batches),
            example_input=training.study.example,
        )
        training.fit(f"admm {number}", plan.admm_epochs, budget.admm, pruner)
        pruner.harden()
        training.fit(f"retrain {number}", plan.retrain_epochs, budget.retraining, pruner)
        pruner.finalize()
    return training.save(pruner)
