"""GoogLeNet (Inception v1) with batch norms and without auxiliary heads."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn


def conv(inputs: int, filters: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A conv that keeps the size but for its stride, batch norm and ReLU."""
    layer = nn.Conv2d(inputs, filters, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(OrderedDict(conv=layer, bn=nn.BatchNorm2d(filters, eps=0.001), relu=nn.ReLU()))


class Inception(nn.Module):
    """Four branches side by side; `reduced` counts the filters of a 1 x 1 conv in front of a 3 x 3 one.

    torchvision's checkpoints have 3 x 3 filters in the third branch too, where the paper has 5 x 5.
    """

    def __init__(self, inputs: int, ones: int, second: tuple[int, int], third: tuple[int, int], pooled: int) -> None:
        super().__init__()
        self.branch1 = conv(inputs, ones, 1)
        self.branch2 = nn.Sequential(conv(inputs, second[0], 1), conv(*second, 3))
        self.branch3 = nn.Sequential(conv(inputs, third[0], 1), conv(*third, 3))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(inputs, pooled, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, sum of the branches' filters, H, W) of (B, inputs, H, W)."""
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


def _pool(kernel: int) -> nn.MaxPool2d:
    return nn.MaxPool2d(kernel, 2, ceil_mode=True)


class GoogLeNet(nn.Module):
    """Takes (B, 3, 224, 224), returns (B, 1000) logits. 6,624,904 parameters, 1,498,376,192 MACs an image.

    Source: Szegedy et al., arXiv 1409.4842, table 1, as in torchvision, whose trained weights expect channels of mean
    0.5 and deviation 0.5 (its `transform_input`).
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.maxpool1 = conv(3, 64, 7, 2), _pool(3)
        self.conv2, self.conv3, self.maxpool2 = conv(64, 64, 1), conv(64, 192, 3), _pool(3)
        self.inception3a = Inception(192, 64, (96, 128), (16, 32), 32)
        self.inception3b = Inception(256, 128, (128, 192), (32, 96), 64)
        self.maxpool3 = _pool(3)
        self.inception4a = Inception(480, 192, (96, 208), (16, 48), 64)
        self.inception4b = Inception(512, 160, (112, 224), (24, 64), 64)
        self.inception4c = Inception(512, 128, (128, 256), (24, 64), 64)
        self.inception4d = Inception(512, 112, (144, 288), (32, 64), 64)
        self.inception4e = Inception(528, 256, (160, 320), (32, 128), 128)
        self.maxpool4 = _pool(2)
        self.inception5a = Inception(832, 256, (160, 320), (32, 128), 128)
        self.inception5b = Inception(832, 384, (192, 384), (48, 128), 128)
        self.avgpool, self.dropout, self.fc = nn.AdaptiveAvgPool2d(1), nn.Dropout(0.2), nn.Linear(1024, 1000)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 1000) of images (B, 3, 224, 224)."""
        x = self.maxpool1(self.conv1(images))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = self.inception4c(self.inception4b(self.inception4a(x)))
        x = self.maxpool4(self.inception4e(self.inception4d(x)))
        x = self.inception5b(self.inception5a(x))
        logits: torch.Tensor = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        return logits


def build() -> nn.Module:
    """A GoogLeNet with torch's default initial weights."""
    return GoogLeNet()
