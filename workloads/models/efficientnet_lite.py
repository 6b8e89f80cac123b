"""EfficientNet-Lite0: EfficientNet-B0 without squeeze-and-excitation, with ReLU6 for swish, so that it quantizes."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

STAGES = (  # of inverted residuals: (kernel, filters, blocks, stride of the first)
    (3, 24, 2, 2),
    (5, 40, 2, 2),
    (3, 80, 3, 2),
    (5, 112, 3, 1),
    (5, 192, 4, 2),
    (3, 320, 1, 1),
)
EXPANSION = 6


def _pointwise(inputs: int, filters: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, filters, 1, bias=False)


def _depthwise(channels: int, kernel: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)


class Separable(nn.Module):
    """A 3 x 3 depthwise conv with ReLU6, then a 1 x 1 conv without."""

    def __init__(self, inputs: int, filters: int) -> None:
        super().__init__()
        self.conv_dw, self.bn1, self.relu = _depthwise(inputs, 3, 1), nn.BatchNorm2d(inputs), nn.ReLU6()
        self.conv_pw, self.bn2 = _pointwise(inputs, filters), nn.BatchNorm2d(filters)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, filters, H, W) of (B, inputs, H, W)."""
        out: torch.Tensor = self.bn2(self.conv_pw(self.relu(self.bn1(self.conv_dw(x)))))
        return out


class PadBehind(nn.Module):
    """TensorFlow's padding of a strided layer: as few zeros as ⌈size / stride⌉ pixels need, an odd one behind."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H + zeros, W + zeros) of (B, C, H, W)."""
        totals = [self._zeros(size) for size in reversed(x.shape[2:])]
        return functional.pad(x, [side for total in totals for side in (total // 2, total - total // 2)])

    def _zeros(self, size: int) -> int:
        return max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)


class InvertedResidual(nn.Module):
    """A 1 x 1 conv to `EXPANSION` times the channels, a depthwise conv, and a 1 x 1 conv without ReLU6."""

    def __init__(self, inputs: int, filters: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = EXPANSION * inputs
        self.conv_pw, self.bn1, self.relu1 = _pointwise(inputs, inner), nn.BatchNorm2d(inner), nn.ReLU6()
        self.conv_dw, self.bn2, self.relu2 = _depthwise(inner, kernel, stride), nn.BatchNorm2d(inner), nn.ReLU6()
        self.conv_pwl, self.bn3 = _pointwise(inner, filters), nn.BatchNorm2d(filters)
        self.residual, self.pad = stride == 1 and inputs == filters, nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, filters, H/stride, W/stride) of (B, inputs, H, W)."""
        out = self.relu1(self.bn1(self.conv_pw(x)))
        out = self.relu2(self.bn2(self.conv_dw(self.pad(out))))
        narrow: torch.Tensor = self.bn3(self.conv_pwl(out))
        return x + narrow if self.residual else narrow


class EfficientNetLite0(nn.Module):
    """Takes (B, 3, 224, 224), returns (B, 1000) logits. 4,652,008 parameters, 385,187,552 MACs an image.

    Source: `models/official/efficientnet/lite` of tensorflow/tpu, after Tan and Le, arXiv 1905.11946, table 1.
    torchvision has none; the names in its state_dict and its even padding are those of timm's efficientnet_lite0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem, self.bn1, self.relu1 = nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()
        self.pad = nn.Identity()
        stages = [nn.Sequential(Separable(32, 16))]
        inputs = 16
        for kernel, filters, blocks, stride in STAGES:
            rest = (InvertedResidual(filters, filters, kernel, 1) for _ in range(blocks - 1))
            stages.append(nn.Sequential(InvertedResidual(inputs, filters, kernel, stride), *rest))
            inputs = filters
        self.blocks = nn.Sequential(*stages)
        self.conv_head, self.bn2, self.relu2 = _pointwise(inputs, 1280), nn.BatchNorm2d(1280), nn.ReLU6()
        self.avgpool, self.dropout, self.classifier = nn.AdaptiveAvgPool2d(1), nn.Dropout(0.2), nn.Linear(1280, 1000)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 1000) of images (B, 3, 224, 224)."""
        x = self.blocks(self.relu1(self.bn1(self.conv_stem(self.pad(images)))))
        x = self.relu2(self.bn2(self.conv_head(x)))
        logits: torch.Tensor = self.classifier(self.dropout(self.avgpool(x).flatten(1)))
        return logits


def as_in_tensorflow(model: EfficientNetLite0) -> None:
    """Turn `model`, in place, into what TensorFlow computes: other padding of strided layers, another epsilon.

    Its trained weights need both. Names in the state_dict and the sizes of all layers stay.
    """
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-3
        conv = getattr(module, "conv_stem", getattr(module, "conv_dw", None))
        if conv is not None and conv.stride[0] > 1:
            module.pad, conv.padding = PadBehind(conv.kernel_size[0], conv.stride[0]), (0, 0)


def efficientnet_lite0() -> nn.Module:
    """An EfficientNet-Lite0 with torch's default initial weights."""
    return EfficientNetLite0()
