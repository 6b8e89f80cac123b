"""bitserial moved one clock at a time: every PE takes one word of one pair of bit planes a cycle.

From the design's words: planes of two's complement whose top one subtracts; a 1-bit operand is −1 or +1, its padding 0;
filters widest first; a fold of `cols` filters at the bits of its widest; planes that are zero in all of them left out.
"""

from __future__ import annotations

import numpy as np

from tests.references import os as reference_os

Plane = tuple[int, list[int]]  # the plane's weight, and a value a lane


def planes(value: int, bits: int) -> list[int]:
    """A lane's digit of every plane: 0 or 1, and of a 1-bit operand the value itself."""
    return [value] if bits == 1 else [value >> place & 1 for place in range(bits)]


def significance(place: int, bits: int) -> int:
    """What a digit of that plane stands for."""
    return -(2**place) if place == bits - 1 and bits > 1 else 2**place


def stream(values: list[int], bits: int, word_bits: int) -> list[list[Plane]]:
    """Word by word, the planes of a row; lanes behind the last value hold 0."""
    full = values + [0] * (-len(values) % word_bits)
    words = []
    for start in range(0, len(full), word_bits):
        digits = [planes(v, bits) if v or bits > 1 else [0] for v in full[start : start + word_bits]]
        words.append([(significance(p, bits), [lane[p] for lane in digits]) for p in range(bits)])
    return words


def passes(row: list[list[Plane]], kept: list[int], others: int, outer: bool) -> list[Plane]:
    """A stream's order: in every word each kept weight plane with each activation plane."""
    if outer:
        return [word[place] for word in row for place in kept for _ in range(others)]
    return [word[place] for word in row for _ in range(others) for place in kept]


def work(activation: Plane, weight: Plane) -> int:
    """A pass of one word."""
    count = sum(a * w for a, w in zip(activation[1], weight[1], strict=True))
    return activation[0] * weight[0] * count


def kept_planes(filters: list[list[int]], bits: int, skip: bool) -> list[int]:
    """Planes of a fold that run; one does in any case."""
    used = [p for p in range(bits) if bits == 1 or any(planes(v, bits)[p] for row in filters for v in row)]
    return (used or [0]) if skip else list(range(bits))


def run(
    weight: np.ndarray,
    activation: np.ndarray,
    machine: tuple[int, int, int],
    widths: tuple[list[int], int],
    skip: bool = False,
) -> tuple[int, np.ndarray]:
    """(cycles, O) on a machine of (rows, cols, word_bits); `widths` are the bits of each filter and of activations."""
    rows, cols, word_bits = machine
    filter_bits, activation_bits = widths
    order = sorted(range(len(weight)), key=lambda n: -filter_bits[n])
    pixels = [stream([int(v) for v in row], activation_bits, word_bits) for row in activation]
    output = np.zeros((len(activation), len(weight)), np.int64)
    cycles = 0
    for start in range(0, len(order), cols):
        fold = order[start : start + cols]
        bits = filter_bits[fold[0]]
        filters = [[int(v) for v in weight[n]] for n in fold]
        kept = kept_planes(filters, bits, skip)
        left = [passes(row, list(range(activation_bits)), len(kept), outer=False) for row in pixels]
        top = [passes(stream(row, bits, word_bits), kept, activation_bits, outer=True) for row in filters]
        taken, psums = reference_os.layer(left, top, rows, cols, work)
        output[:, fold] = psums
        cycles += taken
    return cycles, output
