"""MobileNet-V2, width 1.0: inverted residuals with linear bottlenecks; for ImageNet and for CIFAR."""

from __future__ import annotations

import torch
from torch import nn

STAGES = (  # of blocks: (expansion, filters, blocks, stride of the first)
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def conv(inputs: int, filters: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A conv that keeps the size but for its stride, batch norm and ReLU6."""
    layer = nn.Conv2d(inputs, filters, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(filters), nn.ReLU6())


class InvertedResidual(nn.Module):
    """A 1 x 1 conv to `expansion` times the channels, a 3 x 3 depthwise conv, and a 1 x 1 conv without ReLU."""

    def __init__(self, inputs: int, filters: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        widened = [conv(inputs, inner, 1)] if expansion > 1 else []
        narrowed = (nn.Conv2d(inner, filters, 1, bias=False), nn.BatchNorm2d(filters))
        self.conv = nn.Sequential(*widened, conv(inner, inner, 3, stride, groups=inner), *narrowed)
        self.residual = stride == 1 and inputs == filters

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, filters, H/stride, W/stride) of (B, inputs, H, W)."""
        out: torch.Tensor = self.conv(x)
        return x + out if self.residual else out


class MobileNetV2(nn.Module):
    """Takes (B, 3, 224, 224), returns (B, 1000) logits. 3,504,872 parameters, 300,774,272 MACs an image.

    Source: Sandler et al., arXiv 1801.04381, table 2, as in torchvision. `small` is for CIFAR, (B, 3, 32, 32) to 10
    classes: the first conv and the second stage keep the size, as usual there; 2,236,682 parameters, 87,976,448 MACs.
    """

    def __init__(self, *, small: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv(3, 32, 3, 1 if small else 2)]
        inputs = 32
        for place, (expansion, filters, blocks, own) in enumerate(STAGES):
            stride = 1 if small and place == 1 else own
            for i in range(blocks):
                layers.append(InvertedResidual(inputs, filters, stride if i == 0 else 1, expansion))
                inputs = filters
        self.features = nn.Sequential(*layers, conv(inputs, 1280, 1))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 10 if small else 1000))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, classes) of images (B, 3, H, W)."""
        logits: torch.Tensor = self.classifier(self.avgpool(self.features(images)).flatten(1))
        return logits


def build() -> nn.Module:
    """A MobileNet-V2 with torch's default initial weights."""
    return MobileNetV2()


def mobilenet_v2_cifar() -> nn.Module:
    """A MobileNet-V2 for CIFAR with torch's default initial weights."""
    return MobileNetV2(small=True)
