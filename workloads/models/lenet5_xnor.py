"""LeNet-5 in the order that XNOR-Net prescribes for binary layers: batch norm, sign, layer, pooling."""

from __future__ import annotations

import torch
from torch import nn


class LeNet5Xnor(nn.Module):
    """LeNet-5's layers (`lenet5`) with batch norm before each layer that becomes binary, and before the last.

    Takes (B, 1, 28, 28), returns (B, 10) logits; conv1, conv2, fc1 and fc2 have LeNet-5's names and shapes. Hardtanh
    stands where `xnor_net` takes the sign, whose straight-through gradient is Hardtanh's: the network trains as it is
    and goes on as a binary one. Source: Rastegari et al., "XNOR-Net", ECCV 2016, section 3.2 and figure 3.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 5)
        self.pool1 = nn.MaxPool2d(2)
        self.bn1, self.clip1 = nn.BatchNorm2d(20), nn.Hardtanh()
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.pool2 = nn.MaxPool2d(2)
        self.bn2, self.clip2 = nn.BatchNorm2d(50), nn.Hardtanh()
        self.fc1 = nn.Linear(800, 500)
        self.bn3, self.relu3 = nn.BatchNorm1d(500), nn.ReLU()
        self.fc2 = nn.Linear(500, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 10) of images (B, 1, 28, 28)."""
        x = self.clip1(self.bn1(self.pool1(self.conv1(images))))
        x = self.clip2(self.bn2(self.pool2(self.conv2(x))))
        x = self.relu3(self.bn3(self.fc1(x.flatten(1))))
        logits: torch.Tensor = self.fc2(x)
        return logits


def build() -> nn.Module:
    """The network with torch's default initial weights."""
    return LeNet5Xnor()
