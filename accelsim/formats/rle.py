"""rle: pairs of a run of zeros and the value that ends it, as in Eyeriss (Chen et al., JSSC 2017, section V-B)."""

from __future__ import annotations

from typing import ClassVar

from .distances import DistanceCoded


class Rle(DistanceCoded):
    """The stream covers every element: zeros at the end are runs too, so that no length has to be known to read it.

    Values keep their own width here, and pairs are not packed into 64-bit words.
    """

    name: ClassVar[str] = "rle"
    closed: ClassVar[bool] = True
