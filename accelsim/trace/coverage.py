"""How much of a network its layers are: what is not simulated, in one line for every output, and its share of MACs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from ..errors import FileFormatError
from ..validation import is_number
from .not_simulated import NotSimulated, not_simulated_from_records, not_simulated_records

COMMENT = "#"  # begins the lines above the columns of a CSV


def not_simulated_share(parts: Sequence[NotSimulated], simulated_macs: int) -> float | None:
    """MACs of `parts` ÷ MACs of the whole network, which has `simulated_macs` beside them; None where a part's own are
    not known, or the network has none.

    >>> not_simulated_share([NotSimulated("fc", "QGemm", 300)], 100)
    0.75
    """
    counts = [part.macs for part in parts]
    known = sum(count for count in counts if count is not None)
    if None in counts or not known + simulated_macs:
        return None
    return known / (known + simulated_macs)


def not_simulated_line(parts: Sequence[NotSimulated], share: float | None) -> str:
    """What every output says where something is left out, on one line; "" where nothing is.

    >>> not_simulated_line([NotSimulated("fc", "QGemm", 300)], 0.75)
    "not simulated: fc (QGemm) = 300 MACs, 75.0 % of the network's"
    >>> not_simulated_line([NotSimulated("fc", "Mystery")], None)
    'not simulated: fc (Mystery), share unknown'
    """
    if not parts:
        return ""
    names = ", ".join(f"{_plain(part.name)} ({_plain(part.operation)})" for part in parts)
    if share is None:
        return f"not simulated: {names}, share unknown"
    return f"not simulated: {names} = {sum(part.macs or 0 for part in parts):,} MACs, {percent(share)} of the network's"


def percent(share: float) -> str:
    """One decimal, and two digits of a share below that, so that little is not written as nothing.

    >>> percent(0.9708), percent(0.00012), percent(0.0)
    ('97.1 %', '0.012 %', '0.0 %')
    """
    return f"{100 * share:.1f} %" if share >= 1e-3 or not share else f"{100 * share:.2g} %"


def _plain(name: str) -> str:
    """A name on one line: a file may call a node anything."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in name).split())


def not_simulated_fields(parts: Sequence[NotSimulated], share: float | None) -> dict[str, Any]:
    """What JSON says: `not_simulated`, a list of records, and `not_simulated_share`; no key where nothing is left out.

    >>> not_simulated_fields([NotSimulated("fc", "Mystery")], None)["not_simulated"]
    [{'name': 'fc', 'operation': 'Mystery', 'macs': None}]
    """
    return {"not_simulated": not_simulated_records(parts), "not_simulated_share": share} if parts else {}


def read_not_simulated(content: Mapping[str, Any], where: str) -> tuple[tuple[NotSimulated, ...], float | None]:
    """What `not_simulated_fields` wrote into a JSON object: the parts and their share. Else FileFormatError.

    >>> read_not_simulated({"cycles": 7}, "the report")
    ((), None)
    """
    parts = not_simulated_from_records(content.get("not_simulated", []), where)
    share = content.get("not_simulated_share")
    if share is not None and not (is_number(share) and 0 <= share <= 1):
        raise FileFormatError(f"{where}: not_simulated_share is {repr(share)[:60]}; a fraction or null is expected")
    return parts, share


def united(*groups: Iterable[NotSimulated]) -> tuple[NotSimulated, ...]:
    """All parts of several networks that are compared, each once: as the first of them has it."""
    parts: dict[tuple[str, str], NotSimulated] = {}
    for part in chain(*groups):
        parts.setdefault((part.name, part.operation), part)
    return tuple(parts.values())


def csv_head(*lines: str) -> str:
    """The lines above a CSV's columns, each behind "# "; none for empty ones.

    >>> csv_head("not simulated: fc (QGemm), share unknown", "")
    '# not simulated: fc (QGemm), share unknown\\n'
    """
    return "".join(f"{COMMENT} {line}\n" for line in lines if line)


def without_head(text: str) -> str:
    """A CSV's text without the lines that `csv_head` put above its columns. Names of layers may hold a "#" as well.

    >>> without_head("# not simulated: fc (QGemm), share unknown\\nname,cycles\\nconv#2,7\\n")
    'name,cycles\\nconv#2,7\\n'
    """
    while text.startswith(COMMENT):
        text = text.partition("\n")[2]
    return text
