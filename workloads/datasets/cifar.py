"""CIFAR-10 and CIFAR-100 from their folders, the binary version or the Python one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.errors import FileFormatError, MissingFileError
from accelsim.files import read_bytes

from .images import Images, tensors
from .plain_pickle import read_plain

if TYPE_CHECKING:
    import torch

LIMIT_BYTES = 2**28
PIXELS = (3, 32, 32)
PIXEL_BYTES = 3 * 32 * 32
Arrays = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class _Version:
    """Where the images of one of the data sets stand in its two versions."""

    name: str
    classes: int
    binary: tuple[str, ...]  # the folder, then training files, the test file last
    python: tuple[str, ...]
    label_bytes: int  # before each binary image; the last of them is the class
    label_key: str


_TEN = _Version(
    "CIFAR-10",
    10,
    ("cifar-10-batches-bin", *(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"),
    ("cifar-10-batches-py", *(f"data_batch_{i}" for i in range(1, 6)), "test_batch"),
    1,
    "labels",
)
_HUNDRED = _Version(
    "CIFAR-100",
    100,
    ("cifar-100-binary", "train.bin", "test.bin"),
    ("cifar-100-python", "train", "test"),
    2,
    "fine_labels",
)


def cifar10(folder: str | Path) -> Images:
    """The 10 classes of CIFAR-10: images float32 (B, 3, 32, 32), labels int64 (B,).

    `folder` holds the unpacked `cifar-10-batches-bin` or `cifar-10-batches-py`, or is one of them. Source: Krizhevsky,
    "Learning multiple layers of features from tiny images", 2009, and the description beside the files. Nothing in a
    Python file is executed. Raises MissingFileError or FileFormatError.
    """
    return _load(Path(folder), _TEN)


def cifar100(folder: str | Path) -> Images:
    """The 100 fine classes of CIFAR-100, from `cifar-100-binary` or `cifar-100-python`, as `cifar10` does it."""
    return _load(Path(folder), _HUNDRED)


def _load(folder: Path, version: _Version) -> Images:
    home, names, binary = _home(folder, version)
    parts = [(_read_binary if binary else _read_python)(home / name, version) for name in names]
    return Images(*_joined(parts[:-1]), *_joined(parts[-1:]))


def _joined(parts: list[Arrays]) -> tuple[torch.Tensor, torch.Tensor]:
    return tensors(np.concatenate([p for p, _ in parts]), np.concatenate([labels for _, labels in parts]))


def _home(folder: Path, version: _Version) -> tuple[Path, tuple[str, ...], bool]:
    """The folder with the files, their names, and whether they are binary."""
    for (inner, *names), binary in ((version.binary, True), (version.python, False)):
        for home in (folder / inner, folder):
            if (home / names[0]).is_file():
                return home, tuple(names), binary
    raise MissingFileError(
        f"folder {str(folder)!r} holds no {version.name}; {version.binary[0]!r} or {version.python[0]!r} is expected"
    )


def _read_binary(path: Path, version: _Version) -> Arrays:
    """Records of label bytes and 3,072 pixels."""
    content = np.frombuffer(read_bytes(path, f"{version.name} file", LIMIT_BYTES), np.uint8)
    record = version.label_bytes + PIXEL_BYTES
    if content.size == 0 or content.size % record:
        raise FileFormatError(
            f"{version.name} file {str(path)!r} has {content.size} bytes; records of {record} are expected"
        )
    rows = content.reshape(-1, record)
    return _checked(rows[:, version.label_bytes :], rows[:, version.label_bytes - 1], path, version)


def _read_python(path: Path, version: _Version) -> Arrays:
    """A pickled dict with `data` (n, 3072) of bytes and the labels as a list."""
    where = f"{version.name} file {str(path)!r}"
    content: Any = read_plain(read_bytes(path, f"{version.name} file", LIMIT_BYTES), where)
    if not isinstance(content, dict) or not {"data", version.label_key} <= {_name(key) for key in content}:
        raise FileFormatError(f"{where} holds no dict with 'data' and {version.label_key!r}")
    named = {_name(key): value for key, value in content.items()}
    pixels, labels = named["data"], named[version.label_key]
    whole = isinstance(labels, list) and all(isinstance(label, int) for label in labels)
    if not whole or not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        raise FileFormatError(f"{where}: 'data' is no array of bytes, or {version.label_key!r} no list of integers")
    return _checked(pixels, np.array(labels, np.int64), path, version)


def _name(key: object) -> str:
    return key.decode("latin1") if isinstance(key, bytes) else str(key)


def _checked(pixels: np.ndarray, labels: np.ndarray, path: Path, version: _Version) -> Arrays:
    """Pixels (n, 3, 32, 32) and their labels, or FileFormatError where they do not fit."""
    where = f"{version.name} file {str(path)!r}"
    if pixels.ndim != 2 or pixels.shape[1] != PIXEL_BYTES or len(pixels) != len(labels) or len(labels) == 0:
        raise FileFormatError(
            f"{where} holds images of shape {pixels.shape} and {len(labels)} labels; "
            f"(n, {PIXEL_BYTES}) and n are expected"
        )
    if labels.min() < 0 or labels.max() >= version.classes:
        wrong = labels.max() if labels.max() >= version.classes else labels.min()
        raise FileFormatError(f"{where} holds the label {wrong}; 0 to {version.classes - 1} is expected")
    return pixels.reshape(-1, *PIXELS), labels
