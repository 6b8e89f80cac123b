"""ResNet-18 to -152 for ImageNet, and ResNet-18 with a smaller first conv for CIFAR."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

WIDTHS = (64, 128, 256, 512)  # filters of each stage, before a bottleneck's expansion


def _conv(inputs: int, filters: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, filters, kernel, stride, padding=kernel // 2, bias=False)


def _shortcut(inputs: int, filters: int, stride: int) -> nn.Module:
    """The identity where shapes agree, else a 1 x 1 projection (option B of the paper)."""
    if stride == 1 and inputs == filters:
        return nn.Identity()
    return nn.Sequential(_conv(inputs, filters, 1, stride), nn.BatchNorm2d(filters))


class BasicBlock(nn.Module):
    """Two 3 x 3 convs and a shortcut around them; returns `width` channels."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu1 = _conv(inputs, width, 3, stride), nn.BatchNorm2d(width), nn.ReLU()
        self.conv2, self.bn2, self.relu2 = _conv(width, width, 3), nn.BatchNorm2d(width), nn.ReLU()
        self.downsample = _shortcut(inputs, width, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, width, H/stride, W/stride) of (B, inputs, H, W)."""
        out = self.relu1(self.bn1(self.conv1(x)))
        joined: torch.Tensor = self.relu2(self.bn2(self.conv2(out)) + self.downsample(x))
        return joined


class Bottleneck(nn.Module):
    """A 3 x 3 conv between two 1 x 1 convs, and a shortcut around them; returns 4 · `width` channels.

    The stride is that of the 3 x 3 conv, as in torchvision ("ResNet v1.5").
    """

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        filters = width * self.expansion
        self.conv1, self.bn1, self.relu1 = _conv(inputs, width, 1), nn.BatchNorm2d(width), nn.ReLU()
        self.conv2, self.bn2, self.relu2 = _conv(width, width, 3, stride), nn.BatchNorm2d(width), nn.ReLU()
        self.conv3, self.bn3, self.relu3 = _conv(width, filters, 1), nn.BatchNorm2d(filters), nn.ReLU()
        self.downsample = _shortcut(inputs, filters, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 4 · width, H/stride, W/stride) of (B, inputs, H, W)."""
        out = self.relu1(self.bn1(self.conv1(x)))
        out = self.relu2(self.bn2(self.conv2(out)))
        joined: torch.Tensor = self.relu3(self.bn3(self.conv3(out)) + self.downsample(x))
        return joined


Kind = type[BasicBlock] | type[Bottleneck]


def _stage(block: Kind, inputs: int, width: int, depth: int, stride: int) -> nn.Sequential:
    """`depth` blocks, the first of which takes `inputs` channels and has the stride."""
    rest = (block(width * block.expansion, width, 1) for _ in range(depth - 1))
    return nn.Sequential(block(inputs, width, stride), *rest)


class ResNet(nn.Module):
    """`depths` counts the blocks of each stage. Takes (B, 3, 224, 224), returns (B, 1000) logits.

    ResNet-18: 11,689,512 parameters, 1,814,073,344 MACs an image; ResNet-34: 21,797,672 and 3,663,761,408;
    ResNet-50: 25,557,032 and 4,089,184,256; ResNet-101: 44,549,160 and 7,801,405,440; ResNet-152: 60,192,808 and
    11,513,626,624. Source: He et al., arXiv 1512.03385, table 1, as in torchvision. `small` is for CIFAR,
    (B, 3, 32, 32) to 10 classes: a 3 x 3 conv that keeps the size and no pooling behind it; ResNet-18 then has
    11,173,962 parameters and 555,422,720 MACs.
    """

    def __init__(self, block: Kind, depths: Sequence[int], *, small: bool = False) -> None:
        super().__init__()
        first = _conv(3, 64, 3) if small else _conv(3, 64, 7, 2)
        self.conv1, self.bn1, self.relu = first, nn.BatchNorm2d(64), nn.ReLU()
        self.maxpool: nn.Module = nn.Identity() if small else nn.MaxPool2d(3, 2, 1)
        wide = [width * block.expansion for width in WIDTHS]
        self.layer1 = _stage(block, 64, WIDTHS[0], depths[0], 1)
        self.layer2 = _stage(block, wide[0], WIDTHS[1], depths[1], 2)
        self.layer3 = _stage(block, wide[1], WIDTHS[2], depths[2], 2)
        self.layer4 = _stage(block, wide[2], WIDTHS[3], depths[3], 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(wide[3], 10 if small else 1000)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, classes) of images (B, 3, H, W)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: torch.Tensor = self.fc(self.avgpool(x).flatten(1))
        return logits


def resnet18() -> nn.Module:
    """A ResNet-18 with torch's default initial weights."""
    return ResNet(BasicBlock, (2, 2, 2, 2))


def resnet34() -> nn.Module:
    """A ResNet-34 with torch's default initial weights."""
    return ResNet(BasicBlock, (3, 4, 6, 3))


def resnet50() -> nn.Module:
    """A ResNet-50 with torch's default initial weights."""
    return ResNet(Bottleneck, (3, 4, 6, 3))


def resnet101() -> nn.Module:
    """A ResNet-101 with torch's default initial weights."""
    return ResNet(Bottleneck, (3, 4, 23, 3))


def resnet152() -> nn.Module:
    """A ResNet-152 with torch's default initial weights."""
    return ResNet(Bottleneck, (3, 8, 36, 3))


def resnet18_cifar() -> nn.Module:
    """A ResNet-18 for CIFAR with torch's default initial weights."""
    return ResNet(BasicBlock, (2, 2, 2, 2), small=True)
