"""N:M structured sparsity: at most n nonzero weights in every m along K."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import ConfigError, TraceError
from ...trace.operand import Ints


@dataclass(frozen=True)
class NM:
    """n of m; n = m is dense and needs no index."""

    n: int
    m: int

    @classmethod
    def parse(cls, text: str) -> NM:
        """From "n:m" with 1 <= n <= m <= 1024; ConfigError otherwise."""
        n, _, m = text.partition(":")
        if not (n.isdecimal() and m.isdecimal() and 1 <= int(n) <= int(m) <= 1024):
            raise ConfigError(f"nm is {text!r}; n:m with 1 <= n <= m <= 1024 is expected, as in '2:4'")
        return cls(int(n), int(m))

    @property
    def index_bits(self) -> int:
        """Bits that place the nonzeros of one group: n·⌈log2 m⌉, none where n = m."""
        return 0 if self.n == self.m else self.n * (self.m - 1).bit_length()

    def multiplexer_gates(self, activation_bits: int) -> int:
        """2:1 multiplexers of one bit that choose one of m activations; none where the weights are dense."""
        return 0 if self.n == self.m else (self.m - 1) * activation_bits


def compressed_length(k: int, nm: NM) -> int:
    """K' = ⌊K/m⌋·n + min(n, K mod m)."""
    return k // nm.m * nm.n + min(nm.n, k % nm.m)


def check_pattern(weight: Ints, nm: NM, name: str) -> None:
    """TraceError with row and group where a row of `weight` (N, K) holds more than n nonzeros in a group of m."""
    rows, k = weight.shape
    padded = np.zeros((rows, -(-k // nm.m) * nm.m), bool)
    padded[:, :k] = weight != 0
    filled = padded.reshape(rows, -1, nm.m).sum(axis=2)
    wrong = np.argwhere(filled > nm.n)
    if len(wrong):
        row, group = (int(i) for i in wrong[0])
        raise TraceError(
            f"weight of {name!r} row {row} group {group} has {filled[row, group]} nonzeros; "
            f"{nm.n} in every {nm.m} are allowed"
        )
