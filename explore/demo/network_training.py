"""What the demo's networks share while they train: digits, seeds, progress, the clock of each stage, and the saving."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from torch import nn

from accelsim.errors import CompressionError
from compress.base import Batch, Compressor
from compress.checkpoint.saving import save
from compress.graph.shrinking import shrink
from compress.layers import weighted_layers
from compress.quantizers.codes import LayerCode
from compress.quantizers.integer import accuracy, calibrate_activations, integer_network, weight_codes
from compress.training.fit import fit
from workloads.datasets import Batches, Digits, Warp

BATCH = 32
EXAMPLE_IMAGES = 16
CALIBRATION_IMAGES = 1000
AUGMENT = Warp(degrees=15, scale=0.15, shear=0.2, shift=0.15)

# (network and stage, epochs done of all networks, epochs in all); called from any training thread, one call at a time
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Schedule:
    """Adam's learning rate at the start of a stage, and the share of it that a cosine leaves at the end."""

    start: float
    final: float = 0.01


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


class Study:
    """What the networks of one run share: the digits, where they go, and how far the run is of `epochs` in all."""

    def __init__(self, data: Digits, out: Path, seed: int, epochs: int, progress: Progress | None = None) -> None:
        self.data, self.out, self.seed, self.epochs = data, out, seed, epochs
        self.example = data.test_images[:EXAMPLE_IMAGES]
        self.progress = progress or (lambda stage, done, of: None)
        self.done, self.stopped, self.lock = 0, False, Lock()

    def epoch_done(self, stage: str) -> None:
        """Count an epoch of any network and tell the caller."""
        with self.lock:
            self.done += 1
            self.progress(stage, self.done, self.epochs)


@dataclass(frozen=True)
class _UntilStopped:
    """Batches that end with a CompressionError at the next one after their study was stopped."""

    batches: Batches
    study: Study

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        for batch in self.batches:
            if self.study.stopped:
                raise CompressionError("the training was stopped")
            yield batch


class Training:
    """One network on its way, with its own random numbers and the clock of each stage.

    `kind` is the name of the zoo's network that `model` is.
    """

    def __init__(self, study: Study, name: str, model: nn.Module, kind: str = "lenet5", batch: int = BATCH) -> None:
        self.study, self.name, self.model, self.kind, self.batch = study, name, model, kind, batch
        data, generator = study.data, torch.Generator().manual_seed(study.seed)
        self.batches = _UntilStopped(Batches(data.train_images, data.train_labels, generator, batch, AUGMENT), study)
        self.epochs: dict[str, int] = {}
        self.seconds: dict[str, float] = {}

    def fit(self, stage: str, epochs: int, rate: Schedule, method: Compressor | None = None) -> None:
        """Train one stage."""
        started = time.perf_counter()

        def epoch_done(epoch: int, loss: float) -> None:
            self.study.epoch_done(f"{self.name}, {stage}")

        fit(
            self.model,
            self.batches,
            epochs=epochs,
            method=method,
            learning_rate=rate.start,
            final_rate=rate.final,
            on_epoch=epoch_done,
        )
        self.epochs[stage] = epochs
        self.seconds[stage] = round(time.perf_counter() - started, 2)

    def save(self, method: Compressor | None) -> Trained:
        """Measure the network on its integers and save it."""
        data, example = self.study.data, self.study.example
        finished = shrink(self.model, example) if method is not None and method.columns_removed else self.model
        calibration = torch.split(data.train_images[:CALIBRATION_IMAGES], 100)
        activations = calibrate_activations(finished, calibration)
        measured = accuracy(integer_network(finished, activations, method), data.test_images, data.test_labels)
        folder = save(self.study.out / self.name, finished, method, measured, example, activations, self.provenance())
        rates = _rates(self.model, weight_codes(finished, method))
        return Trained(self.name, measured, folder, *rates, self.epochs, self.seconds)

    def provenance(self) -> dict[str, object]:
        """How the network came about: no time and no path, so that equal runs write equal files."""
        return {
            "network": self.name,
            "model": self.kind,
            "seed": self.study.seed,
            "train_digits": len(self.study.data.train_labels),
            "test_digits": len(self.study.data.test_labels),
            "batch": self.batch,
            "augmentation": asdict(AUGMENT),
            "epochs": self.epochs,
            "torch": str(torch.__version__),
        }


def _rates(model: nn.Module, codes: Mapping[str, LayerCode]) -> tuple[float, float]:
    """Weights of the dense layers ÷ nonzero integers now, of the conv layers and of all."""
    dense = weighted_layers(model)

    def rate(names: list[str]) -> float:
        nonzero = sum(int(np.count_nonzero(codes[name].ints)) for name in names)
        return sum(dense[name].weight.numel() for name in names) / max(1, nonzero)

    return rate([name for name, layer in dense.items() if isinstance(layer, nn.Conv2d)]), rate(list(dense))
