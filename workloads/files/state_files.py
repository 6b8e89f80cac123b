"""A network's weights from a file as others save them, .pth or .safetensors, read without executing anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import FileFormatError, MissingFileError

from .state_names import plain_state

if TYPE_CHECKING:
    import torch
    from torch import nn

SHOWN = 5  # keys in a message
DROPPED = {"googlenet": ("aux1.", "aux2.")}  # network -> keys of parts that only training uses


def load_state(model: nn.Module, path: str | Path, network: str) -> None:
    """Put the weights of a checkpoint file into a network, names and shapes as in torchvision's files.

    A state within a trainer's checkpoint, the `module.` of data-parallel training, the `_orig_mod.` of compiled models,
    masks of `torch.nn.utils.prune` and weight and spectral norm are seen through (`plain_state`). Raises
    MissingFileError, or FileFormatError where the file holds no weights, or others than the network's: up to five keys
    that are missing, left over or of another shape are named.
    """
    where = f"weights {str(path)[:200]!r}"
    state = plain_state(read_state(path), model.state_dict().keys())
    dropped = DROPPED.get(network, ())
    state = {key: value for key, value in state.items() if not key.startswith(dropped or ("\0",))}
    try:
        outcome = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise FileFormatError(f"{where} do not fit {network}: {_mismatch(model, state, error)}") from error
    missing = [key for key in outcome.missing_keys if not key.endswith("num_batches_tracked")]
    parts = [f"{what} {_some(keys)}" for what, keys in (("lack", missing), ("hold", outcome.unexpected_keys)) if keys]
    if parts:
        raise FileFormatError(f"{where} do not fit {network}: they {' and '.join(parts)}")


def read_state(path: str | Path) -> Mapping[str, Any]:
    """The tensors of a .safetensors file, or of any file that torch.save wrote; nothing in it is executed."""
    import torch

    file, where = Path(path), f"weights {str(path)[:200]!r}"
    try:
        there = file.is_file()
    except (OSError, ValueError):  # a name too long or with a zero byte names nothing
        there = False
    if not there:
        raise MissingFileError(f"{where} is not there; a .pth or .safetensors file is expected")
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: Any = load_file(file)
        else:
            state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and safetensors raise many kinds for what is not theirs
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise FileFormatError(f"{where} cannot be read as a checkpoint of tensors: {reason}") from error
    if not isinstance(state, Mapping):
        raise FileFormatError(f"{where} holds a {type(state).__name__}; tensors by name are expected")
    return state


def _some(keys: list[str]) -> str:
    """The first keys, and how many there are beyond."""
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return ", ".join(key[:80] for key in keys[:SHOWN]) + more


def _mismatch(model: nn.Module, state: Mapping[str, torch.Tensor], error: Exception) -> str:
    """The tensors whose shape is another one than the network's."""
    own = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    wrong = [key for key in own if key in state and tuple(state[key].shape) != own[key]]
    if not wrong:
        return " ".join(str(error).split())[:200]
    first = f"{wrong[0]} is {tuple(state[wrong[0]].shape)}, {own[wrong[0]]} is expected"
    return first if len(wrong) == 1 else f"{first}; also {_some(wrong[1:])}"
