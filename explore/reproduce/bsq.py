"""Table II of 000 (Duke): BSQ's compression is 32 over the bits a parameter."""

from __future__ import annotations

from .cell import Cell, Interval, Printed

FLOAT_BITS = 32
PRINTED = {  # regularization strength -> bits a parameter, compression
    "3e-3": ("3.02", "10.60×"),
    "5e-3": ("2.25", "14.24×"),
    "7e-3": ("1.66", "19.24×"),
    "1e-2": ("1.37", "23.44×"),
    "2e-2": ("0.87", "36.63×"),
}


def bsq_cells() -> list[Cell]:
    """Compression of the five rows."""
    cells = []
    for strength, (bits_text, text) in PRINTED.items():
        bits = Printed.read(bits_text)
        ours = Interval(FLOAT_BITS, FLOAT_BITS) / bits.interval
        row = f"strength {strength}, {bits_text} bits"
        cells.append(
            Cell("BSQ", row, "compression", Printed.read(text), ours, FLOAT_BITS / bits.value, "32 / bits a parameter")
        )
    return cells
