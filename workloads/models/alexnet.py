"""AlexNet in the sizes of torchvision: five conv layers without groups, three linear ones."""

from __future__ import annotations

import torch
from torch import nn


class AlexNet(nn.Module):
    """Takes (B, 3, 224, 224), returns (B, 1000) logits. 61,100,840 parameters, 714,188,480 MACs an image.

    Source: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", arXiv 1404.5997 (one tower,
    hence no groups), as in torchvision.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            *(nn.Dropout(), nn.Linear(256 * 6 * 6, 4096), nn.ReLU()),
            *(nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU()),
            nn.Linear(4096, 1000),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 1000) of images (B, 3, 224, 224)."""
        logits: torch.Tensor = self.classifier(self.avgpool(self.features(images)).flatten(1))
        return logits


def build() -> nn.Module:
    """An AlexNet with torch's default initial weights."""
    return AlexNet()
