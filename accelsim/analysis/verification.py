"""What an array computed against the exact integers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import VerificationError


def compare(name: str, kind: str, got: NDArray[np.int64], expected: NDArray[np.int64]) -> None:
    """VerificationError with the first differing output."""
    wrong = np.argwhere(got != expected)
    if len(wrong):
        m, n = (int(i) for i in wrong[0])
        raise VerificationError(
            f"layer {name!r} on {kind}: {len(wrong)} of {got.size} outputs differ from the exact result, "
            f"first at ({m}, {n}): {got[m, n]} instead of {expected[m, n]}"
        )
