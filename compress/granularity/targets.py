"""Which layers a pruner takes and how much of each stays, where a setting `keep` says it for all or layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from torch import nn

from accelsim.errors import CompressionError

from ..layers import Weight, require_layers, weights
from .constraints import Constraint, Projectable

Share = int | float  # a count of parts, or a share strictly between 0 and 1
Keep = Share | Mapping[str, Share]  # the same for all layers that fit, or the layers that take part with their own
Fits = Callable[[Weight], bool]
Some = TypeVar("Some", bound=Projectable)


def targets(
    model: nn.Module, kind: Callable[[Share], Constraint], keep: Keep, fits: Fits = lambda layer: True
) -> dict[str, Constraint]:
    """A constraint of this kind for each layer that takes part, by name.

    With one `keep` those are the layers that the method fits; a mapping names them itself. Raises UnknownNameError for
    a layer that is not there, CompressionError where none takes part.
    """
    if isinstance(keep, Mapping):
        require_layers(model, keep)
        return {name: kind(share) for name, share in keep.items()}
    known = weights(model)
    return require_some({name: kind(keep) for name, layer in known.items() if fits(layer)}, known)


def require_some(chosen: dict[str, Some], known: Mapping[str, Weight]) -> dict[str, Some]:
    """CompressionError where the model has nothing for a method."""
    if not chosen:
        raise CompressionError(
            f"the model has no layer that this method can prune; it has {', '.join(known) or 'none'}"
        )
    return chosen
