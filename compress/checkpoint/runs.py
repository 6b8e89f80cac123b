"""What the layers of a network read as it runs the example on integers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from ..layers import weighted_layers
from ..quantizers.codes import ActivationCode, LayerCode, smallest_integers
from ..quantizers.integer import IntegerLayer, IntegerNetwork
from ..tracing.memory import fresh


class LayerRuns:
    """The integer inputs of each conv and linear layer, one for each time that it runs on the example.

    Layers are looked up as traces call them: by any of a shared module's names, with "#2" behind those of later runs
    of another size. CompressionError is for the caller to raise: what the model itself raises comes through.
    """

    def __init__(
        self,
        model: nn.Module,
        weights: Mapping[str, LayerCode],
        inputs: Mapping[str, ActivationCode],
        example: tuple[Any, ...],
    ) -> None:
        self.model = model
        self._names: dict[nn.Module, str] = {module: name for name, module in weighted_layers(model).items()}
        self._ran: dict[str, list[np.ndarray]] = {}
        try:
            self._run(IntegerNetwork(model, weights, inputs), example)
        except RuntimeError:  # a network that makes float32 numbers of its own mixes no float64 with them
            self._ran.clear()
            self._run(IntegerNetwork(model, weights, inputs, double=False), example)

    def _run(self, network: IntegerNetwork, example: tuple[Any, ...]) -> None:
        for name, layer in network.layers.items():
            layer.register_forward_hook(lambda module, _, output, name=name: self._note(name, module))
        with torch.no_grad():
            network(*fresh(example))

    def _note(self, name: str, layer: IntegerLayer) -> None:
        assert layer.ifmap is not None
        ints = layer.ifmap
        if isinstance(layer.source, nn.Conv2d):
            ints = ints.reshape(-1, *ints.shape[-3:])
        else:
            ints = ints.reshape(-1, ints.shape[-1])
        self._ran.setdefault(name, []).append(smallest_integers(ints.cpu().numpy(), signed=layer.activation.signed))

    def layer(self, trace: str) -> str | None:
        """The conv or linear layer that a trace is called after, by its name in the model; None for all others."""
        path = trace.split("#")[0]
        try:
            return self._names.get(self.model.get_submodule(path))
        except AttributeError:  # a bare layer has no name, and its trace is called "layer"
            return self._names.get(self.model) if path == "layer" else None

    def has_run(self, trace: str) -> bool:
        """Whether that layer ran on integers."""
        name = self.layer(trace)
        return name is not None and name in self._ran

    def integers(self, trace: str, shape: tuple[int, ...]) -> np.ndarray | None:
        """What the layer read in its first run of this shape, (B, C, H, W) or (M, K); None where it had none."""
        name = self.layer(trace)
        ran = [] if name is None else self._ran.get(name, [])
        return next((ints for ints in ran if ints.shape == shape), None)
