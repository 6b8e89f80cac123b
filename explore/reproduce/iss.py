"""Table I of 000 (Duke): weights and multiply-adds of a language model whose LSTM layers lost hidden units."""

from __future__ import annotations

from itertools import pairwise

from .cell import Cell, Interval, Printed

VOCABULARY, EMBEDDING = 10_000, 1_500  # METHODS of the study: Penn Treebank, the large model of Zaremba et al., 2014
GATES = 4
PRINTED = {  # units in the (first, second) LSTM layer -> weights, reduction of multiply-adds
    (1500, 1500): ("66.0M", "1.00×"),
    (373, 315): ("21.8M", "7.48×"),
    (381, 535): ("25.2M", "5.01×"),
}


def lstm_matrices(units: tuple[int, ...]) -> list[tuple[int, int]]:
    """(rows, columns) of every GEMM that a word passes: each layer's gates over input and state, then the decoder."""
    inputs = (EMBEDDING, *units)
    layers = [(GATES * now, before + now) for before, now in pairwise(inputs)]
    return [*layers, (VOCABULARY, units[-1])]


def weights(units: tuple[int, ...]) -> int:
    """All weights: the embedding, the GEMMs and a bias for each of their rows."""
    return VOCABULARY * EMBEDDING + sum(rows * (columns + 1) for rows, columns in lstm_matrices(units))


def multiply_adds(units: tuple[int, ...]) -> int:
    """Multiply-adds a word; looking up an embedding takes none."""
    return sum(rows * columns for rows, columns in lstm_matrices(units))


def iss_cells() -> list[Cell]:
    """Weights and reductions of the three networks."""
    dense = multiply_adds(next(iter(PRINTED)))
    cells = []
    for units, (weight_text, reduction_text) in PRINTED.items():
        row = f"hidden units {units}"
        for column, text, value, rule in (
            ("weights", weight_text, float(weights(units)), "embedding + Σ 4h · (x + h + 1) + decoder"),
            ("mult-add reduction", reduction_text, dense / multiply_adds(units), "dense ÷ now, without the embedding"),
        ):
            cells.append(Cell("ISS", row, column, Printed.read(text), Interval(value, value), value, rule))
    return cells
