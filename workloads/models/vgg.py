"""VGG-16 and VGG-19: 3 x 3 convs in five stages, then linear layers; with batch norms for CIFAR."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

WIDTHS = (64, 128, 256, 512, 512)  # filters of each stage


class VGG(nn.Module):
    """`depths` counts the conv layers of each stage. Takes (B, 3, 224, 224), returns (B, 1000) logits.

    VGG-16: 138,357,544 parameters, 15,470,264,320 MACs an image; VGG-19: 143,667,240 and 19,632,062,464.
    Source: Simonyan and Zisserman, arXiv 1409.1556, table 1, columns D and E, as in torchvision.
    """

    def __init__(self, depths: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width, depth in zip(WIDTHS, depths, strict=True):
            for _ in range(depth):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            *(nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Dropout()),
            *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout()),
            nn.Linear(4096, 1000),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 1000) of images (B, 3, 224, 224)."""
        logits: torch.Tensor = self.classifier(self.avgpool(self.features(images)).flatten(1))
        return logits


def vgg16() -> nn.Module:
    """A VGG-16 with torch's default initial weights."""
    return VGG((2, 2, 3, 3, 3))


def vgg19() -> nn.Module:
    """A VGG-19 with torch's default initial weights."""
    return VGG((2, 2, 4, 4, 4))


class CifarVGG(nn.Module):
    """VGG with batch norms for CIFAR: `depths` counts the conv layers of each stage, one linear layer follows.

    Takes (B, 3, 32, 32), returns (B, 10) logits. VGG-16: 14,728,266 parameters, 313,201,664 MACs an image; VGG-19:
    20,040,522 and 398,136,320. Source: the convolutions of Simonyan and Zisserman, arXiv 1409.1556, table 1, columns D
    and E, in the form that `kuangliu/pytorch-cifar` gave them, whose state_dict has these names.
    """

    def __init__(self, depths: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width, depth in zip(WIDTHS, depths, strict=True):
            for _ in range(depth):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(WIDTHS[-1], 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 10) of images (B, 3, 32, 32)."""
        logits: torch.Tensor = self.classifier(self.features(images).flatten(1))
        return logits


def vgg16_bn_cifar() -> nn.Module:
    """A VGG-16 for CIFAR with torch's default initial weights."""
    return CifarVGG((2, 2, 3, 3, 3))


def vgg19_bn_cifar() -> nn.Module:
    """A VGG-19 for CIFAR with torch's default initial weights."""
    return CifarVGG((2, 2, 4, 4, 4))
