"""The language model of the LSTM pruning papers: an embedding, two LSTM layers and a decoder over the vocabulary."""

from __future__ import annotations

import torch
from torch import nn


class LanguageModel(nn.Module):
    """Takes word ids (B, T), returns logits (B, T, vocabulary) of the word after each.

    The defaults are the large model of Zaremba et al., arXiv 1409.2329, section 4.1, which 000 (Duke, table I) prunes:
    15M weights in the embedding, 36M in the LSTM layers, 15M in the decoder, with biases 66.02M. torch keeps two biases
    a gate, which add up, so that `parameters()` holds 12,000 more: 66,034,000. One word takes 51M MACs. 004 (DMP)
    prunes the medium one: `LanguageModel(embedding=650, hidden=(650, 650), dropout=0.5, initial=0.05)`.
    Weights start uniform within ±`initial`, the state of each sequence at 0. Each layer is a module of its own, so that
    its units can be removed.
    """

    def __init__(
        self,
        vocabulary: int = 10_000,
        embedding: int = 1500,
        hidden: tuple[int, int] = (1500, 1500),
        dropout: float = 0.65,
        initial: float = 0.04,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.lstm1 = nn.LSTM(embedding, hidden[0], batch_first=True)
        self.lstm2 = nn.LSTM(hidden[0], hidden[1], batch_first=True)
        self.decoder = nn.Linear(hidden[1], vocabulary)
        self.dropout = nn.Dropout(dropout)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -initial, initial)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Logits (B, T, vocabulary) of ids (B, T)."""
        x, _ = self.lstm1(self.dropout(self.embedding(ids)))
        x, _ = self.lstm2(self.dropout(x))
        logits: torch.Tensor = self.decoder(self.dropout(x))
        return logits


def build() -> nn.Module:
    """The large language model with fresh weights."""
    return LanguageModel()
