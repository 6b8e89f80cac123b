"""Resemblyzer's voice encoder: three LSTM layers over mel frames and a linear layer, with pretrained weights by pip."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

MEL_BANDS, UNITS = 40, 256


class SpeakerEncoder(nn.Module):
    """Takes mel spectrograms (B, frames, 40), returns embeddings (B, 256), not negative and of length 1.

    Source: `resemblyzer/voice_encoder.py` of resemble-ai/Resemblyzer (Apache 2.0), after Wan et al., "Generalized
    end-to-end loss for speaker verification", arXiv 1710.10467. 1,423,616 parameters; 160 frames (1.6 s) take
    216,334,336 MACs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lstm1 = nn.LSTM(MEL_BANDS, UNITS, batch_first=True)
        self.lstm2 = nn.LSTM(UNITS, UNITS, batch_first=True)
        self.lstm3 = nn.LSTM(UNITS, UNITS, batch_first=True)
        self.linear, self.relu = nn.Linear(UNITS, UNITS), nn.ReLU()

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, 256) of spectrograms (B, frames, 40)."""
        x, _ = self.lstm1(mels)
        x, _ = self.lstm2(x)
        x, _ = self.lstm3(x)
        raw = self.relu(self.linear(x[:, -1]))
        return functional.normalize(raw, dim=1)


def build() -> nn.Module:
    """A speaker encoder with torch's default initial weights."""
    return SpeakerEncoder()
