"""The demo's networks: LeNet-5 trained on the bundled digits, then pruned twice by ADMM, each saved as integers.

How long each trains and what it keeps are the tables `FULL` and `FAST`; everything below them only carries them out.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import nn

from compress.admm import ADMMPruner
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
THREADS = 2  # at most: sums are split by thread, so more of them would give other networks
CALIBRATION_IMAGES = 1000
AUGMENT = Affine(degrees=15, scale=0.15, shear=0.2, shift=0.15)

Progress = Callable[[str, int, int], None]  # (network and stage, epochs done of all networks, epochs in all)


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
    learning_rate: float = 1e-3
    pruning_rate: float = 1e-3  # learning rate of the ADMM and retraining epochs

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
    baseline_epochs=25,
    rounds={
        "nonstructured": (
            Round(_elements(200, 2500, 16000, 1500), iterations=5, epochs_per_iteration=2, retrain_epochs=6),
            Round(_elements(120, 880, 4000, 800), iterations=5, epochs_per_iteration=2, retrain_epochs=12),
        ),
        "structured": (
            Round(_lines(20, 12, 120, 40, (320, 200)), iterations=5, epochs_per_iteration=2, retrain_epochs=6),
            Round(_lines(16, 8, 60, 30, (160, 100)), iterations=5, epochs_per_iteration=2, retrain_epochs=12),
        ),
    },
)
FAST = Budget(
    baseline_epochs=14,
    rounds={
        "nonstructured": (
            Round(_elements(250, 3600, 20000, 1500), iterations=4, epochs_per_iteration=1, retrain_epochs=6, rho=1e-2),
        ),
        "structured": (
            Round(
                _lines(20, 12, 140, 25, (240, 200)), iterations=4, epochs_per_iteration=1, retrain_epochs=6, rho=1e-2
            ),
        ),
    },
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

    `fast` takes 3,000 training digits and fewer epochs. The same seed and number of threads give the same networks.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(min(THREADS, threads))
    try:
        return _Session(FAST if fast else FULL, digits(seed, fast), out, seed, progress).train()
    finally:
        torch.set_num_threads(threads)


class _Session:
    """One run: the data, the budget, the clock of each stage."""

    def __init__(self, budget: Budget, data: Digits, out: Path, seed: int, progress: Progress | None) -> None:
        self.budget, self.data, self.out, self.seed = budget, data, out, seed
        self.progress = progress or (lambda stage, done, of: None)
        self.batches = Batches(
            data.train_images, data.train_labels, torch.Generator().manual_seed(seed), BATCH, AUGMENT
        )
        self.done = 0
        self.spent: dict[str, tuple[int, float]] = {}

    def train(self) -> list[Trained]:
        """All networks, the baseline first."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = zoo_model("lenet5").to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch omits it
        self.fit("baseline", "train", model, self.budget.baseline_epochs, self.budget.learning_rate)
        trained = [self.keep("baseline", model, None)]
        for name, rounds in self.budget.rounds.items():
            pruned = copy.deepcopy(model)
            pruner = self.prune(name, pruned, rounds)
            trained.append(self.keep(name, pruned, pruner))
        return trained

    def prune(self, name: str, model: nn.Module, rounds: tuple[Round, ...]) -> ADMMPruner:
        """Round after round of ADMM; the pruner of the last one."""
        for number, plan in enumerate(rounds, start=1):
            pruner = ADMMPruner(
                model,
                plan.keep,
                rho=plan.rho,
                rho_growth=plan.rho_growth,
                iterations=plan.iterations,
                steps_per_iteration=plan.epochs_per_iteration * len(self.batches),
                example_input=self.data.test_images[:EXAMPLE_IMAGES],
            )
            rate = self.budget.pruning_rate
            self.fit(name, f"admm {number}", model, plan.admm_epochs, rate, pruner)
            pruner.harden()
            self.fit(name, f"retrain {number}", model, plan.retrain_epochs, rate, pruner)
            pruner.finalize()
        return pruner

    def fit(
        self, name: str, stage: str, model: nn.Module, epochs: int, rate: float, pruner: ADMMPruner | None = None
    ) -> None:
        """Train one stage, with the clock and the progress of the whole run."""
        started = time.perf_counter()

        def epoch_done(epoch: int, loss: float) -> None:
            self.done += 1
            self.progress(f"{name}, {stage}", self.done, self.budget.epochs)

        fit(model, self.batches, epochs=epochs, method=pruner, learning_rate=rate, on_epoch=epoch_done)
        self.spent[stage] = epochs, time.perf_counter() - started

    def keep(self, name: str, model: nn.Module, pruner: ADMMPruner | None) -> Trained:
        """Measure the network on its integers and save it."""
        example = self.data.test_images[:EXAMPLE_IMAGES]
        finished = shrink(model, example) if pruner is not None and pruner.columns_removed else model
        calibration = torch.split(self.data.train_images[:CALIBRATION_IMAGES], 100)
        activations = calibrate_activations(finished, calibration)
        network = integer_network(finished, activations, pruner)
        measured = accuracy(network, self.data.test_images, self.data.test_labels)
        conv, whole = _rates(model, network.layers)
        epochs = {stage: e for stage, (e, _) in self.spent.items()}
        seconds = {stage: round(s, 2) for stage, (_, s) in self.spent.items()}
        self.spent = {}
        provenance = self.provenance(name, epochs)
        folder = save(self.out / name, finished, pruner, measured, example, activations, provenance)
        return Trained(name, measured, folder, conv, whole, epochs, seconds)

    def provenance(self, name: str, epochs: Mapping[str, int]) -> dict[str, object]:
        """How the network came about: no time and no path, so that equal runs write equal files."""
        return {
            "network": name,
            "model": "lenet5",
            "seed": self.seed,
            "train_digits": len(self.data.train_labels),
            "test_digits": len(self.data.test_labels),
            "batch": BATCH,
            "augmentation": asdict(AUGMENT),
            "epochs": dict(epochs),
            "torch": str(torch.__version__),
        }


def _rates(model: nn.Module, layers: Mapping[str, IntegerLayer]) -> tuple[float, float]:
    """Weights of the dense layers ÷ nonzero integers now, of the conv layers and of all."""
    dense = weighted_layers(model)

    def rate(names: list[str]) -> float:
        nonzero = sum(int(layers[name].ints.count_nonzero()) for name in names)
        return sum(dense[name].weight.numel() for name in names) / max(1, nonzero)

    return rate([name for name, layer in dense.items() if isinstance(layer, nn.Conv2d)]), rate(list(dense))
