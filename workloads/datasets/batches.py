"""Random batches of images with affine augmentation, or of anything else that has labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelsim.errors import ConfigError

if TYPE_CHECKING:
    import torch


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
