"""A network on its way through the stages of a recipe: every finished stage is kept, so that a run can go on."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from accelsim.errors import CompressionError, ConfigError
from compress.base import Compressor
from compress.graph.shrinking import clear, resize, shrink
from compress.layers import weight_shapes, weighted_layers
from compress.quantizers.codes import ActivationCode
from compress.quantizers.integer import accuracy, calibrate_activations, input_codes, integer_network, weight_codes
from compress.recipes.recipe import Recipe, Stage
from compress.recipes.stages import run_stage, stage_seed
from compress.training.fit import fit
from explore.recipes.step_store import StepFacts, StepStore, digest
from workloads.datasets import Batches, Warp, digits
from workloads.models import model as zoo_model
from workloads.shapes import INPUTS

EXAMPLE_IMAGES = 16
CALIBRATION_IMAGES = 1000

Progress = Callable[[str, int, int], None]  # (stage, epochs done, epochs in all or 0 where a search decides)
Stages = tuple[Stage, ...]


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


def rate(layers: list[LayerResult]) -> float:
    """Weights before by nonzero ones now, of all these layers."""
    return sum(r.weights_dense for r in layers) / max(1, sum(r.weights_nonzero for r in layers))


@dataclass(frozen=True)
class Measured:
    """A network as it is saved, with the codes of its inputs."""

    network: nn.Module
    activations: Mapping[str, ActivationCode]
    accuracy: float
    layers: tuple[LayerResult, ...]

    @property
    def conv_rate(self) -> float:
        """Of the conv layers."""
        return rate([layer for layer in self.layers if layer.kind == "conv"])


@dataclass(frozen=True)
class Outcome:
    """A network after some stages. `method` is the last one's; None where there is none, or where the network was read
    back from disk."""

    stages: Stages
    model: nn.Module
    facts: StepFacts
    method: Compressor | None = None


class RecipeRun:
    """The digits, the seeds and the finished steps of one recipe on one network of the zoo.

    Raises ConfigError where the network does not take digits.
    """

    def __init__(self, name: str, recipe: Recipe, store: StepStore, progress: Progress | None = None) -> None:
        self.name, self.recipe, self.store, self.done = name, recipe, store, 0
        self.progress = progress or (lambda stage, done, of: None)
        self.data, self.augment = digits(recipe.seed), Warp(**recipe.augmentation)
        self.example = self.data.test_images[:EXAMPLE_IMAGES]
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.outcomes: dict[str, Outcome] = {}  # by key
        if INPUTS[name] != tuple(self.example.shape[1:]):
            raise ConfigError(f"model {name!r} takes {INPUTS[name]}, not digits of (1, 28, 28); lenet5 does")

    @property
    def pretrain_batch(self) -> int:
        """Images a batch before the first stage."""
        return self.recipe.pretrain_batch or self.recipe.batch

    def fresh_model(self) -> nn.Module:
        """The network with seeded weights."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.seed)
            model = zoo_model(self.name)
        return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]  # torch's gap

    def batches_of(self, seed: int, size: int, augment: Warp) -> Batches:
        """Batches of the training digits in the order of this seed."""
        generator = torch.Generator().manual_seed(seed)
        return Batches(self.data.train_images, self.data.train_labels, generator, size, augment)

    def after(self, stages: Stages) -> Outcome:
        """The network after these stages: in memory, on disk, or trained from the one before the last of them."""
        key = self.key(stages)
        if key not in self.outcomes:
            found = self.store.find(key)
            self.outcomes[key] = self._trained(stages) if found is None else self._restored(stages, *found)
        return self.outcomes[key]

    def finished(self, stages: Stages) -> Outcome:
        """`after`, with the method that knows how the network is saved: one read back from disk runs again for it."""
        outcome = self.after(stages)
        if stages and outcome.method is None:
            outcome = self.outcomes[self.key(stages)] = self._trained(stages)
        return outcome

    def _restored(self, stages: Stages, state: dict[str, torch.Tensor], facts: StepFacts) -> Outcome:
        model = self._with(state)
        for _ in range(stages[-1].all_epochs if stages else self.recipe.pretrain_epochs):
            self._told("found")
        return Outcome(stages, model, facts)

    def _trained(self, stages: Stages) -> Outcome:
        """Train the last stage, measure, keep."""
        before = self.after(stages[:-1]) if stages else None
        started = time.process_time()
        model, method, removed = self._baseline() if before is None else self._staged(before, stages)
        spent = round(time.process_time() - started, 2)
        plain = _alike(model, self.fresh_model())
        model = self._with(model.state_dict()) if plain else model
        measured = self.measured(model, method)
        facts = StepFacts(measured.accuracy, measured.conv_rate, rate(list(measured.layers)), removed, spent)
        if plain:
            self.store.put(self.key(stages), model.state_dict(), facts)
        return Outcome(stages, model, facts, method)

    def _baseline(self) -> tuple[nn.Module, None, bool]:
        recipe, model = self.recipe, self.fresh_model().to(self.device)
        fit(
            model,
            self.batches_of(recipe.seed, self.pretrain_batch, self.augment),
            epochs=recipe.pretrain_epochs,
            learning_rate=recipe.pretrain_learning_rate,
            on_epoch=lambda epoch, loss: self._told("baseline"),
        )
        return model.cpu(), None, False

    def _staged(self, before: Outcome, stages: Stages) -> tuple[nn.Module, Compressor, bool]:
        """The last stage on a copy of the network before it; whether columns have left by now.

        What a pruner emptied leaves at once, so that the next stage trains a smaller network; where it pruned single
        weights, those that lead nowhere become 0, so that the next stage spends none of its own on them.
        """
        model = copy.deepcopy(before.model).to(self.device)
        place, stage = len(stages) - 1, stages[-1]
        augment = self.augment if stage.augmentation is None else Warp(**stage.augmentation)
        batches = self.batches_of(stage_seed(self.recipe.seed, place, stage), self.recipe.batch, augment)
        try:
            model, method = run_stage(stage, model, batches, self.example.to(self.device), self._told)
        except CompressionError as error:
            raise CompressionError(f"stage {place + 1} of {self.recipe.name!r:.90}: {error}") from error
        method.columns_removed = method.columns_removed or before.facts.columns_removed
        method.dense_shapes = weight_shapes(self.fresh_model())
        model = model.cpu()
        if method.columns_removed:
            return shrink(model, self.example), method, True
        if stage.keep is not None:
            clear(model, self.example)
        return model, method, False

    def _with(self, state: Mapping[str, torch.Tensor]) -> nn.Module:
        """The network with this state, which may be of a smaller one.

        It lies in memory the same way every time: a run that goes on from disk adds in the same order as one that was
        never cut short.
        """
        model = self.fresh_model()
        resize(model, state)
        model.load_state_dict(state)
        return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]  # torch's gap

    def _told(self, stage: str) -> None:
        self.done += 1
        self.progress(stage, self.done, 0 if self.recipe.search else self.recipe.epochs)

    def measured(self, model: nn.Module, method: Compressor | None) -> Measured:
        """The network as it is saved, with its accuracy on the test digits' integers."""
        data = self.data
        activations = calibrate_activations(model, torch.split(data.train_images[:CALIBRATION_IMAGES], 100))
        integers = integer_network(model, activations, method)
        inputs = input_codes(activations, method)
        right = accuracy(integers, data.test_images, data.test_labels)
        return Measured(model, inputs, right, _layer_results(model, method, inputs))

    def key(self, stages: Stages) -> str:
        """The digest of all that decides these stages' network."""
        idle = {"recipe"} if stages else {"recipe", "batch"}
        facts = {key: value for key, value in self.provenance(stages).items() if key not in idle}
        return digest(facts | {"device": self.device})

    def provenance(self, stages: Stages) -> dict[str, Any]:
        """How the network came about: no time and no path, so that equal runs write equal files."""
        recipe = self.recipe
        return {
            "model": self.name,
            "recipe": recipe.name,
            "seed": recipe.seed,
            "train_digits": len(self.data.train_labels),
            "test_digits": len(self.data.test_labels),
            "pretrain_batch": self.pretrain_batch,
            "batch": recipe.batch,
            "augmentation": asdict(self.augment),
            "pretrain_epochs": recipe.pretrain_epochs,
            "pretrain_learning_rate": recipe.pretrain_learning_rate,
            "stages": [_given(stage) for stage in stages],
            "torch": str(torch.__version__),
        }


def _given(stage: Stage) -> dict[str, Any]:
    """A stage without what it leaves open."""
    return {key: value for key, value in asdict(stage).items() if value is not None}


def _alike(model: nn.Module, other: nn.Module) -> bool:
    """Could the other take this one's state: layers of the same kinds and names, whatever their sizes?"""
    kinds = [[type(module) for module in each.modules()] for each in (model, other)]
    return kinds[0] == kinds[1] and model.state_dict().keys() == other.state_dict().keys()


def _layer_results(
    model: nn.Module, method: Compressor | None, inputs: Mapping[str, ActivationCode]
) -> tuple[LayerResult, ...]:
    """The uncompressed shapes are the method's, or the model's own where there is none."""
    codes, layers = weight_codes(model, method), weighted_layers(model)
    shapes = weight_shapes(model) if method is None else method.dense_shapes
    return tuple(
        LayerResult(
            name=name,
            kind="conv" if isinstance(layers[name], nn.Conv2d) else "linear",
            weights_dense=math.prod(shapes[name]),
            weights_nonzero=int(np.count_nonzero(code.ints)),
            weight_coding=code.coding,
            weight_bits=code.bits,
            activation_bits=inputs[name].bits,
        )
        for name, code in codes.items()
    )
