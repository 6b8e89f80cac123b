"""A network of the zoo with the weights of a file: real integers, run on the inputs that are at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.errors import ConfigError
from accelsim.trace.workload import Workload

from ..settings import Settings
from ..shapes import INPUTS, WORD_IDS, example

if TYPE_CHECKING:
    import torch
    from torch import nn

DIGITS = (1, 28, 28)  # inputs of this shape are the bundled digits
NOISE = "seeded noise in place of data"


def from_state(name: str, path: str | Path, settings: Settings) -> Workload:
    """The network `name` with the weights of `path` in integers of 8 bits, or of those that are asked for.

    The activations are those that its inputs make.

    Inputs are bundled test digits for networks of digits; others get seeded noise, which `provenance["assumed"]`
    says. Raises what `load_state` raises.
    """
    from ..files.state_files import load_state
    from . import model

    network = model(name)
    load_state(network, path, name)
    return of_model(name, network, str(path), settings)


def from_package(name: str, settings: Settings) -> Workload:
    """The same with the weights of an installed package. Raises what `pretrained_model` raises."""
    from .pretrained import pretrained_model, pretrained_origin

    return of_model(name, pretrained_model(name), pretrained_origin(name), settings)


def of_model(name: str, network: nn.Module, origin: str, settings: Settings) -> Workload:
    """A network as it is, with the activations that its inputs make; `origin` says where its weights come from."""
    from ..torch.importer import from_torch

    batch, seed = settings.batch, settings.seed
    inputs, assumed = inputs_of(name, batch, seed)
    bits = (settings.weight_bits or 8, settings.activation_bits or 8)
    lowered = from_torch(network, inputs, name=name, values="activations", weight_bits=bits[0], activation_bits=bits[1])
    facts = {"source": "zoo", "model": name, "batch": batch, "weights": origin, "seed": seed}
    facts_of_all = {**lowered.provenance, **facts, **({"assumed": {"input": assumed}} if assumed else {})}
    return Workload(name, lowered.traces, facts_of_all, lowered.operators, lowered.graph, lowered.not_simulated)


def inputs_of(name: str, batch: int, seed: int) -> tuple[torch.Tensor, str]:
    """Inputs of a network, and what is assumed about them, "" where they are real."""
    import torch

    if INPUTS[name] == DIGITS:
        from ..datasets import digits

        images: torch.Tensor = digits(seed).test_images
        if len(images) < batch:
            raise ConfigError(f"batch is {batch}; 1 to {len(images)} is expected, the test digits that are bundled")
        return images[:batch], ""
    generator = torch.Generator().manual_seed(seed)
    if name in WORD_IDS:
        return torch.randint(0, 1000, (batch, *INPUTS[name]), generator=generator), NOISE
    return torch.randn(example(name, batch).shape, generator=generator), NOISE
