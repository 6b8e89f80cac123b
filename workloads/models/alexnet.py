"""AlexNet in the sizes of torchvision, without groups, and of Caffe, whose conv layers are in two groups."""

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


class CaffeAlexNet(nn.Module):
    """Takes (B, 3, 227, 227), returns (B, 1000) logits. 60,965,224 parameters, 724,406,816 MACs an image.

    The network of Krizhevsky et al., NIPS 2012, as Caffe's `bvlc_alexnet` has it, under its layers' names: conv2, conv4
    and conv5 are in two groups (2,332,704 conv weights), normalisation runs across channels, and pooling rounds up
    (here it never has to). The compression papers of 2015 to 2019 start from it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.relu1 = nn.Conv2d(3, 96, 11, stride=4), nn.ReLU()
        self.conv2, self.relu2 = nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU()
        self.norm1, self.norm2 = nn.LocalResponseNorm(5, 1e-4, 0.75), nn.LocalResponseNorm(5, 1e-4, 0.75)
        self.conv3, self.relu3 = nn.Conv2d(256, 384, 3, padding=1), nn.ReLU()
        self.conv4, self.relu4 = nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU()
        self.conv5, self.relu5 = nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU()
        self.pool1, self.pool2, self.pool5 = nn.MaxPool2d(3, 2), nn.MaxPool2d(3, 2), nn.MaxPool2d(3, 2)
        self.fc6, self.relu6, self.drop6 = nn.Linear(256 * 6 * 6, 4096), nn.ReLU(), nn.Dropout()
        self.fc7, self.relu7, self.drop7 = nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout()
        self.fc8 = nn.Linear(4096, 1000)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 1000) of images (B, 3, 227, 227)."""
        x = self.pool1(self.norm1(self.relu1(self.conv1(images))))
        x = self.pool2(self.norm2(self.relu2(self.conv2(x))))
        x = self.relu4(self.conv4(self.relu3(self.conv3(x))))
        x = self.pool5(self.relu5(self.conv5(x))).flatten(1)
        x = self.drop6(self.relu6(self.fc6(x)))
        logits: torch.Tensor = self.fc8(self.drop7(self.relu7(self.fc7(x))))
        return logits


def alexnet_caffe() -> nn.Module:
    """Caffe's AlexNet with torch's default initial weights."""
    return CaffeAlexNet()
