"""A recipe carried out on the bundled digits: train the baseline, compress, measure on the integers, save."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from accelsim.errors import ConfigError
from compress.base import Compressor
from compress.codes import ActivationCode
from compress.integer import accuracy, calibrate_activations, input_codes, integer_network, weight_codes
from compress.layers import weighted_layers
from compress.recipe import Recipe
from compress.saving import save
from compress.shrinking import shrink
from compress.stages import check_stages, run_stages
from compress.training import fit
from workloads.datasets import Affine, Batches, Digits, digits
from workloads.models import model as zoo_model
from workloads.shapes import INPUTS

BATCH = 64
EXAMPLE_IMAGES = 16
CALIBRATION_IMAGES = 1000

Progress = Callable[[str, int, int], None]  # (stage, epochs done, epochs in all)


@dataclass(frozen=True)
class LayerResult:
    """A layer's weights before, its nonzero integers now, and how they are coded."""

    name: str
    kind: str
    weights_dense: int
    weights_nonzero: int
    weight_coding: str
    weight_bits: int
    activation_bits: int


@dataclass(frozen=True)
class Compressed:
    """What a recipe made of a network: accuracies are fractions of the test digits, both measured on integers."""

    model: str
    recipe: str
    seed: int
    folder: Path
    baseline_accuracy: float
    accuracy: float
    layers: tuple[LayerResult, ...]

    @property
    def conv_rate(self) -> float:
        """Weights of the conv layers before, by nonzero ones now."""
        return _rate([layer for layer in self.layers if layer.kind == "conv"])

    @property
    def whole_rate(self) -> float:
        """Weights before, by nonzero ones now."""
        return _rate(list(self.layers))


def _rate(layers: list[LayerResult]) -> float:
    return sum(r.weights_dense for r in layers) / max(1, sum(r.weights_nonzero for r in layers))


def compress_model(
    name: str, recipe: Recipe, out: Path, seed: int | None = None, progress: Progress | None = None
) -> Compressed:
    """Carry out `recipe` on a fresh network of the zoo and save it in the folder `out`, whole or not at all.

    `seed` (the recipe's where None) splits the digits and fixes weights and batches. Raises UnknownNameError,
    ConfigError or CompressionError before any training where the model, the recipe or its settings do not fit.
    """
    recipe.require_model(name)
    run = _Run(name, recipe if seed is None else replace(recipe, seed=seed), progress)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small a network is as fast on one, and its sums do not depend on how many there are
    try:
        return run.carry_out(out)
    finally:
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class _Measured:
    """A network as it is saved: smaller where the method shrinks, with the codes of its inputs."""

    network: nn.Module
    activations: Mapping[str, ActivationCode]
    accuracy: float


class _Run:
    """One network on its way through a recipe."""

    def __init__(self, name: str, recipe: Recipe, progress: Progress | None) -> None:
        self.name, self.recipe, self.seed, self.done = name, recipe, recipe.seed, 0
        self.progress = progress or (lambda stage, done, of: None)
        self.data: Digits = digits(recipe.seed)
        self.example = self.data.test_images[:EXAMPLE_IMAGES]

    def carry_out(self, out: Path) -> Compressed:
        """Everything, in order."""
        model = self.fresh_model()
        check_stages(self.recipe, model, self.example)
        recipe = self.recipe
        fit(
            model,
            self.batches_of(self.seed),
            epochs=recipe.pretrain_epochs,
            learning_rate=recipe.pretrain_learning_rate,
            on_epoch=lambda epoch, loss: self.told("baseline"),
        )
        before = self.measured(model, None)
        model, method = run_stages(recipe, model, self.batches_of, self.example, self.told)
        after = self.measured(model, method)
        facts = self.provenance() | {"baseline_accuracy": before.accuracy}
        folder = save(out, after.network, method, after.accuracy, self.example, after.activations, facts)
        layers = _layer_results(method, after)
        return Compressed(self.name, recipe.name, self.seed, folder, before.accuracy, after.accuracy, layers)

    def fresh_model(self) -> nn.Module:
        """The network with seeded weights; ConfigError where it does not take digits."""
        if INPUTS[self.name] != tuple(self.example.shape[1:]):
            raise ConfigError(f"model {self.name!r} takes {INPUTS[self.name]}, not digits of (1, 28, 28); lenet5 does")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = zoo_model(self.name)
        return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]  # torch's gap

    def batches_of(self, seed: int) -> Batches:
        """Batches of the training digits in the order of this seed."""
        generator = torch.Generator().manual_seed(seed)
        return Batches(self.data.train_images, self.data.train_labels, generator, BATCH, Affine())

    def told(self, stage: str) -> None:
        """Count an epoch."""
        self.done += 1
        self.progress(stage, self.done, self.recipe.epochs)

    def measured(self, model: nn.Module, method: Compressor | None) -> _Measured:
        """The network as it is saved, with its accuracy on the test digits' integers."""
        data = self.data
        network = shrink(model, self.example) if method is not None and method.columns_removed else model
        activations = calibrate_activations(network, torch.split(data.train_images[:CALIBRATION_IMAGES], 100))
        integers = integer_network(network, activations, method)
        return _Measured(
            network, input_codes(activations, method), accuracy(integers, data.test_images, data.test_labels)
        )

    def provenance(self) -> dict[str, object]:
        """How the network came about: no time and no path, so that equal runs write equal files."""
        recipe = {key: value for key, value in asdict(self.recipe).items() if value is not None}
        return {
            "network": f"{self.name}-{self.recipe.name}",
            "model": self.name,
            "recipe": recipe,
            "seed": self.seed,
            "train_digits": len(self.data.train_labels),
            "test_digits": len(self.data.test_labels),
            "batch": BATCH,
            "augmentation": asdict(Affine()),
            "torch": str(torch.__version__),
        }


def _layer_results(method: Compressor, after: _Measured) -> tuple[LayerResult, ...]:
    codes, layers = weight_codes(after.network, method), weighted_layers(after.network)
    return tuple(
        LayerResult(
            name=name,
            kind="conv" if isinstance(layers[name], nn.Conv2d) else "linear",
            weights_dense=math.prod(method.dense_shapes[name]),
            weights_nonzero=int(np.count_nonzero(code.ints)),
            weight_coding=code.coding,
            weight_bits=code.bits,
            activation_bits=after.activations[name].bits,
        )
        for name, code in codes.items()
    )
