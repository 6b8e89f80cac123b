"""What every compression method is: hooks in the user's own training loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar

import torch
from torch import nn

from .layers import layers_with_zeros, weight_shapes
from .plain import without_hooks
from .quantizers.codes import ActivationCode, LayerCode

Batch = tuple[torch.Tensor, torch.Tensor]


class Compressor(ABC):
    """One method at work on one model. The calls, in this order:

    1. The constructor checks its settings (CompressionError, UnknownNameError) and may register parametrizations, so
       the optimizer is made from `model.parameters()` after it, and passed through `wrap_optimizer`.
    2. For each batch: `penalty()` joins the loss, the optimizer steps, `step()` follows.
    3. `calibrate(batches)` once, for methods that look at data.
    4. `harden()`: from here the constraint holds exactly, however few steps ran. Make a new optimizer and go on with
       the same loop to retrain; `penalty()` is then 0.
    5. `finalize()` returns the finished model, plain and with the original state_dict keys.

    `codes(model)`, `activation_codes()` and `columns_removed` say how `compress.save` stores the result, and
    `pruned_layers(model)` which layers' zeros count as pruning.
    """

    second_order: ClassVar[bool] = False  # True where loss.backward needs create_graph=True
    columns_removed: bool = False  # True where whole filters, channels and columns leave the saved network

    def __init__(self, model: nn.Module, example_input: torch.Tensor | None = None) -> None:
        without_hooks(model)  # masks of torch.nn.utils.prune and norms that hooks compute are a part of the weights
        self.model = model
        self.example_input = example_input
        self.dense_shapes = weight_shapes(model)  # of the uncompressed layers, by name
        self.pruned_before = layers_with_zeros(model)  # by whoever had the model before this method

    def penalty(self) -> torch.Tensor:
        """What joins the loss: a scalar tensor, 0 for methods without a regularizer."""
        return torch.zeros((), device=next(self.model.parameters()).device)

    def step(self) -> None:
        """Called once after each step of the optimizer."""
        return

    def wrap_optimizer(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        """The optimizer to use in place of `optimizer`; the same for most methods."""
        return optimizer

    def calibrate(self, batches: Iterable[Batch]) -> None:
        """Look at (input, target) batches; most methods need none."""
        return

    @abstractmethod
    def harden(self) -> None:
        """Make the constraint hold exactly from here on, under any further training."""

    @abstractmethod
    def finalize(self) -> nn.Module:
        """The finished model, in place unless it physically shrinks."""

    def codes(self, model: nn.Module) -> Mapping[str, LayerCode]:
        """The integers of each quantized layer of `model`, the finished one or what `shrink` made of it, by name.

        Layers not named are saved as 8-bit integers.
        """
        return {}

    def pruned_layers(self, model: nn.Module) -> frozenset[str]:
        """The layers of the finished `model` that were pruned: their zeros are weights that are gone.

        Those that held exact zeros before this method began, and those whose weights, still real numbers, hold them
        now. The zeros to which a quantizer rounds are weights like any other, so a method that only quantizes prunes
        nothing; one that prunes what it quantizes says so here.
        """
        return self.pruned_before | (layers_with_zeros(model) - self.codes(model).keys())

    def activation_codes(self) -> Mapping[str, ActivationCode]:
        """How the layers' inputs become integers where the method fixes it, by name; others are calibrated."""
        return {}
