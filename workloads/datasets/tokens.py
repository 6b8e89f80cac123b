"""Running text as word ids: the bundled Brown ids, the Penn Treebank's files, and windows of them for training."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from accelsim.errors import ConfigError, FileFormatError
from accelsim.files import read_text

if TYPE_CHECKING:
    import torch

BLOCKS = 100  # that the Brown corpus is cut into; of each 20, one to validate and one to test on
TEXT_LIMIT_BYTES = 2**28
END_OF_SENTENCE = "<eos>"
UNKNOWN = "<unk>"


@dataclass(frozen=True)
class Corpus:
    """Word ids int64 (n,) from 0 to vocabulary − 1, to train, to validate and to test on."""

    train: torch.Tensor
    valid: torch.Tensor
    test: torch.Tensor
    vocabulary: int


def brown(vocabulary: int = 10_000) -> Corpus:
    """The bundled Brown corpus: 1,218,532 words, id 0 for unknown ones, the others by falling frequency.

    The corpus runs through its genres, so it is cut into 100 blocks, of which 5 validate and 5 test. A smaller
    `vocabulary` turns all rarer words into id 0. Source and licence stand in `workloads/data/README.md`.
    """
    ids = read_brown()
    if not 2 <= vocabulary <= 10_000:
        raise ConfigError(f"vocabulary is {vocabulary}; 2 to 10000 is expected")
    known = np.where(ids < vocabulary, ids, 0).astype(np.int64)
    blocks = np.array_split(known, BLOCKS)
    train, valid, test = (
        _tensor(np.concatenate([block for i, block in enumerate(blocks) if _part(i) == part]))
        for part in ("train", "valid", "test")
    )
    return Corpus(train, valid, test, vocabulary)


def _part(block: int) -> str:
    return {9: "valid", 19: "test"}.get(block % 20, "train")


def read_brown() -> np.ndarray:
    """The ids uint16 (1218532,), in the corpus's order. Loads no torch."""
    content = files("workloads").joinpath("data/brown_10k_ids.npz").read_bytes()
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return np.asarray(stored["ids"])


def penn_treebank(folder: str | Path) -> Corpus:
    """`ptb.train.txt`, `ptb.valid.txt` and `ptb.test.txt` as Mikolov prepared them, one sentence a line.

    Each line ends with one more word, `<eos>`. The words of the training text are numbered by falling frequency; a word
    that only the other texts hold becomes `<unk>`, and FileFormatError says so where the training text has no `<unk>`.
    Raises MissingFileError or FileFormatError.
    """
    texts = [_words(Path(folder) / f"ptb.{part}.txt") for part in ("train", "valid", "test")]
    number = numbered(texts[0])
    parts = [np.array([number.get(word, number.get(UNKNOWN, -1)) for word in text]) for text in texts]
    for part, text in zip(parts, texts, strict=True):
        if part.min() < 0:
            raise FileFormatError(
                f"folder {str(folder)!r}: the word {text[int(part.argmin())]!r:.60} is not in ptb.train.txt, "
                f"which has no {UNKNOWN!r} to stand for it"
            )
    train, valid, test = map(_tensor, parts)
    return Corpus(train, valid, test, len(number))


def numbered(words: list[str]) -> dict[str, int]:
    """Each word's number, by falling frequency, then by the alphabet."""
    count = Counter(words)
    return {word: i for i, word in enumerate(sorted(count, key=lambda word: (-count[word], word)))}


def _words(path: Path) -> list[str]:
    lines = [line.split() for line in read_text(path, "Penn Treebank file", TEXT_LIMIT_BYTES).splitlines()]
    words = [word for line in lines for word in (*line, END_OF_SENTENCE)]
    if len(words) == len(lines):
        raise FileFormatError(f"Penn Treebank file {str(path)!r} holds no words; one sentence a line is expected")
    return words


def _tensor(ids: np.ndarray) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(ids, np.int64))


@dataclass(frozen=True)
class TokenBatches:
    """Windows of running text: ids (streams, steps), and as targets the words that follow each of them.

    The text is cut into `streams` equal parts that run side by side, as usual for language models; what is left over at
    the end is left out. A generator moves the windows' start within the first one, anew each time it is walked.
    Raises ConfigError where the text is too short for one window.
    """

    tokens: torch.Tensor
    streams: int = 20
    steps: int = 35
    generator: torch.Generator | None = None

    def __post_init__(self) -> None:
        if self.streams < 1 or self.steps < 1 or len(self) < 1:
            windows = 1 if self.generator is None else 2
            raise ConfigError(
                f"{len(self.tokens)} words give no window of {self.streams} streams and {self.steps} steps; "
                f"at least {max(1, self.streams) * (windows * max(1, self.steps) + 1)} are expected"
            )

    def __len__(self) -> int:
        return (len(self.tokens) // self.streams - 1) // self.steps - (self.generator is not None)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        import torch

        columns = len(self.tokens) // self.streams
        streams = self.tokens[: columns * self.streams].view(self.streams, columns)
        shift = 0 if self.generator is None else int(torch.randint(self.steps, (1,), generator=self.generator))
        for start in range(shift, shift + len(self) * self.steps, self.steps):
            yield streams[:, start : start + self.steps], streams[:, start + 1 : start + self.steps + 1]
