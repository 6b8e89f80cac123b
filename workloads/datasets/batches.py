"""Random batches of images that are warped at random, or of anything else that has labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelsim.errors import ConfigError
from accelsim.validation import is_whole

if TYPE_CHECKING:
    import torch

CROP_LIMIT = 1024
GRID_POINTS = 6  # a side: strokes of a digit bend, and do not tear


@dataclass(frozen=True)
class Warp:
    """Random maps of images: how far they may rotate, scale, shear and shift, each drawn uniformly, and be bent.

    `elastic` is the standard deviation of the points of a coarse grid, between which displacements are interpolated:
    Simard et al., ICDAR 2003, give digits smooth random displacements. It and `shift` are shares of half the image's
    size.
    """

    degrees: float = 10.0
    scale: float = 0.1
    shear: float = 0.1
    shift: float = 0.08
    elastic: float = 0.0

    def __post_init__(self) -> None:
        for name in ("degrees", "scale", "shear", "shift", "elastic"):
            if not 0 <= getattr(self, name) <= (180 if name == "degrees" else 0.9):
                raise ConfigError(
                    f"augmentation {name} is {getattr(self, name)}; expected 0 to {180 if name == 'degrees' else 0.9}"
                )

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Each image (B, C, H, W) under a map of its own; what comes from outside is 0."""
        from torch.nn import functional

        grid = functional.affine_grid(self.matrices(len(images), generator), list(images.shape), align_corners=False)
        if self.elastic:
            grid = grid + self.displacements(images.shape, generator)
        return functional.grid_sample(images, grid, align_corners=False)

    def displacements(self, shape: Sequence[int], generator: torch.Generator) -> torch.Tensor:
        """(B, H, W, 2) for images of this shape, in the same coordinates as the maps."""
        import torch
        from torch.nn import functional

        points = self.elastic * torch.randn(shape[0], 2, GRID_POINTS, GRID_POINTS, generator=generator)
        smooth = functional.interpolate(points, size=tuple(shape[2:]), mode="bicubic", align_corners=False)
        return smooth.permute(0, 2, 3, 1)

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
class CropFlip:
    """Images shifted by up to `crop` pixels each way, and mirrored half of the time where `flip`.

    The usual augmentation of CIFAR: zeros around the image, a crop of its size, a horizontal flip (He et al.,
    arXiv 1512.03385, section 4.2: 4 pixels on each side).
    """

    crop: int = 4
    flip: bool = True

    def __post_init__(self) -> None:
        if not is_whole(self.crop, 0, CROP_LIMIT):
            raise ConfigError(f"augmentation crop is {self.crop!r:.60}; an integer from 0 to {CROP_LIMIT} is expected")

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Each image (B, C, H, W) by an offset and a side of its own; what comes from outside is 0."""
        import torch
        from torch.nn import functional

        count, channels, height, width = images.shape
        around = functional.pad(images, (self.crop,) * 4)
        top, left = torch.randint(2 * self.crop + 1, (2, count), generator=generator)
        rows = top[:, None] + torch.arange(height)
        columns = left[:, None] + torch.arange(width)
        if self.flip:
            mirrored = torch.rand(count, generator=generator) < 0.5
            columns = torch.where(mirrored[:, None], columns.flip(1), columns)
        image, channel = torch.arange(count)[:, None, None, None], torch.arange(channels)[:, None, None]
        return around[image, channel, rows[:, None, :, None], columns[:, None, None, :]]


Augment = Callable[["torch.Tensor", "torch.Generator"], "torch.Tensor"]


@dataclass(frozen=True)
class Batches:
    """Shuffled batches of images and labels, new ones each time it is walked, all from one generator.

    `augment` None leaves the images as they are. The last, smaller batch is left out where there are others.
    """

    images: torch.Tensor
    labels: torch.Tensor
    generator: torch.Generator
    size: int = 64
    augment: Augment | None = None

    def __len__(self) -> int:
        return max(1, len(self.labels) // self.size)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        import torch

        order = torch.randperm(len(self.labels), generator=self.generator)
        for at in torch.split(order, self.size)[: len(self)]:
            images = self.images[at]
            yield (images if self.augment is None else self.augment(images, self.generator)), self.labels[at]
