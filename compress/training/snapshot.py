"""A model's values at one moment, to go back to where training runs off."""

from __future__ import annotations

from itertools import chain

import torch
from torch import nn


class Snapshot:
    """Copies of all parameters and buffers that the model has now."""

    @torch.no_grad()
    def __init__(self, model: nn.Module) -> None:
        self._values = [(tensor, tensor.detach().clone()) for tensor in chain(model.parameters(), model.buffers())]

    @property
    def finite(self) -> bool:
        """Is every value a finite number?"""
        return all(bool(torch.isfinite(value).all()) for _, value in self._values)

    @torch.no_grad()
    def restore(self) -> None:
        """Give the same tensors their values back; masks that were put on them since then stay."""
        for tensor, value in self._values:
            tensor.copy_(value)
