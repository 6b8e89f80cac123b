"""Networks between the stages of a recipe, on disk under a digest of what made them: whole files, no pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from accelsim.files import written_whole

VERSION = 2  # of what a digest stands for: another one where training itself changes
DIGEST_CHARACTERS = 24


@dataclass(frozen=True)
class StepFacts:
    """What is known about a network after a stage.

    accuracy: fraction of the test digits, on integers. conv_rate, whole_rate: weights before by nonzero integers now.
    columns_removed: whole filters and columns leave the saved network. cpu_seconds: of this stage's training alone.
    """

    accuracy: float
    conv_rate: float
    whole_rate: float
    columns_removed: bool
    cpu_seconds: float


State = Mapping[str, torch.Tensor]


def digest(content: Mapping[str, Any]) -> str:
    """A name for everything that decides how a network came about."""
    text = json.dumps({"version": VERSION, **content}, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_CHARACTERS]


class StepStore:
    """A folder of finished steps. What is damaged or cut counts as missing and is made again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.used: set[Path] = set()

    def find(self, key: str) -> tuple[dict[str, torch.Tensor], StepFacts] | None:
        """The network's state and facts, or None where this step has not been finished yet."""
        path = self._path(key)
        with suppress(OSError, SafetensorError, ValueError, TypeError, KeyError), safe_open(path, "pt") as stored:
            facts = json.loads(stored.metadata()["facts"])
            self.used.add(path)
            return {name: stored.get_tensor(name) for name in stored.keys()}, StepFacts(**facts)  # noqa: SIM118  # no mapping
        return None

    def put(self, key: str, state: State, facts: StepFacts) -> None:
        """Write one step, whole or not at all."""
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
        content = save(tensors, metadata={"facts": json.dumps(asdict(facts), allow_nan=False)})
        with written_whole(self._path(key)) as temporary:
            temporary.write_bytes(content)
        self.used.add(self._path(key))

    def clear(self) -> None:
        """Remove the steps that this run has used, and the folder where nothing else is in it."""
        for path in self.used:
            path.unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"
