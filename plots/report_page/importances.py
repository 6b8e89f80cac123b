"""What decides the objectives of a search: the share of each swept field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .columns import percent
from .html import Part
from .table import Column, key, table

CAPTION = "Share of each field in reaching the best tenth of an objective (PED-ANOVA), among the points of the search"


def importances_part(shares: Any) -> Part:
    """A row a field, a column an objective; empty where there are none, as on a sweep's page."""
    if not isinstance(shares, Mapping) or not shares:
        return Part("importances", "What decides", "")
    fields = dict.fromkeys(field for of_field in shares.values() for field in of_field)
    rows = [{"field": name, **{one: of_field.get(name) for one, of_field in shares.items()}} for name in fields]
    columns = [Column("field", key("field")), *(Column(one.replace("_", " "), key(one), percent) for one in shares)]
    return Part("importances", "What decides", table(CAPTION, columns, rows))
