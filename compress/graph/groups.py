"""What goes together: groups of channels that layers share, as a table that a user reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ..layers import other_weights
from .follow import follow
from .masks import plain_names
from .network import Network

_WIDE = 44  # characters of a column of names


@dataclass(frozen=True, eq=False)
class Group:
    """Layers whose channels leave together: `units` of them, of which `fixed` cannot leave.

    `writers` write them, `between` are norms and scales on the way, `readers` read them. `reasons` say why some are
    fixed.
    """

    writers: tuple[str, ...]
    between: tuple[str, ...]
    readers: tuple[str, ...]
    units: int
    fixed: int
    reasons: tuple[str, ...]
    _roots: np.ndarray
    _network: Network

    def __repr__(self) -> str:
        fixed = f", {self.fixed} fixed" if self.fixed else ""
        return (
            f"Group({self.units} units{fixed}; written by {', '.join(self.writers)}; read by {', '.join(self.readers)})"
        )

    @torch.no_grad()
    def clear(self, model: nn.Module, units: Collection[int]) -> None:
        """Set to 0, in place, all weights, biases and norms on these units, by their places from 0 in the group.

        Nothing of them reaches any other: `shrink` removes those that are not fixed.
        """
        chosen = self._roots[sorted(units)]
        parameters = dict(model.named_parameters(remove_duplicate=False))
        for (name, dim), own in self._network.axes.items():
            places = np.flatnonzero(np.isin(self._network.units.roots(own), chosen))
            if len(places) and name in parameters:
                index = torch.from_numpy(places).to(parameters[name].device)
                parameters[name].index_fill_(dim, index, 0)

    @property
    def free(self) -> tuple[int, ...]:
        """The places of the units that can leave."""
        reasons = self._network.units.reasons()
        return tuple(place for place, root in enumerate(self._roots.tolist()) if root not in reasons)


@dataclass(frozen=True)
class Groups:
    """All groups of a network. It prints as a table.

    `fixed` names the layers of whose outputs none can leave, `unfollowed` those that could not be followed, and
    `other_weights` parameters that no method works on; each with the reason.
    """

    groups: tuple[Group, ...]
    fixed: Mapping[str, str]
    unfollowed: Mapping[str, str]
    other_weights: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Group]:
        return iter(self.groups)

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, place: int) -> Group:
        return self.groups[place]

    @property
    def writers(self) -> tuple[str, ...]:
        """The layers of whose outputs some can leave."""
        return tuple(name for group in self.groups for name in group.writers)

    def __repr__(self) -> str:
        rows: list[tuple[str, ...]] = [("units", "fixed", "written by", "through", "read by")]
        for group in self.groups:
            names = (_short(part) for part in (group.writers, group.between, group.readers))
            rows.append((str(group.units), str(group.fixed or ""), *names))
        plural = "" if len(self.groups) == 1 else "s"
        lines = [f"{len(self.groups)} group{plural} of {len(self.writers)} layers", *_aligned(rows)]
        partly = {reason: None for group in self.groups for reason in group.reasons}
        lines += [f"fixed units: {reason}" for reason in partly]
        lines += [f"fixed: {name}: {reason}" for name, reason in self.fixed.items()]
        lines += [f"not followed: {name}: {reason}" for name, reason in self.unfollowed.items()]
        return "\n".join([*lines, *(f"no method works on: {name}" for name in self.other_weights)])


def groups(model: nn.Module, example_input: torch.Tensor | tuple[Any, ...]) -> Groups:
    """Which layers' channels leave together when `model` is pruned and shrunk.

    The model runs once on the example. Additions, concatenations, depthwise and grouped convolutions, shuffles, views,
    attention heads and recurrent units are followed. Raises CompressionError where the model cannot be followed.

    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 2, 1))
    >>> groups(model, torch.zeros(1, 1, 8, 8))
    1 group of 2 layers
    units  fixed  written by  through  read by
        4         0, 2        1        2, 3
    fixed: 3: it is the network's output
    """
    network = follow(model, example_input)
    network.fix_missing(plain_names(model))
    reasons = network.units.reasons()
    result: list[Group] = []
    fixed: dict[str, str] = {}
    for roots in network.members():
        group = _group(network, roots, reasons)
        if group.fixed == group.units:
            fixed |= dict.fromkeys(group.writers, group.reasons[0])
        else:
            result.append(group)
    return Groups(tuple(result), fixed, dict(network.unfollowed), tuple(other_weights(model)))


def _group(network: Network, roots: np.ndarray, reasons: Mapping[int, str]) -> Group:
    def touching(named: Iterator[tuple[str, np.ndarray]]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for name, units in named if np.isin(units, roots).any()))

    why = [reasons[root] for root in roots.tolist() if root in reasons]
    return Group(
        touching(network.writers()), touching(network.between()), touching(network.readers()),
        len(roots), len(why), tuple(dict.fromkeys(why)), roots, network,
    )  # fmt: skip


def _short(names: tuple[str, ...]) -> str:
    """The names that fit, and how many more there are."""
    text = ", ".join(names)
    if len(text) <= _WIDE:
        return text
    left = [name for i, name in enumerate(names) if len(", ".join(names[: i + 1])) <= _WIDE - 8] or [names[0]]
    return f"{', '.join(left)} +{len(names) - len(left)}" if len(left) < len(names) else text


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Columns of equal width, numbers to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.rjust(w) if i < 2 else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    return lines
