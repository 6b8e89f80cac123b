"""IDX files, in which MNIST, Fashion-MNIST and KMNIST come, gzipped or not."""

from __future__ import annotations

import gzip
import io
import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from accelsim.errors import FileFormatError, MissingFileError
from accelsim.files import read_bytes

from .images import Images, tensors

if TYPE_CHECKING:
    import torch

LIMIT_BYTES = 2**30
UNSIGNED_BYTE = 0x08  # the type code of the element that all these data sets use
PARTS = {"train": ("train-images", "train-labels"), "test": ("t10k-images", "t10k-labels")}
ENDINGS = ("-idx{axes}-ubyte", ".idx{axes}-ubyte")


def mnist(folder: str | Path) -> Images:
    """The four files of MNIST (or of a set in its format) in `folder`, each as it is or with `.gz`.

    Images float32 (B, 1, H, W). Raises MissingFileError, naming what is expected, or FileFormatError where a file is
    cut, is no IDX file, or where images and labels differ in number.
    """
    return Images(*_part(Path(folder), "train"), *_part(Path(folder), "test"))


def read_idx(path: str | Path) -> np.ndarray:
    """The unsigned bytes of an IDX file, any number of axes; a `.gz` file is unpacked.

    The format: two zero bytes, a type code, the number of axes, each axis as a big-endian 32-bit integer, the data in C
    order. Source: the description by LeCun, Cortes and Burges on the MNIST page.
    """
    where, content = f"IDX file {str(path)!r}", _unpacked(Path(path))
    if len(content) < 4 or content[:2] != b"\0\0" or content[3] == 0:
        raise FileFormatError(f"{where} begins with {content[:4].hex() or 'nothing'}; 0000, type, axes is expected")
    if content[2] != UNSIGNED_BYTE:
        raise FileFormatError(f"{where} holds elements of type 0x{content[2]:02x}; 0x08, unsigned bytes, is expected")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise FileFormatError(f"{where} ends within its header of {start} bytes")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", content[3], 4))
    expected = start + math.prod(shape)
    if len(content) != expected:
        raise FileFormatError(f"{where} has {len(content)} bytes; its sizes {shape} need {expected}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _unpacked(path: Path) -> bytes:
    content = read_bytes(path, "IDX file", LIMIT_BYTES)
    if path.suffix != ".gz":
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            unpacked = packed.read(LIMIT_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise FileFormatError(f"IDX file {str(path)!r} is no whole gzip file: {error}") from error
    if len(unpacked) > LIMIT_BYTES:
        raise FileFormatError(f"IDX file {str(path)!r} unpacks to more than {LIMIT_BYTES} bytes")
    return unpacked


def _part(folder: Path, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels of "train" or "test" as tensors."""
    files = [_find(folder, stem, axes) for stem, axes in zip(PARTS[part], (3, 1), strict=True)]
    pixels, labels = map(read_idx, files)
    if pixels.ndim != 3 or labels.ndim != 1 or len(pixels) != len(labels):
        raise FileFormatError(
            f"IDX files {str(files[0])!r} and {files[1].name!r} hold shapes {pixels.shape} and {labels.shape}; "
            "(n, height, width) and (n,) are expected"
        )
    return tensors(pixels[:, None], labels)


def _find(folder: Path, stem: str, axes: int) -> Path:
    names = [stem + ending.format(axes=axes) for ending in ENDINGS]
    for name in (*names, *(f"{name}.gz" for name in names)):
        if (folder / name).is_file():
            return folder / name
    raise MissingFileError(f"folder {str(folder)!r} holds no {names[0]!r}, plain or .gz; the MNIST files are expected")
