"""ResNet-56 for CIFAR: three stages of 3 x 3 convs, shortcuts without weights."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import pad


class PaddedShortcut(nn.Module):
    """Every `stride`-th pixel, with `extra` channels of zeros, half of them in front (option A of the paper)."""

    def __init__(self, extra: int, stride: int) -> None:
        super().__init__()
        self.extra, self.stride = extra, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C + extra, ⌈H/stride⌉, ⌈W/stride⌉) of (B, C, H, W)."""
        front = self.extra // 2
        return pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, front, self.extra - front))


class Block(nn.Module):
    """Two 3 x 3 convs and a shortcut around them; returns `width` channels."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1, self.relu1 = nn.BatchNorm2d(width), nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2, self.relu2 = nn.BatchNorm2d(width), nn.ReLU()
        self.shortcut = nn.Identity() if inputs == width else PaddedShortcut(width - inputs, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, width, H/stride, W/stride) of (B, inputs, H, W)."""
        out = self.relu1(self.bn1(self.conv1(x)))
        joined: torch.Tensor = self.relu2(self.bn2(self.conv2(out)) + self.shortcut(x))
        return joined


def _stage(inputs: int, width: int, depth: int, stride: int) -> nn.Sequential:
    """`depth` blocks, the first of which takes `inputs` channels and has the stride."""
    return nn.Sequential(Block(inputs, width, stride), *(Block(width, width, 1) for _ in range(depth - 1)))


class CifarResNet(nn.Module):
    """`depth` counts the blocks of each stage. Takes (B, 3, 32, 32), returns (B, 10) logits.

    ResNet-56: 853,018 parameters, 125,485,696 MACs an image, 2,032 filters. Source: He et al., arXiv 1512.03385,
    section 4.2. The names in its state_dict are those of `akamaster/pytorch_resnet_cifar10`.
    """

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
        self.layer1 = _stage(16, 16, depth, 1)
        self.layer2 = _stage(16, 32, depth, 2)
        self.layer3 = _stage(32, 64, depth, 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(64, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 10) of images (B, 3, 32, 32)."""
        x = self.relu(self.bn1(self.conv1(images)))
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: torch.Tensor = self.linear(self.avgpool(x).flatten(1))
        return logits


def resnet56() -> nn.Module:
    """A ResNet-56 with torch's default initial weights."""
    return CifarResNet(9)
