"""What the numbers say: a sentence a design, and from which rates pruning pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from .losses import CAUSES, DENSE, SKIPPED
from .ppr_curves import GAINS, at_rate, break_even, curve, nearest, within
from .ppr_designs import DESIGNS, Design
from .ppr_layers import ACTIVATION_DENSITY

Row = Mapping[str, Any]
NAMED_RATES = (2.0, 10.0, 50.0)
GAP_RATE = 10.0


def layer_set(design: Design) -> str:
    """What a design is judged on: conv layers where it runs them."""
    return "conv" if design.conv else "fc"


def finding(rows: Sequence[Row], design: Design) -> str:
    """Is the assumed PPR supported, at which rates, and why not."""
    points = curve(rows, design.name, layer_set(design))
    values = ", ".join(f"{at_rate(points, rate, 'ppr'):.2f} at {rate:g}x" for rate in _rates(points))
    measured = f"{design.name} ({layer_set(design)} layers, equal MACs): measured PPR {values}{_unpruned(points)}"
    return f"{measured}; {_supported(points, design)}; {_why(points)}{_with_zeros(rows, design)}."


def _unpruned(points: Sequence[Row]) -> str:
    """β of the unpruned layers, and the PPR at the rate nearest to ten with β divided by it where it is far from 1."""
    own, row = points[0].get("beta_unpruned"), nearest(points, GAP_RATE)
    if own is None:
        return ""
    corrected = row["ppr_corrected"]
    more = "" if corrected is None else f"; with β divided by it the PPR is {corrected:.2f} at {row['alpha']:.2g}x"
    return f" (β unpruned {own:.2f}{more})"


def _rates(points: Sequence[Row]) -> list[float]:
    return [rate for rate in NAMED_RATES if isfinite(at_rate(points, rate, "ppr"))]


def _supported(points: Sequence[Row], design: Design) -> str:
    if design.assumed is None:
        return "nobody assumes a value"
    band = f"{design.assumed[0]:g} to {design.assumed[1]:g}"
    inside = within(points, design.assumed)
    pruned = [row for row in points if row["alpha"] > 1.05]
    if inside:
        rates = f"{inside[0]:.2g}x" if inside[0] == inside[1] else f"{inside[0]:.2g}x to {inside[1]:.2g}x"
        return f"the assumed {band} is supported at {rates} only"
    sides = {"below": all(row["ppr"] < design.assumed[0] for row in pruned),
             "above": all(row["ppr"] > design.assumed[1] for row in pruned)}  # fmt: skip
    side = next((name for name, holds in sides.items() if holds), "")
    if not side:
        return f"the assumed {band} is passed between two measured rates and held at none"
    if design.validated is None:
        return f"this model lies {side} the assumed {band} at every rate, but nothing published validates it"
    return f"the assumed {band} is not supported at any rate: it is too {'high' if side == 'below' else 'low'}"


def _why(points: Sequence[Row]) -> str:
    """The two largest parts of the gap at the measured rate nearest to ten."""
    row = nearest(points, GAP_RATE)
    parts = {cause: row[f"gap_{cause.replace(' ', '_')}"] for cause in CAUSES if cause not in {DENSE, SKIPPED}}
    largest = sorted(parts, key=lambda cause: -parts[cause])[:2]
    causes = " and ".join(f"{cause} ({parts[cause]:+.2f})" for cause in largest if parts[cause] > 0.005)
    return (
        f"at {row['alpha']:.2g}x most is lost to {causes}"
        if causes
        else f"at {row['alpha']:.2g}x next to nothing is lost"
    )


def _with_zeros(rows: Sequence[Row], design: Design) -> str:
    if not design.skips_activations:
        return ""
    points = curve(rows, design.name, layer_set(design), activation_density=ACTIVATION_DENSITY)
    value = at_rate(points, GAP_RATE, "ppr")
    saved = "; below 1 is legitimate there" if value < 1 else ""
    sentence = (
        f"; with activations at density {ACTIVATION_DENSITY:g}, whose zeros it also skips, {value:.2f} at {GAP_RATE:g}x"
    )
    return sentence + saved


def break_evens(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The pruning rate from which each design beats the dense array by each of GAINS, equal MACs."""
    entries = []
    for design in DESIGNS:
        points = curve(rows, design.name, layer_set(design))
        rates = {gain: break_even(points, gain) for gain in GAINS}
        entries.append({"design": design.name, "workload": layer_set(design), **rates})
    return entries
