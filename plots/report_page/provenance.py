"""Where a page's numbers come from: command, versions, seeds, and each machine with its figures and limits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from accelsim.errors import AccelSimError
from accelsim.technology.settings import figures_line

from .html import Part
from .table import Column, key, table, told
from .text import shown

MACHINES = (
    Column("machine", key("name")),
    Column("what it is", key("description")),
    Column("array", key("array")),
    Column("clock\nMHz", key("clock_mhz"), "{:g}".format),
    Column("DRAM", key("dram")),
    Column("energy and area figures", key("figures")),
    Column("validated", key("validated")),
    Column("source", key("source")),
)
NOT_VALIDATED = "its file states no validation"


def provenance_part(
    facts: Mapping[str, Any], machines: Sequence[Mapping[str, Any]] = (), notes: Sequence[str] = ()
) -> Part:
    """`notes` as sentences, plain facts as a list, machines as a table with their configurations folded away.

    `facts` may hold mappings and lists, which stand below under their names.
    """
    plain = {name: value for name, value in facts.items() if not isinstance(value, Mapping | list)}
    parts = [f"<p>{shown(note)}</p>" for note in notes]
    if plain:
        terms = "".join(f"<dt>{shown(name)}</dt><dd><code>{shown(value)}</code></dd>" for name, value in plain.items())
        parts.append(f"<dl>{terms}</dl>")
    if machines:
        parts.append(f"<h3>machines</h3>\n{machines_table(machines)}")
    parts += [
        f"<h3>{shown(name)}</h3>\n{_nested(value)}" for name, value in facts.items() if name not in plain and value
    ]
    return Part("provenance", "Provenance", "\n".join(parts))


def machines_table(machines: Sequence[Mapping[str, Any]]) -> str:
    """Each machine in a row, with its whole configuration folded away below."""
    rows = [machine_row(machine) for machine in machines]
    folded = "\n".join(_folded(machine.get("name", "machine"), machine) for machine in machines)
    return f"{table('Machines', told(MACHINES, rows), rows)}\n{folded}"


def machine_row(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """What a reader should know of a machine, from its configuration."""
    array, dram = configuration.get("array"), configuration.get("dram")
    return {
        **{name: configuration.get(name) for name in ("name", "description", "clock_mhz", "source")},
        "array": _in_words(array, "kind"),
        "dram": _in_words(dram, "model"),
        "figures": _figures(configuration),
        "validated": _validated(configuration.get("validated")),
    }


def _in_words(part: object, first: str) -> str | None:
    """`bank, device ddr4-2400`: what a part is, then its settings."""
    if not isinstance(part, Mapping):
        return None
    others = (f"{name} {value}" for name, value in part.items() if name != first and value not in (None, False))
    return ", ".join([str(part.get(first, "")), *others])


def _figures(configuration: Mapping[str, Any]) -> str | None:
    try:
        return figures_line(float(configuration["technology_nm"]), configuration.get("energy"))
    except (AccelSimError, KeyError, TypeError, ValueError, AttributeError):  # of a file that somebody changed
        return None


def _validated(facts: object) -> str:
    if not isinstance(facts, Mapping):
        return NOT_VALIDATED
    gaps = f"; gaps: {facts['gaps']}" if facts.get("gaps") else ""
    return f"against {facts.get('against')} on {facts.get('range')}: {facts.get('error')}{gaps}"


def _nested(value: Any) -> str:
    """A mapping of plain values as a table, one of others folded away, anything else as JSON."""
    if not isinstance(value, Mapping):
        return _text(value)
    if all(isinstance(entry, Mapping) for entry in value.values()):
        return "\n".join(_folded(name, entry) for name, entry in value.items())
    if any(isinstance(entry, Mapping | list) for entry in value.values()):
        return _folded("as JSON", value)
    rows = (f'<tr><th scope="row">{shown(name)}</th><td>{shown(entry)}</td></tr>' for name, entry in value.items())
    return f'<div class="scroll"><table>{"".join(rows)}</table></div>'


def _folded(name: object, value: object) -> str:
    return f"<details><summary>{shown(name)}</summary>{_text(value)}</details>"


def _text(value: Any) -> str:
    return f"<pre>{shown(json.dumps(value, indent=1, ensure_ascii=False))}</pre>"
