"""The bundled digits, split by seed, and random batches of them with affine augmentation."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from accelsim.errors import ConfigError

if TYPE_CHECKING:
    import torch

TRAIN, TEST = 8000, 2000
FAST_TRAIN, FAST_TEST = 3000, 1000


@dataclass(frozen=True)
class Digits:
    """Images float32 (B, 1, 28, 28) in [0, 1], background exactly 0, and labels int64 (B,), to train and to test on."""

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor


def digits(seed: int = 0, fast: bool = False) -> Digits:
    """The bundled digits, shuffled by `seed`: 8,000 to train on, 2,000 to test on; `fast` takes 3,000 and 1,000.

    Source and licence stand in `workloads/data/README.md`. No test digit is ever a training digit of the same seed.
    """
    images, labels = read_digits()
    order = np.random.default_rng(seed).permutation(len(labels))
    train, test = (FAST_TRAIN, FAST_TEST) if fast else (TRAIN, TEST)
    return split(images, labels, order[:train], order[TRAIN : TRAIN + test])


def read_digits() -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (10000, 28, 28) and labels uint8 (10000,), in the file's order. Loads no torch."""
    content = files("workloads").joinpath("data/mnist_10k.npz").read_bytes()
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return stored["images"], stored["labels"]


def split(images: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray) -> Digits:
    """The digits at the positions `train` and `test` as tensors."""
    import torch

    def tensors(at: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        pixels = torch.from_numpy(images[at]).float().div(255).unsqueeze(1)
        return pixels, torch.from_numpy(labels[at].astype(np.int64))

    return Digits(*tensors(train), *tensors(test))


@dataclass(frozen=True)
class Affine:
    """Random affine maps of images: how far they may rotate, scale, shear and shift. Each is drawn uniformly."""

    degrees: float = 10.0
    scale: float = 0.1
    shear: float = 0.1
    shift: float = 0.08  # of half the image's size

    def __post_init__(self) -> None:
        for name in ("degrees", "scale", "shear", "shift"):
            if not 0 <= getattr(self, name) <= (180 if name == "degrees" else 0.9):
                raise ConfigError(
                    f"augmentation {name} is {getattr(self, name)}; expected 0 to {180 if name == 'degrees' else 0.9}"
                )

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Each image (B, C, H, W) under a map of its own; what comes from outside is 0."""
        from torch.nn import functional

        grid = functional.affine_grid(self.matrices(len(images), generator), list(images.shape), align_corners=False)
        return functional.grid_sample(images, grid, align_corners=False)

    def matrices(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """`count` maps (count, 2, 3) from output to input coordinates, as `affine_grid` takes them."""
        import torch

        draw = 2 * torch.rand(count, 6, generator=generator) - 1
        angle = draw[:, 0] * np.deg2rad(self.degrees)
        x_scale, y_scale = 1 + self.scale * draw[:, 1], 1 + self.scale * draw[:, 2]
        shear, shift = self.shear * draw[:, 3], self.shift * draw[:, 4:6]
        cos, sin = angle.cos(), angle.sin()
        first = torch.stack([x_scale * cos, shear - sin, shift[:, 0]], dim=1)
        second = torch.stack([sin, y_scale * cos, shift[:, 1]], dim=1)
        return torch.stack([first, second], dim=1)


@dataclass(frozen=True)
class Batches:
    """Shuffled batches of images and labels, new ones each time it is walked, all from one generator.

    `augment` None leaves the images as they are. The last, smaller batch is left out where there are others.
    """

    images: torch.Tensor
    labels: torch.Tensor
    generator: torch.Generator
    size: int = 64
    augment: Affine | None = None

    def __len__(self) -> int:
        return max(1, len(self.labels) // self.size)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        import torch

        order = torch.randperm(len(self.labels), generator=self.generator)
        for at in torch.split(order, self.size)[: len(self)]:
            images = self.images[at]
            yield (images if self.augment is None else self.augment(images, self.generator)), self.labels[at]
