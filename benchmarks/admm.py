"""What ADMM adds to a training epoch: penalty, projections and masks beside the same steps without a method."""

from __future__ import annotations

import time

import torch
from torch import nn

import compress
from compress.base import Compressor
from compress.training.fit import fit
from workloads.models import model as zoo_model

STEPS = 100  # one ADMM iteration at the default settings, with its projection
BATCH = 64


def batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Random digits: what they show does not change the time."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(STEPS, BATCH, 1, 28, 28, generator=generator)
    labels = torch.randint(10, (STEPS, BATCH), generator=generator)
    return list(zip(images, labels, strict=True))


def epoch(model: nn.Module, method: Compressor | None, data: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
    """Seconds of the processor for the epoch, the faster of two: other programs do not count."""
    seconds = []
    for _ in range(2):
        started = time.process_time()
        fit(model, data, epochs=1, method=method)
        seconds.append(time.process_time() - started)
    return min(seconds)


def measure() -> str:
    """LeNet-5 in steps of 64 images: ADMM pruning, its second round on masks, and 3-bit levels, each beside none."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        data = batches()
        fit(zoo_model("lenet5"), data, epochs=1)
        plain = epoch(zoo_model("lenet5"), None, data)
        ratios = [f"{name} {epoch(*pair, data) / plain:.2f}x" for name, pair in methods().items()]
    finally:
        torch.set_num_threads(threads)
    return f"{STEPS} steps of LeNet-5: {1000 * plain:.4g} ms without a method; {', '.join(ratios)}"


def methods() -> dict[str, tuple[nn.Module, Compressor]]:
    """Each with a network of its own."""
    fresh = {name: zoo_model("lenet5") for name in ("pruning", "second round", "3-bit levels")}
    compress.create("admm", fresh["second round"], keep=0.2).finalize()
    made = {
        "pruning": compress.create("admm", fresh["pruning"], keep=0.1),
        "second round": compress.create("admm", fresh["second round"], keep=0.1),
        "3-bit levels": compress.create("admm_levels", fresh["3-bit levels"], bits=3),
    }
    return {name: (fresh[name], method) for name, method in made.items()}
