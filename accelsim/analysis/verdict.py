"""One sentence from the numbers: which compression is smallest, fastest and cheapest at the same accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import TraceError
from ..trace.coverage import not_simulated_line, read_not_simulated

Summary = Mapping[str, Any]
ASSUMED_PPR = (2.7, 3.5)  # 001 §VI: synthesis results of non-structured accelerators


def verdict(
    runs: Sequence[Summary], storage: Sequence[Summary], *, accuracy: Mapping[str, float], tolerance: float = 0.005
) -> str:
    """Winners by storage, by time and by energy among networks within `tolerance` of the first one's accuracy.

    `runs` are `Run.summary()` dicts, `storage` the rows of `storage_rows`; times of machines with different clocks
    compare in seconds, storage in the best format of each network, energies on chip and of DRAM access, with DRAM
    standby beside them. What of a network is not simulated stands behind them. TraceError where no compressed network
    is within the tolerance.
    """
    base, *others = accuracy
    equal = [name for name in others if accuracy[base] - accuracy[name] <= tolerance + 1e-9]
    allowed = [run for run in runs if run["network"] in equal]
    if not allowed:
        raise TraceError(f"no compressed network is within {100 * tolerance:g} points of {base!r}; nothing to compare")
    dense, whole = ([row for row in rows if row["network"] == base] for rows in (runs, storage))
    small = _best([row for row in storage if row["network"] in equal], _bits)
    fast, cheap = _best(allowed, _seconds), _best(allowed, _energy)
    points = f"{100 * accuracy[base]:.2f} %, within {100 * tolerance:g} points"
    left_out = "".join(f" {line}." for line in _left_out(runs))
    return (
        f"At {base} accuracy ({points}): "
        f"smallest is {small['network']} "
        f"({_bits(small) / 8192:.2f} KiB as {small['format']}, {_gain(whole, small, _bits)}), "
        f"fastest is {_place(fast)} ({fast['cycles']:,} cycles, {_gain(dense, fast, _seconds)}), "
        f"least energy is {_place(cheap)} ({_energy(cheap) / 1e6:.2f} µJ on chip and of DRAM access, "
        f"{_gain(dense, cheap, _energy)}; {_with_standby(dense, cheap)}); each against uncompressed at its best."
        f"{left_out}"
    )


def _left_out(runs: Sequence[Summary]) -> list[str]:
    """A line each network that ran without a part of it."""
    lines = []
    for run in runs:
        parts, share = read_not_simulated(run, "run")
        if parts:
            lines.append(f"Of {run['network']}, {not_simulated_line(parts, share)}")
    return list(dict.fromkeys(lines))


def _place(run: Summary) -> str:
    return f"{run['network']} on {run['hardware']}"


def _bits(row: Summary) -> float:
    return float(row["value_bits"] + row["index_bits"])


def _seconds(run: Summary) -> float:
    return float(run["seconds"])


def _energy(run: Summary) -> float:
    return float(run["energy_on_chip_pj"] + run["energy_dram_access_pj"])


def _all_energy(run: Summary) -> float:
    return float(run["energy_pj"])


def _with_standby(dense: Sequence[Summary], run: Summary) -> str:
    """The same run with the DRAM's standby, or that a machine does not say how large it is."""
    if not all(one["energy_dram_standby_pj"] for one in (*dense, run)):
        return "DRAM standby is not counted on every machine"
    return f"with DRAM standby {_all_energy(run) / 1e6:.2f} µJ, {_gain(dense, run, _all_energy)}"


def _best(runs: Sequence[Summary], key: Any) -> Summary:
    """The least by `key`; ties go to the first by network and machine or format."""
    return min(runs, key=lambda run: (key(run), list(run.values())[:2]))


def _gain(dense: Sequence[Summary], run: Summary, key: Any) -> str:
    """Against the best that the uncompressed network reaches."""
    return f"{key(_best(dense, key)) / key(run):.1f}x less" if dense else "no uncompressed run"
