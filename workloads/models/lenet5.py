"""LeNet-5 as Caffe defines it: 20 and 50 filters of 5 x 5, then 500 and 10 units."""

from __future__ import annotations

import torch
from torch import nn


class LeNet5(nn.Module):
    """The network of Caffe's MNIST example, which the pruning papers call LeNet-5.

    Takes (B, 1, 28, 28), returns (B, 10) logits. 430,500 weights (25,500 in the conv layers), 431,080 parameters
    with biases, 2,293,000 MACs an image. Source: LeCun et al., "Gradient-based learning applied to document
    recognition", Proc. IEEE 1998, in the sizes of `caffe/examples/mnist/lenet_train_test.prototxt`, with a ReLU after
    each conv layer too, as usual in the pruning literature.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 5)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(800, 500)
        self.relu3 = nn.ReLU()
        self.fc2 = nn.Linear(500, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 10) of images (B, 1, 28, 28)."""
        x = self.pool1(self.relu1(self.conv1(images)))
        x = self.pool2(self.relu2(self.conv2(x)))
        x = self.relu3(self.fc1(x.flatten(1)))
        logits: torch.Tensor = self.fc2(x)
        return logits


def build() -> nn.Module:
    """A LeNet-5 with torch's default initial weights."""
    return LeNet5()
