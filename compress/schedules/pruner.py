"""What pruners share: a constraint a layer, met exactly by `harden()` and held by masks from then on."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cached_property

import torch
from torch import nn

from accelsim.errors import CompressionError

from ..base import Compressor
from ..granularity.constraints import Projectable
from ..graph.follow import follow
from ..graph.masks import hold_weight_zeros, release
from ..graph.network import Network
from ..graph.reachability import reachable_masks
from ..graph.shrinking import NotShrunkWarning
from ..graph.zeros import hold_pruned, hold_removed_biases, silence_norms
from ..layers import layer, require_finite, require_layers


class Pruner(Compressor):
    """Prunes each named layer to its constraint; how the weights get there is each method's own.

    `harden()` projects the weights and holds the zeros by masks; with an `example_input` the layers are projected for
    each other, so that nothing is kept that leads nowhere (`graph.reachability`). Weights that are exactly 0 at the
    start, as an earlier pruning leaves them, stay 0; a layer that starts at 0 altogether is not pruned but untrained.

    Raises UnknownNameError for a layer that is not there and CompressionError for a constraint that cannot hold.
    """

    def __init__(
        self, model: nn.Module, constraints: Mapping[str, Projectable], example_input: torch.Tensor | None = None
    ) -> None:
        super().__init__(model, example_input)
        if not constraints:
            raise CompressionError(f"{type(self).__name__} has no layer to prune; name one with its constraint")
        require_layers(model, constraints)
        self.constraints = dict(constraints)
        self.layers = {name: layer(model, name) for name in constraints}
        check_constraints(model, self.constraints)
        self.steps, self.hardened = 0, False
        self.columns_removed = any(c.removes_columns for c in self.constraints.values())
        hold_pruned(model, constraints)

    @cached_property
    def network(self) -> Network | None:
        """Who reads whom, followed once; None without an `example_input`, and with a warning where that fails."""
        if self.example_input is None:
            return None
        try:
            return follow(self.model, self.example_input)
        except CompressionError as error:
            warnings.warn(f"each layer is pruned on its own: {error}", NotShrunkWarning, stacklevel=2)
            return None

    def penalty(self) -> torch.Tensor:
        """The method's `pull`, and 0 once hardened."""
        return super().penalty() if self.hardened else self.pull()

    def pull(self) -> torch.Tensor:
        """What joins the loss until the weights are hardened; 0 for methods without a regularizer."""
        return super().penalty()

    @torch.no_grad()
    def project(
        self, constraints: Mapping[str, Projectable], weights: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """What these constraints leave of the weights, all layers together (see `reachable_masks`)."""
        masks = reachable_masks(self.model, constraints, weights, self.network)
        return {name: weights[name] * mask for name, mask in masks.items()}

    @torch.no_grad()
    def prune(self, constraints: Mapping[str, Projectable]) -> None:
        """Project the weights on these constraints and hold the zeros, biases of whole filters included."""
        require_finite(self.model, constraints, f"after step {self.steps}")
        weights = {name: self.layers[name].weight for name in constraints}
        for name, keep in reachable_masks(self.model, constraints, weights, self.network).items():
            hold_weight_zeros(self.layers[name], keep)
            if self.columns_removed:
                hold_removed_biases(self.layers[name], keep)

    def harden(self) -> None:
        """Prune to the constraints; from here the masks hold."""
        self.prune(self.constraints)
        if self.columns_removed:
            silence_norms(self.model, self.network)
        self.hardened = True

    def pruned_layers(self, model: nn.Module) -> frozenset[str]:
        """As everywhere, and every layer with a constraint."""
        return super().pruned_layers(model) | self.constraints.keys()

    def finalize(self) -> nn.Module:
        """The model with plain weights, the pruned ones exactly 0, and its original state_dict keys."""
        if not self.hardened:
            self.harden()
        release(self.model)
        return self.model


def check_constraints(model: nn.Module, constraints: Mapping[str, Projectable]) -> None:
    """CompressionError, with the layer, where a constraint cannot hold for the shape of its weight."""
    for name, constraint in constraints.items():
        constraint.check(layer(model, name).shape, f"layer {name!r}")
