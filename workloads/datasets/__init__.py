"""Data to train and to measure on: the bundled digits and word ids, and loaders for the usual files of a folder.

Bundled: `digits`, `brown`. From a folder that the user names: `mnist`, `cifar10`, `cifar100`, `ImageFolder` (ImageNet),
`penn_treebank`, `imdb`. All names load on first use; torch loads when a tensor is made. Files are read without
executing anything in them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .batches import Batches, CropFlip, Warp
    from .bundled_digits import Digits, digits, read_digits, split
    from .cifar import cifar10, cifar100
    from .idx import mnist, read_idx
    from .image_folder import ImageFolder
    from .images import Images
    from .reviews import Reviews, imdb
    from .tokens import Corpus, TokenBatches, brown, penn_treebank

_HOMES = {  # name -> the module in this folder that defines it
    "Warp": "batches",
    "Batches": "batches",
    "Corpus": "tokens",
    "CropFlip": "batches",
    "Digits": "bundled_digits",
    "ImageFolder": "image_folder",
    "Images": "images",
    "Reviews": "reviews",
    "TokenBatches": "tokens",
    "brown": "tokens",
    "cifar10": "cifar",
    "cifar100": "cifar",
    "digits": "bundled_digits",
    "imdb": "reviews",
    "mnist": "idx",
    "penn_treebank": "tokens",
    "read_digits": "bundled_digits",
    "read_idx": "idx",
    "split": "bundled_digits",
}

__all__ = [
    "Batches",
    "Corpus",
    "CropFlip",
    "Digits",
    "ImageFolder",
    "Images",
    "Reviews",
    "TokenBatches",
    "Warp",
    "brown",
    "cifar10",
    "cifar100",
    "digits",
    "imdb",
    "mnist",
    "penn_treebank",
    "read_digits",
    "read_idx",
    "split",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})
