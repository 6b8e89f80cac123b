"""Language models in training: the loss of the next word, and perplexity."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn


def next_word_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy in nats of logits (B, T, vocabulary) and words (B, T): a criterion for any training loop."""
    from torch.nn import functional

    return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def perplexity(model: nn.Module, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> float:
    """exp of the mean loss a word over all `batches`, without dropout; the model keeps its mode."""
    import torch

    training, total, words = model.training, 0.0, 0
    model.eval()
    try:
        with torch.no_grad():
            for ids, targets in batches:
                total += float(next_word_loss(model(ids), targets)) * targets.numel()
                words += targets.numel()
    finally:
        model.train(training)
    return math.exp(total / words)


def unigram_perplexity(train: torch.Tensor, test: torch.Tensor, vocabulary: int) -> float:
    """Perplexity on `test` of words drawn by their frequency in `train`, one added to each count: a lower bar."""
    import torch

    counts = torch.bincount(train, minlength=vocabulary).double() + 1
    return math.exp(-float((counts / counts.sum()).log()[test].mean()))
