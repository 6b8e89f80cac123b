"""A network on its way through the stages of a recipe: every finished stage is stored, so that a run can go on."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from threading import Event
from typing import Any

import torch
from torch import nn

from accelsim.errors import CompressionError, ConfigError
from compress.base import Compressor
from compress.graph.shrinking import clear, resize, shrink
from compress.layers import weight_shapes
from compress.recipes.engine import run_stage, stage_seed
from compress.recipes.recipe import Recipe
from compress.recipes.stage import Stage
from compress.training.criteria import criterion
from compress.training.fit import Criterion, fit
from workloads.models import model as zoo_model
from workloads.shapes import INPUTS

from .data import Augment, augmentation_of, data_of
from .measuring import Measured, measure
from .step_store import StepFacts, StepStore, digest
from .stopping import UntilStopped

EXAMPLE_IMAGES = 16
STORED = "stored"  # what an epoch is called that was trained before

Progress = Callable[[str, int, int], None]  # (stage, epochs done, epochs in all or 0 where a search decides)
Stages = tuple[Stage, ...]


@dataclass(frozen=True)
class Outcome:
    """A network after some stages. `method` is the last one's; None where there is none, or where the network was read
    back from disk."""

    stages: Stages
    model: nn.Module
    facts: StepFacts
    method: Compressor | None = None


class RecipeRun:
    """The data, the seeds and the finished steps of one recipe on one network of the zoo.

    Once `stopped` is set, training ends with a CompressionError at its next batch. Raises ConfigError where the network
    does not take such inputs, or the criterion cannot compare its outputs with the targets.
    """

    def __init__(
        self,
        name: str,
        recipe: Recipe,
        store: StepStore,
        progress: Progress | None = None,
        stopped: Event | None = None,
    ) -> None:
        self.name, self.recipe, self.store, self.done = name, recipe, store, 0
        self.progress, self.stopped = progress or (lambda stage, done, of: None), stopped or Event()
        self.data = data_of(recipe.dataset, INPUTS[name], recipe.seed, few=recipe.few_digits)
        self.augment = augmentation_of(recipe.augmentation, self.data.name)
        self.criterion = self._criterion()
        self.example = self.data.test_images[:EXAMPLE_IMAGES]
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.outcomes: dict[str, Outcome] = {}  # by key
        self.trained_here: list[str] = []  # keys of the steps that were in no store
        if INPUTS[name] != tuple(self.example.shape[1:]):
            shape = tuple(self.example.shape[1:])
            hint = "; lenet5 does" if self.data.name == "digits" else ""
            raise ConfigError(f"model {name!r} takes {INPUTS[name]}, not {self.data.name} of {shape}{hint}")
        if recipe.dataset or recipe.criterion:
            self._require_loss()
        self.start = self._start()

    def _criterion(self) -> Criterion:
        """The recipe's loss; cross entropy where it names none."""
        settings = {key: value for key, value in self.recipe.criterion.items() if key != "name"}
        return criterion(self.recipe.criterion.get("name", "CrossEntropyLoss"), settings)

    def _require_loss(self) -> None:
        """ConfigError where the loss of a few inputs cannot be computed."""
        name, labels = self.recipe.criterion.get("name", "CrossEntropyLoss"), self.data.test_labels
        try:
            with torch.no_grad():
                outputs = self.fresh_model().eval()(self.example)
                most = int(max(labels.max(), self.data.train_labels.max()))
                if most >= outputs.shape[-1]:
                    raise ConfigError(
                        f"dataset {self.data.name!r} has {most + 1} classes; model {self.name!r} tells "
                        f"{outputs.shape[-1]} apart"
                    )
                self.criterion(outputs, labels[: len(outputs)])
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            if isinstance(error, ConfigError):
                raise
            reason = " ".join(str(error).split())[:200]
            raise ConfigError(f"criterion {name!r} cannot compare the outputs of {self.name!r}: {reason}") from error

    def _start(self) -> RecipeRun | None:
        """The run whose network gives this one its weights; its steps and its epochs are this one's too."""
        start = self.recipe.start
        if start is None or start.model is None:
            return None
        return RecipeRun(start.model, start, self.store, lambda stage, done, of: self._epoch_done(stage), self.stopped)

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

    def batches_of(self, seed: int, size: int, augment: Augment | None) -> UntilStopped:
        """Batches of the inputs to train on in the order of this seed."""
        generator = torch.Generator().manual_seed(seed)
        return UntilStopped(self.data.batches(generator, size, augment), self.stopped)

    def after(self, stages: Stages) -> Outcome:
        """The network after these stages: in memory, on disk, or trained from the one before the last of them."""
        key = self.key(stages)
        if key not in self.outcomes:
            stored = self.store.find(key)
            self.outcomes[key] = self._trained(stages) if stored is None else self._restored(stages, *stored)
        return self.outcomes[key]

    def finished(self, stages: Stages) -> Outcome:
        """`after`, with the method that knows how the network is saved: one read back from disk runs again for it."""
        outcome = self.after(stages)
        if stages and outcome.method is None:
            outcome = self.outcomes[self.key(stages)] = self._trained(stages)
        return outcome

    def _restored(self, stages: Stages, state: dict[str, torch.Tensor], facts: StepFacts) -> Outcome:
        model = self._with(state)
        before = 0 if self.start is None else self.start.recipe.epochs
        for _ in range(stages[-1].all_epochs if stages else before + self.recipe.pretrain_epochs):
            self._epoch_done(STORED)
        return Outcome(stages, model, facts)

    def _trained(self, stages: Stages) -> Outcome:
        """Train the last stage, measure, store."""
        before = self.after(stages[:-1]) if stages else None
        source = self._source() if before is None else None
        started = time.thread_time()
        model, method, removed = self._baseline(source) if before is None else self._staged(before, stages)
        spent = round(time.thread_time() - started, 2)
        plain = _restorable(model, self.fresh_model())
        model = self._with(model.state_dict()) if plain else model
        measured = self.measured(model, method)
        facts = StepFacts(measured.accuracy, measured.conv_rate, measured.whole_rate, removed, spent)
        if plain:
            self.store.put(self.key(stages), model.state_dict(), facts)
        self.trained_here.append(self.key(stages))
        return Outcome(stages, model, facts, method)

    def _source(self) -> Outcome | None:
        """The network that gives this one its weights, step by step, so that every epoch of it is counted."""
        if self.start is None:
            return None
        stages = self.start.recipe.stages
        return [self.start.after(stages[:count]) for count in range(len(stages) + 1)][-1]

    def _baseline(self, source: Outcome | None) -> tuple[nn.Module, None, bool]:
        """The uncompressed network, trained from seeded weights or from those of another network."""
        recipe, model = self.recipe, self.fresh_model()
        if source is not None:
            _take_weights(model, source.model, recipe.name)
        fit(
            model.to(self.device),
            self.batches_of(recipe.seed, self.pretrain_batch, self.augment),
            epochs=recipe.pretrain_epochs,
            learning_rate=recipe.pretrain_learning_rate,
            criterion=self.criterion,
            on_epoch=lambda epoch, loss: self._epoch_done("baseline"),
        )
        return model.cpu(), None, False

    def _staged(self, before: Outcome, stages: Stages) -> tuple[nn.Module, Compressor, bool]:
        """The last stage on a copy of the network before it; whether columns have left by now.

        What a pruner emptied leaves at once, so that the next stage trains a smaller network; where it pruned single
        weights, those that lead nowhere become 0, so that the next stage spends none of its own on them.
        """
        model = copy.deepcopy(before.model).to(self.device)
        place, stage = len(stages) - 1, stages[-1]
        own = stage.augmentation
        augment = self.augment if own is None else augmentation_of(own, self.data.name)
        seed, size = stage_seed(self.recipe.seed, place, stage), stage.batch or self.recipe.batch
        batches = self.batches_of(seed, size, augment)
        try:
            example = self.example.to(self.device)
            model, method = run_stage(stage, model, batches, example, self._epoch_done, self.criterion)
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

    def _epoch_done(self, stage: str) -> None:
        self.done += 1
        self.progress(stage, self.done, 0 if self.recipe.search else self.recipe.epochs)

    def measured(self, model: nn.Module, method: Compressor | None) -> Measured:
        """The network as it is saved, with its accuracy on the test digits' integers."""
        return measure(model, method, self.data)

    def key(self, stages: Stages) -> str:
        """The digest of all that decides these stages' network."""
        idle = {"recipe"} if stages else {"recipe", "batch"}
        facts = {key: value for key, value in self.provenance(stages).items() if key not in idle}
        return digest(facts | {"device": self.device})

    def provenance(self, stages: Stages) -> dict[str, Any]:
        """How the network came about: no time and no path, so that equal runs write equal files."""
        recipe = self.recipe
        start = {} if self.start is None else {"start": self.start.provenance(self.start.recipe.stages)}
        return start | {
            "model": self.name,
            "recipe": recipe.name,
            "seed": recipe.seed,
            **self.data.facts,
            "pretrain_batch": self.pretrain_batch,
            "batch": recipe.batch,
            "augmentation": _fields(self.augment),
            **({"criterion": dict(recipe.criterion)} if recipe.criterion else {}),
            "pretrain_epochs": recipe.pretrain_epochs,
            "pretrain_learning_rate": recipe.pretrain_learning_rate,
            "stages": [_given(stage) for stage in stages],
            "torch": str(torch.__version__),
        }


