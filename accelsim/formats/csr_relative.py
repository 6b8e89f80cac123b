"""csr_relative: nonzeros with the distance from the one before (Deep Compression, Han et al., ICLR 2016, section 2)."""

from __future__ import annotations

from typing import ClassVar

from .distances import DistanceCoded


class CsrRelative(DistanceCoded):
    """Distances run on through the flattened matrix, so there are no row pointers; zeros at the end cost nothing.

    ADMM-NN-S (001, section III-A) charges value and index of every entry, the padding zeros too.
    """

    name: ClassVar[str] = "csr_relative"
    closed: ClassVar[bool] = False
