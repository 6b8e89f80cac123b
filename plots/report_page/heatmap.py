"""A heat map of networks and machines as a table: a cell a run, the best of each network marked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .table import NOTHING
from .text import shown

Pair = tuple[str, str]  # machine, network
STRONGEST = 55  # percent of the accent in the strongest cell: text on it stays readable
BEST = "★"


@dataclass(frozen=True)
class Measure:
    """What a heat map shows: its key, its heading with the unit, the value of a pair, and how it is written.

    Less of it is better.
    """

    key: str
    heading: str
    values: Mapping[Pair, float]
    show: Callable[[float], str]


def heat_map(
    caption: str,
    machines: Sequence[str],
    networks: Sequence[str],
    measures: Sequence[Measure],
    opens: Mapping[Pair, str],
) -> str:
    """A table a measure, of which a choice shows one; the stronger a cell's colour the more, on a logarithmic scale."""
    options = "".join(f'<option value="{shown(m.key)}">{shown(m.heading)}</option>' for m in measures)
    maps = "\n".join(
        f'<div class="scroll" tabindex="0" role="region" aria-label="{shown(f"{caption}: {measure.heading}")}" '
        f'data-measure="{shown(measure.key)}"{" hidden" if number else ""}>'
        f"{_one(caption, machines, networks, measure, opens)}</div>"
        for number, measure in enumerate(measures)
    )
    choice = f'<p class="filter"><label>Show <select class="measure">{options}</select></label></p>'
    return f'<div class="heat">{choice}\n{maps}</div>'


def _one(
    caption: str, machines: Sequence[str], networks: Sequence[str], measure: Measure, opens: Mapping[Pair, str]
) -> str:
    best = {network: _least(measure, machines, network) for network in networks}
    scale = _scale([value for value in measure.values.values() if math.isfinite(value)])
    head = "".join(f'<th scope="col" class="number">{shown(network)}</th>' for network in networks)
    lines = []
    for machine in machines:
        cells = (
            _cell(measure, (machine, network), scale, best[network] == machine, opens.get((machine, network), ""))
            for network in networks
        )
        lines.append(f'<tr><th scope="row">{shown(machine)}</th>{"".join(cells)}</tr>')
    said = f"{caption}: {measure.heading}. The stronger the colour, the more; {BEST} is the least of each network."
    body = "\n".join(lines)
    return (
        f'<table class="map"><caption>{shown(said)}</caption>\n<thead><tr><th scope="col">machine</th>{head}</tr>'
        f"</thead>\n<tbody>\n{body}\n</tbody></table>"
    )


def _least(measure: Measure, machines: Sequence[str], network: str) -> str | None:
    there = [machine for machine in machines if math.isfinite(measure.values.get((machine, network), math.nan))]
    return min(there, key=lambda machine: measure.values[machine, network], default=None)


def _scale(values: Sequence[float]) -> Callable[[float], float]:
    """0 at the least to 1 at the most; by ratio where all are above zero."""
    least, most = min(values, default=0.0), max(values, default=0.0)
    if least == most:
        return lambda value: 0.0
    if least <= 0:
        return lambda value: (value - least) / (most - least)
    return lambda value: math.log(value / least) / math.log(most / least)


def _cell(measure: Measure, pair: Pair, scale: Callable[[float], float], best: bool, opens: str) -> str:
    value = measure.values.get(pair, math.nan)
    if not math.isfinite(value):
        return f'<td class="number">{NOTHING}</td>'
    text = f"{BEST} {measure.show(value)}" if best else measure.show(value)
    inside = f'<button type="button" class="open" data-open="{shown(opens)}">{shown(text)}</button>' if opens else text
    share = f"{STRONGEST * scale(value):.0f}%"
    key = f' data-key="{shown(opens)}"' if opens else ""
    return f'<td class="number{" best" if best else ""}"{key} style="--heat: {share}">{inside}</td>'