def _fields(augment: Augment | None) -> dict[str, Any]:
    """What an augmentation is made with."""
    return asdict(augment) if is_dataclass(augment) and not isinstance(augment, type) else {}


def _given(stage: Stage) -> dict[str, Any]:
    """A stage without what it leaves open."""
    return {key: value for key, value in asdict(stage).items() if value is not None}


def _restorable(model: nn.Module, other: nn.Module) -> bool:
    """Does the other become this one by taking its state, whatever the sizes of the layers?

    They must have layers of the same kinds and names, and none that a method left a hook on, of which a state knows
    nothing.
    """
    kinds = [[type(module) for module in each.modules()] for each in (model, other)]
    hooked = any(module._forward_pre_hooks for module in model.modules())
    return not hooked and kinds[0] == kinds[1] and model.state_dict().keys() == other.state_dict().keys()


def _take_weights(model: nn.Module, other: nn.Module, recipe: str) -> None:
    """Give the model the other's tensors of equal name and shape; CompressionError where there are none."""
    own = model.state_dict()
    shared = {
        name: value for name, value in other.state_dict().items() if name in own and own[name].shape == value.shape
    }
    if not shared:
        raise CompressionError(f"recipe {recipe!r:.90} starts from a network that shares no weights with its model")
    model.load_state_dict(shared, strict=False)
