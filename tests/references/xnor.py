"""xnor moved one clock at a time: every PE compares one word of bits a cycle, from the design's words alone."""

from __future__ import annotations

import numpy as np

from tests.references import os as reference_os

Word = tuple[list[bool], list[bool]]  # bits (1 for +1), and which of them are valid


def words(values: list[int], word_bits: int) -> list[Word]:
    """Words of a stream of −1, +1 and, where padded, 0; lanes behind the last value are not valid."""
    full = values + [0] * (-len(values) % word_bits)
    parts = [full[start : start + word_bits] for start in range(0, len(full), word_bits)]
    return [([v > 0 for v in part], [v != 0 for v in part]) for part in parts]


def work(activation: Word, weight: Word) -> int:
    """2 · matches − valid lanes, which the activations' mask tells."""
    matches = sum(a == w and valid for a, w, valid in zip(activation[0], weight[0], activation[1], strict=True))
    return 2 * matches - sum(activation[1])


def run(weight: np.ndarray, activation: np.ndarray, rows: int, cols: int, word_bits: int) -> tuple[int, np.ndarray]:
    """(cycles, O)."""
    pixels = [words([int(v) for v in row], word_bits) for row in activation]
    filters = [words([int(v) for v in row], word_bits) for row in weight]
    return reference_os.layer(pixels, filters, rows, cols, work)
