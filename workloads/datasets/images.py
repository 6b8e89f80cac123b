"""Images with labels to train and to test on, and the bytes of a file as such tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Images:
    """Images float32 (B, C, H, W) in [0, 1] and labels int64 (B,), to train and to test on."""

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor


def tensors(pixels: np.ndarray, labels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels uint8 (B, C, H, W) as fractions, and labels as int64."""
    import torch

    return torch.from_numpy(pixels.astype(np.float32)).div_(255), torch.from_numpy(labels.astype(np.int64))
