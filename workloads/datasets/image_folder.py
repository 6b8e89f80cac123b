"""Pictures in one folder a class, as ImageNet comes, read one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from accelsim.errors import ConfigError, FileFormatError, MissingFileError

if TYPE_CHECKING:
    import torch
    from PIL import Image

ENDINGS = {".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".webp"}
PIXEL_LIMIT = 2**27  # of one picture, before anything of it is unpacked
MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # of ImageNet's pixels, as torchvision takes it off
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


class ImageFolder:
    """`folder/CLASS/*.JPEG`: class i is the i-th name of the sorted class folders, as in torchvision's ImageFolder.

    A picture becomes float32 (3, size, size): its shorter side scaled to `resize`, the middle cut out, as fractions
    less `MEAN` over `DEVIATION`, torchvision's preprocessing of its ImageNet models. Pictures are read when asked for.
    Raises MissingFileError where there is no class folder or no picture, and FileFormatError, naming the file, when a
    picture that cannot be read is asked for.
    """

    def __init__(self, folder: str | Path, size: int = 224, *, resize: int = 256) -> None:
        if not 1 <= size <= resize <= 2**14:
            raise ConfigError(f"size is {size} and resize {resize}; 1 <= size <= resize <= {2**14} is expected")
        self.size, self.resize = size, resize
        where = Path(folder)
        if not where.is_dir():
            raise MissingFileError(f"image folder {str(folder)!r} is not there; a folder of class folders is expected")
        self.classes = sorted(entry.name for entry in where.iterdir() if entry.is_dir())
        self.files = [
            (path, label)
            for label, name in enumerate(self.classes)
            for path in sorted((where / name).rglob("*"))
            if path.suffix.lower() in ENDINGS and path.is_file()
        ]
        if not self.files:
            raise MissingFileError(f"image folder {str(folder)!r} holds no CLASS/PICTURE; {_told()} are read")

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """Picture (3, size, size) and its class."""
        import torch

        path, label = self.files[index]
        pixels = np.asarray(self._cut(path), np.float32) / 255
        normed = (pixels - MEAN) / DEVIATION
        return torch.from_numpy(np.ascontiguousarray(normed.transpose(2, 0, 1))), label

    def batches(self, size: int, generator: torch.Generator | None = None) -> Iterator[tuple[torch.Tensor, ...]]:
        """(pictures, labels) of `size` at a time, the last one smaller; shuffled where a generator is given."""
        import torch

        order = torch.arange(len(self)) if generator is None else torch.randperm(len(self), generator=generator)
        for at in torch.split(order, size):
            pictures, labels = zip(*(self[int(i)] for i in at), strict=True)
            yield torch.stack(pictures), torch.tensor(labels)

    def _cut(self, path: Path) -> Image.Image:
        """The middle of the picture, RGB, (size, size)."""
        from PIL import Image

        try:
            with Image.open(path) as picture:
                _require_size(picture, path)
                scale = self.resize / min(picture.size)
                whole = picture.convert("RGB").resize([max(self.resize, round(side * scale)) for side in picture.size])
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            if isinstance(error, FileFormatError):
                raise
            reason = " ".join(str(error).split())[:120]
            raise FileFormatError(f"picture {str(path)!r} cannot be read: {reason}") from error
        left, top = ((side - self.size) // 2 for side in whole.size)
        return whole.crop((left, top, left + self.size, top + self.size))


def _require_size(picture: Image.Image, path: Path) -> None:
    width, height = picture.size
    if not 0 < width * height <= PIXEL_LIMIT:
        raise FileFormatError(f"picture {str(path)!r} has {width}x{height} pixels; at most {PIXEL_LIMIT} are read")


def _told() -> str:
    return ", ".join(sorted(ENDINGS))
