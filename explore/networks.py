"""The demo's networks: LeNet-5 trained on the bundled digits, then pruned twice by ADMM, each saved as integers.

How long each trains and what it keeps are the tables `FULL` and `FAST`; everything below them only carries them out.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock

import torch
from torch import nn

from accelsim.errors import CompressionError
from compress.admm import ADMMPruner
from compress.base import Batch
from compress.constraints import Channels, Columns, Combined, Filters, Projectable, Unstructured
from compress.integer import IntegerLayer, accuracy, calibrate_activations, integer_network
from compress.layers import weighted_layers
from compress.saving import save
from compress.shrinking import shrink
from compress.training import fit
from workloads.datasets import Affine, Batches, Digits, digits
from workloads.models import model as zoo_model

BATCH = 32
EXAMPLE_IMAGES = 16
CALIBRATION_IMAGES = 1000
AUGMENT = Affine(degrees=15, scale=0.15, shear=0.2, shift=0.15)

# (network and stage, epochs done of all networks, epochs in all); called from any training thread, one call at a time
Progress = Callable[[str, int, int], None]


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
class Schedule:
    """Adam's learning rate at the start of a stage, and the share of it that a cosine leaves at the end."""

    start: float
    final: float = 0.01


@dataclass(frozen=True)
class Budget:
    """What one run of the demo trains: the baseline, then each compressed network's rounds, starting from it."""

    baseline_epochs: int
    rounds: Mapping[str, tuple[Round, ...]]
    training: Schedule = Schedule(1e-3)
    admm: Schedule = Schedule(1e-3, final=1.0)
    retraining: Schedule = Schedule(2e-3)

    @property
    def epochs(self) -> int:
        """All epochs of all networks."""
        rounds = [r for several in self.rounds.values() for r in several]
        return self.baseline_epochs + sum(r.admm_epochs + r.retrain_epochs for r in rounds)


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
            Round(_elements(220, 2600, 20000, 1800), iterations=4, epochs_per_iteration=2, retrain_epochs=4),
            Round(_elements(150, 1050, 7000, 1200), iterations=4, epochs_per_iteration=2, retrain_epochs=14),
        ),
        "structured": (
            Round(_lines(20, 14, 150, 40, (400, 300)), iterations=4, epochs_per_iteration=2, retrain_epochs=4),
            Round(_lines(18, 10, 75, 30, (300, 200)), iterations=4, epochs_per_iteration=2, retrain_epochs=14),
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
)


@dataclass(frozen=True)
class Trained:
    """One network of the demo: its accuracy on the integers, where it was saved, and what it cost to train."""

    name: str
    accuracy: float
    folder: Path
    conv_rate: float  # weights of the conv layers before, by nonzero ones now
    whole_rate: float
    epochs: Mapping[str, int] = field(default_factory=dict)  # by stage
    seconds: Mapping[str, float] = field(default_factory=dict)


def train_networks(out: Path, fast: bool = False, seed: int = 0, progress: Progress | None = None) -> list[Trained]:
    """Train and save `baseline`, `nonstructured` and `structured` under `out`, one folder each.

    `fast` takes 3,000 training digits and fewer epochs. The compressed networks start from the baseline and train side
    by side, each on one thread: that is faster than all threads on one after another, since such a small network
    spends its time between the threads, and the results do not depend on how many there are. An interrupt or an error
    stops all of them at their next batch.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _train(_Study(FAST if fast else FULL, digits(seed, fast), out, seed, progress))
    finally:
        torch.set_num_threads(threads)


def _train(study: _Study) -> list[Trained]:
    """The baseline, then all others from it at once."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(study.seed)
        model: nn.Module = zoo_model("lenet5")
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's overloads omit it
    first = _Training(study, "baseline", model)
    first.fit("train", study.budget.baseline_epochs, study.budget.training)
    trained = [first.save(None)]
    others = [_Training(study, name, copy.deepcopy(model)) for name in study.budget.rounds]
    with ThreadPoolExecutor(max_workers=len(others)) as pool:
        results = [pool.submit(training.prune) for training in others]
        try:
            trained += [result.result() for result in results]
        finally:
            study.stopped = True
    return trained


