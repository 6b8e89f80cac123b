"""The bundled digits, split by seed."""

from __future__ import annotations

import io
from importlib.resources import files

import numpy as np

from .images import Images, tensors

TRAIN, TEST = 8000, 2000
FAST_TRAIN, FAST_TEST = 3000, 1000


class Digits(Images):
    """Images float32 (B, 1, 28, 28) in [0, 1], background exactly 0, and labels int64 (B,), to train and to test on."""


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
    plane = images[:, None]
    return Digits(*tensors(plane[train], labels[train]), *tensors(plane[test], labels[test]))
