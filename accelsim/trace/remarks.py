"""What a reader of a network's numbers should know of where they come from, in lines for every output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def remarks_on(provenance: Mapping[str, Any]) -> tuple[str, ...]:
    """A line each on work of the network without a lowering, on what of a file was not read, on what is assumed about
    sizes and numbers, and on operators that their vendor defines, not ONNX; often none.

    >>> remarks_on({"not_lowered": ["CumSum at head"], "assumed": {"activation_density": 0.5}})
    ('not simulated: CumSum at head', 'assumed: activation_density 0.5')
    >>> remarks_on({"operators_of_vendors": {"com.microsoft::QGemm": 2}})
    ('operators as their vendor defines them: com.microsoft::QGemm (2)',)
    """
    lists = (("not simulated", "not_lowered"), ("columns not read", "columns_not_read"))
    lines = [f"{head}: {', '.join(map(str, provenance[key]))}" for head, key in lists if provenance.get(key)]
    pairs = (("assumed", "assumed"), ("open sizes that were not given, assumed", "assumed_sizes"))
    for head, key in pairs:
        if isinstance(provenance.get(key), Mapping) and provenance[key]:
            lines.append(f"{head}: {', '.join(f'{what} {value}' for what, value in provenance[key].items())}")
    vendors = provenance.get("operators_of_vendors")
    if isinstance(vendors, Mapping) and vendors:
        counts = ", ".join(f"{name} ({count})" for name, count in vendors.items())
        lines.append(f"operators as their vendor defines them: {counts}")
    return tuple(lines)
