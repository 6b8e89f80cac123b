"""Quantities as people read them, in the same units everywhere: KiB and MiB, pJ to J, ns to s, cycles with separators.

Sizes are in powers of 1024. Bandwidths are in GB/s, 10⁹ bytes a second, as data sheets of DRAM state them.
"""

from __future__ import annotations

_ENERGIES = ((1e12, "J"), (1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ"))
_SIZES = ((30, "GiB"), (20, "MiB"), (10, "KiB"))


def energy(pj: float) -> str:
    """Picojoules in the unit that keeps one to three digits before the point.

    >>> energy(75_440_450), energy(0.25)
    ('75.4 µJ', '0.25 pJ')
    """
    for factor, unit in _ENERGIES:
        if pj >= factor:
            return f"{pj / factor:.3g} {unit}"
    return f"{pj:.3g} pJ"


def size(count: float) -> str:
    """Bytes in the largest binary unit that keeps the number above 1.

    >>> size(444_678), size(12)
    ('434.3 KiB', '12 B')
    """
    for power, unit in _SIZES:
        if count >= 2**power:
            return f"{count / 2**power:.1f} {unit}"
    return f"{count:g} B"


def time(seconds: float) -> str:
    """Seconds in the unit that keeps one to three digits before the point.

    >>> time(3.97e-05), time(2)
    ('39.7 µs', '2 s')
    """
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
