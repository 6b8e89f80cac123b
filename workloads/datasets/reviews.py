"""IMDB's film reviews from their folder, as word ids."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from accelsim.errors import ConfigError, MissingFileError
from accelsim.files import read_text

from .tokens import numbered

if TYPE_CHECKING:
    import torch

TEXT_LIMIT_BYTES = 2**20
SENTIMENTS = ("neg", "pos")
RESERVED = 2  # id 0 pads, id 1 is an unknown word
WORD = re.compile(r"[a-z0-9']+")


@dataclass(frozen=True)
class Reviews:
    """Word ids int64 (B, length), padded in front with 0, and labels int64 (B,): 0 negative, 1 positive."""

    train_ids: torch.Tensor
    train_labels: torch.Tensor
    test_ids: torch.Tensor
    test_labels: torch.Tensor


def imdb(folder: str | Path, vocabulary: int = 5000, *, length: int = 200) -> Reviews:
    """`aclImdb/{train,test}/{neg,pos}/*.txt` of Maas et al., ACL 2011; `folder` is aclImdb or holds it.

    The `vocabulary` − 2 most frequent words of the training texts get ids from 2 on, 1 stands for the others; a text
    is cut after `length` words. 004 (DMP) encodes pieces of words by sentencepiece, with 5,000 of them: here a piece is
    a whole word. Raises MissingFileError or FileFormatError.
    """
    if vocabulary <= RESERVED or length < 1:
        raise ConfigError(f"vocabulary is {vocabulary} and length {length}; more than {RESERVED} and 1 are expected")
    home = Path(folder) / "aclImdb" if (Path(folder) / "aclImdb").is_dir() else Path(folder)
    texts, labels = zip(*(_read(home / part) for part in ("train", "test")), strict=True)
    order = numbered([word for text in texts[0] for word in text])
    known = {word: i + RESERVED for word, i in order.items() if i < vocabulary - RESERVED}
    train, test = (_encoded(part, known, length) for part in texts)
    return Reviews(_tensor(train), _tensor(labels[0]), _tensor(test), _tensor(labels[1]))


def _read(folder: Path) -> tuple[list[list[str]], np.ndarray]:
    """The words of each text, negative ones first, and the labels."""
    texts: list[list[str]] = []
    labels: list[int] = []
    for label, name in enumerate(SENTIMENTS):
        paths = sorted((folder / name).glob("*.txt"))
        if not paths:
            raise MissingFileError(f"folder {str(folder / name)!r} holds no .txt; the folders of aclImdb are expected")
        texts += [WORD.findall(read_text(path, "review", TEXT_LIMIT_BYTES).lower()) for path in paths]
        labels += [label] * len(paths)
    return texts, np.array(labels)


def _encoded(texts: list[list[str]], known: dict[str, int], length: int) -> np.ndarray:
    ids = np.zeros((len(texts), length), np.int64)
    for row, words in zip(ids, texts, strict=True):
        word_ids = [known.get(word, 1) for word in words[:length]]
        row[length - len(word_ids) :] = word_ids
    return ids


def _tensor(values: np.ndarray) -> torch.Tensor:
    import torch

    return torch.from_numpy(values.astype(np.int64))
