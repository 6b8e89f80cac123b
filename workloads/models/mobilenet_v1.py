"""MobileNet-V1, width 1.0: a 3 x 3 conv, then 13 pairs of a depthwise and a pointwise conv."""

from __future__ import annotations

import torch
from torch import nn

STAGES = (  # of pairs: (filters, stride of the first, pairs)
    (64, 1, 1),
    (128, 2, 2),
    (256, 2, 2),
    (512, 2, 6),
    (1024, 2, 2),
)


class Separable(nn.Module):
    """A 3 x 3 depthwise conv and a 1 x 1 conv, each with batch norm and ReLU6."""

    def __init__(self, inputs: int, filters: int, stride: int) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False)
        self.bn1, self.relu1 = nn.BatchNorm2d(inputs), nn.ReLU6()
        self.conv_pw = nn.Conv2d(inputs, filters, 1, bias=False)
        self.bn2, self.relu2 = nn.BatchNorm2d(filters), nn.ReLU6()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, filters, H/stride, W/stride) of (B, inputs, H, W)."""
        x = self.relu1(self.bn1(self.conv_dw(x)))
        out: torch.Tensor = self.relu2(self.bn2(self.conv_pw(x)))
        return out


class MobileNetV1(nn.Module):
    """Takes (B, 3, 224, 224), returns (B, 1000) logits. 4,231,976 parameters, 568,740,352 MACs an image.

    Source: Howard et al., arXiv 1704.04861, table 1. torchvision has none; the names in its state_dict are those of
    timm's mobilenetv1_100.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem, self.bn1, self.relu = nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()
        stages = []
        inputs = 32
        for filters, stride, pairs in STAGES:
            rest = (Separable(filters, filters, 1) for _ in range(pairs - 1))
            stages.append(nn.Sequential(Separable(inputs, filters, stride), *rest))
            inputs = filters
        self.blocks = nn.Sequential(*stages)
        self.avgpool, self.classifier = nn.AdaptiveAvgPool2d(1), nn.Linear(inputs, 1000)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 1000) of images (B, 3, 224, 224)."""
        x = self.blocks(self.relu(self.bn1(self.conv_stem(images))))
        logits: torch.Tensor = self.classifier(self.avgpool(x).flatten(1))
        return logits


def build() -> nn.Module:
    """A MobileNet-V1 with torch's default initial weights."""
    return MobileNetV1()
