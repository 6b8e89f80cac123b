"""SqueezeNet 1.0: fire modules, no linear layer."""

from __future__ import annotations

import torch
from torch import nn


class Fire(nn.Module):
    """A 1 x 1 conv to `squeezed` channels, then 1 x 1 and 3 x 3 convs of `expanded` filters each, side by side."""

    def __init__(self, inputs: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze, self.squeeze_activation = nn.Conv2d(inputs, squeezed, 1), nn.ReLU()
        self.expand1x1, self.expand1x1_activation = nn.Conv2d(squeezed, expanded, 1), nn.ReLU()
        self.expand3x3, self.expand3x3_activation = nn.Conv2d(squeezed, expanded, 3, padding=1), nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 2 · expanded, H, W) of (B, inputs, H, W)."""
        x = self.squeeze_activation(self.squeeze(x))
        branches = [self.expand1x1_activation(self.expand1x1(x)), self.expand3x3_activation(self.expand3x3(x))]
        return torch.cat(branches, 1)


def _pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, 2, ceil_mode=True)


class SqueezeNet(nn.Module):
    """Takes (B, 3, 224, 224), returns (B, 1000) logits. 1,248,424 parameters, 818,924,576 MACs an image.

    Source: Iandola et al., arXiv 1602.07360, table 1, as in torchvision's squeezenet1_0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 96, 7, 2), nn.ReLU(), _pool()),
            *(Fire(96, 16, 64), Fire(128, 16, 64), Fire(128, 32, 128), _pool()),
            *(Fire(256, 32, 128), Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), _pool()),
            Fire(512, 64, 256),
        )
        self.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(512, 1000, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 1000) of images (B, 3, 224, 224)."""
        logits: torch.Tensor = self.classifier(self.features(images)).flatten(1)
        return logits


def squeezenet1_0() -> nn.Module:
    """A SqueezeNet 1.0 with torch's default initial weights."""
    return SqueezeNet()
