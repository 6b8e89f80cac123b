"""DenseNet-121: every layer reads all that the layers before it in its block wrote."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

GROWTH = 32  # channels that a layer adds
BOTTLENECK = 4 * GROWTH  # filters of a layer's 1 x 1 conv
_OLD_KEY = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")


class DenseLayer(nn.Module):
    """Batch norm, ReLU and a 1 x 1 conv, the same with a 3 x 3 conv; their `GROWTH` channels join the input's."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.norm1, self.relu1 = nn.BatchNorm2d(inputs), nn.ReLU()
        self.conv1 = nn.Conv2d(inputs, BOTTLENECK, 1, bias=False)
        self.norm2, self.relu2 = nn.BatchNorm2d(BOTTLENECK), nn.ReLU()
        self.conv2 = nn.Conv2d(BOTTLENECK, GROWTH, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs + GROWTH, H, W) of (B, inputs, H, W)."""
        new = self.conv1(self.relu1(self.norm1(x)))
        new = self.conv2(self.relu2(self.norm2(new)))
        return torch.cat([x, new], 1)


def block(inputs: int, depth: int) -> nn.Sequential:
    """`depth` dense layers, of `inputs` channels in front."""
    layers = {f"denselayer{i + 1}": DenseLayer(inputs + i * GROWTH) for i in range(depth)}
    return nn.Sequential(OrderedDict(layers))


def transition(inputs: int) -> nn.Sequential:
    """Half the channels and a quarter of the pixels."""
    conv = nn.Conv2d(inputs, inputs // 2, 1, bias=False)
    return nn.Sequential(OrderedDict(norm=nn.BatchNorm2d(inputs), relu=nn.ReLU(), conv=conv, pool=nn.AvgPool2d(2)))


class DenseNet(nn.Module):
    """`depths` counts the layers of each block. Takes (B, 3, 224, 224), returns (B, 1000) logits.

    DenseNet-121: 7,978,856 parameters, 2,834,161,664 MACs an image. Source: Huang et al., arXiv 1608.06993, table 1,
    as in torchvision.
    """

    def __init__(self, depths: Sequence[int]) -> None:
        super().__init__()
        channels = 2 * GROWTH
        self.features = nn.Sequential(
            OrderedDict[str, nn.Module](
                conv0=nn.Conv2d(3, channels, 7, 2, 3, bias=False),
                norm0=nn.BatchNorm2d(channels),
                relu0=nn.ReLU(),
                pool0=nn.MaxPool2d(3, 2, 1),
            )
        )
        for i, depth in enumerate(depths, 1):
            self.features.add_module(f"denseblock{i}", block(channels, depth))
            channels += depth * GROWTH
            if i < len(depths):
                self.features.add_module(f"transition{i}", transition(channels))
                channels //= 2
        self.features.add_module(f"norm{len(depths) + 1}", nn.BatchNorm2d(channels))
        self.relu, self.avgpool = nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, 1000)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 1000) of images (B, 3, 224, 224)."""
        logits: torch.Tensor = self.classifier(self.avgpool(self.relu(self.features(images))).flatten(1))
        return logits

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """As of any module; `norm.1` and the like, as torchvision's files say, is read as `norm1`."""
        renamed = OrderedDict((_OLD_KEY.sub(r"\1\2.", key), value) for key, value in state_dict.items())
        return super().load_state_dict(renamed, strict, assign)


def densenet121() -> nn.Module:
    """A DenseNet-121 with torch's default initial weights."""
    return DenseNet((6, 12, 24, 16))
