"""torch's losses by name, as recipes ask for them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from accelsim.errors import CompressionError, unknown_name

from .fit import Criterion

OF_CLASSES = {"CrossEntropyLoss", "NLLLoss", "MultiMarginLoss"}  # targets are the numbers of classes
OF_LOG_PROBABILITIES = {"NLLLoss", "KLDivLoss"}
OF_SIGNS = {"SoftMarginLoss", "HingeEmbeddingLoss"}  # targets are −1 and +1
_TENSORS = ("weight", "pos_weight")


def losses() -> list[str]:
    """The names of torch's losses of outputs and targets alone, `torch.nn.CrossEntropyLoss` and the like."""
    return sorted(name for name in dir(nn) if name.endswith("Loss") and _takes_two(getattr(nn, name)))


def criterion(name: str, settings: Mapping[str, Any] | None = None) -> Criterion:
    """The loss of this name in `torch.nn`, or `torch.nn.functional`, made with `settings`.

    Targets are classes (B,), or (B, T) for outputs (B, T, classes). Losses of classes see them as they are, the others
    as 1 for the right class and 0, or −1, for all others. What takes logarithms of probabilities gets the outputs'
    log-softmax, which leaves such logarithms as they are. Raises UnknownNameError with the nearest name, and
    CompressionError for settings that the loss does not take.

    >>> loss = criterion("cross_entropy", {"label_smoothing": 0.1})
    >>> bool(loss(torch.zeros(2, 10), torch.tensor([1, 2])) > 0)
    True
    >>> round(float(criterion("MSELoss")(torch.eye(3), torch.arange(3))), 3)
    0.0
    """
    known = losses()
    made_from = name if name in known else _class_of(name, known)
    if made_from is None:
        raise unknown_name("criterion", name, [*known, *(n for n in dir(functional) if _class_of(n, known))])
    given = {key: torch.tensor(value) if key in _TENSORS else value for key, value in (settings or {}).items()}
    try:
        loss: nn.Module = getattr(nn, made_from)(**given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CompressionError(f"criterion {name!r} cannot take {dict(settings or {})!r:.200}: {error}") from error

    def compute(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        flat = outputs.reshape(-1, outputs.shape[-1])
        flat = flat.log_softmax(1) if made_from in OF_LOG_PROBABILITIES else flat
        result: torch.Tensor = loss.to(outputs.device)(flat, _targets(made_from, flat, targets.reshape(-1)))
        return result

    return compute


def _takes_two(loss: Any) -> bool:
    """Whether a loss is one of outputs and targets, with no parameters of its own."""
    taken = [name for name, p in inspect.signature(loss.forward).parameters.items() if p.default is p.empty]
    needed = [p for p in inspect.signature(loss.__init__).parameters.values() if p.default is p.empty]
    plain = all(p.name == "self" or p.kind in {p.VAR_KEYWORD, p.VAR_POSITIONAL} for p in needed)
    return plain and len(taken) == 3 and loss.__name__ != "MultiLabelMarginLoss"  # whose targets are lists of classes


def _class_of(name: str, known: list[str]) -> str | None:
    """The class behind a functional name: cross_entropy, mse_loss, l1_loss ..."""
    if not hasattr(functional, name):
        return None
    wanted = name.removesuffix("_loss").replace("_", "").replace("binarycrossentropy", "bce")
    return next((loss for loss in known if loss.removesuffix("Loss").lower() == wanted.lower()), None)


def _targets(name: str, outputs: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """What the loss compares outputs (n, classes) with."""
    if name in OF_CLASSES:
        return classes
    right = functional.one_hot(classes, outputs.shape[-1]).to(outputs.dtype)
    return 2 * right - 1 if name in OF_SIGNS else right
