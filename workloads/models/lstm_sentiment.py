"""The sentiment model of the differentiable-mask paper: an embedding, one LSTM layer and a linear layer."""

from __future__ import annotations

import torch
from torch import nn

PADDING = 0  # the id before the first word of a text that is too short


class SentimentModel(nn.Module):
    """Takes word ids (B, T), padded in front with id 0, returns logits (B, classes) from the last step.

    The defaults are those of 004 (DMP), section "IMDB sentiment classification": a vocabulary of 5,000, embedding 300,
    150 hidden units (600 gate nodes), 200 words, two classes: 1,771,502 parameters, 54,000,300 MACs a text.
    """

    def __init__(self, vocabulary: int = 5000, embedding: int = 300, hidden: int = 150, classes: int = 2) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding, padding_idx=PADDING)
        self.lstm = nn.LSTM(embedding, hidden, batch_first=True)
        self.classifier = nn.Linear(hidden, classes)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Logits (B, classes) of ids (B, T)."""
        steps, _ = self.lstm(self.embedding(ids))
        logits: torch.Tensor = self.classifier(steps[:, -1])
        return logits


def build() -> nn.Module:
    """The sentiment model with torch's default initial weights."""
    return SentimentModel()