class _Study:
    """What the networks of one run share: the digits, the budget, and how far the run is."""

    def __init__(self, budget: Budget, data: Digits, out: Path, seed: int, progress: Progress | None) -> None:
        self.budget, self.data, self.out, self.seed = budget, data, out, seed
        self.example = data.test_images[:EXAMPLE_IMAGES]
        self.progress = progress or (lambda stage, done, of: None)
        self.done, self.stopped, self.lock = 0, False, Lock()

    def epoch_done(self, stage: str) -> None:
        """Count an epoch of any network and tell the caller."""
        with self.lock:
            self.done += 1
            self.progress(stage, self.done, self.budget.epochs)


@dataclass(frozen=True)
class _UntilStopped:
    """Batches that end with a CompressionError at the next one after their study was stopped."""

    batches: Batches
    study: _Study

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        for batch in self.batches:
            if self.study.stopped:
                raise CompressionError("the training was stopped")
            yield batch


class _Training:
    """One network on its way, with its own random numbers and the clock of each stage."""

    def __init__(self, study: _Study, name: str, model: nn.Module) -> None:
        self.study, self.name, self.model = study, name, model
        data, generator = study.data, torch.Generator().manual_seed(study.seed)
        batches = Batches(data.train_images, data.train_labels, generator, BATCH, AUGMENT)
        self.batches = _UntilStopped(batches, study)
        self.epochs: dict[str, int] = {}
        self.seconds: dict[str, float] = {}

    def prune(self) -> Trained:
        """Round after round of ADMM, then save."""
        for number, plan in enumerate(self.study.budget.rounds[self.name], start=1):
            pruner = ADMMPruner(
                self.model,
                plan.keep,
                rho=plan.rho,
                rho_growth=plan.rho_growth,
                iterations=plan.iterations,
                steps_per_iteration=plan.epochs_per_iteration * len(self.batches),
                example_input=self.study.example,
            )
            self.fit(f"admm {number}", plan.admm_epochs, self.study.budget.admm, pruner)
            pruner.harden()
            self.fit(f"retrain {number}", plan.retrain_epochs, self.study.budget.retraining, pruner)
            pruner.finalize()
        return self.save(pruner)

    def fit(self, stage: str, epochs: int, rate: Schedule, pruner: ADMMPruner | None = None) -> None:
        """Train one stage."""
        started = time.perf_counter()

        def epoch_done(epoch: int, loss: float) -> None:
            self.study.epoch_done(f"{self.name}, {stage}")

        fit(
            self.model,
            self.batches,
            epochs=epochs,
            method=pruner,
            learning_rate=rate.start,
            final_rate=rate.final,
            on_epoch=epoch_done,
        )
        self.epochs[stage] = epochs
        self.seconds[stage] = round(time.perf_counter() - started, 2)

    def save(self, pruner: ADMMPruner | None) -> Trained:
        """Measure the network on its integers and save it."""
        data, example = self.study.data, self.study.example
        finished = shrink(self.model, example) if pruner is not None and pruner.columns_removed else self.model
        calibration = torch.split(data.train_images[:CALIBRATION_IMAGES], 100)
        activations = calibrate_activations(finished, calibration)
        network = integer_network(finished, activations, pruner)
        measured = accuracy(network, data.test_images, data.test_labels)
        folder = save(self.study.out / self.name, finished, pruner, measured, example, activations, self.provenance())
        return Trained(self.name, measured, folder, *_rates(self.model, network.layers), self.epochs, self.seconds)

    def provenance(self) -> dict[str, object]:
        """How the network came about: no time and no path, so that equal runs write equal files."""
        return {
            "network": self.name,
            "model": "lenet5",
            "seed": self.study.seed,
            "train_digits": len(self.study.data.train_labels),
            "test_digits": len(self.study.data.test_labels),
            "batch": BATCH,
            "augmentation": asdict(AUGMENT),
            "epochs": self.epochs,
            "torch": str(torch.__version__),
        }


def _rates(model: nn.Module, layers: Mapping[str, IntegerLayer]) -> tuple[float, float]:
    """Weights of the dense layers ÷ nonzero integers now, of the conv layers and of all."""
    dense = weighted_layers(model)

    def rate(names: list[str]) -> float:
        nonzero = sum(int(layers[name].ints.count_nonzero()) for name in names)
        return sum(dense[name].weight.numel() for name in names) / max(1, nonzero)

    return rate([name for name, layer in dense.items() if isinstance(layer, nn.Conv2d)]), rate(list(dense))
