"""The zoo: networks by name. A new one is a file here, and one line in `_BUILDERS`.

Where torchvision has the network, its state_dict has torchvision's names and shapes, so that its checkpoints load.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from accelsim.errors import unknown_name

if TYPE_CHECKING:
    from torch import nn

_BUILDERS = {  # name -> the module in this folder and its function that makes the network
    "alexnet": "alexnet.build",
    "alexnet_caffe": "alexnet.alexnet_caffe",
    "densenet121": "densenet.densenet121",
    "efficientnet_lite0": "efficientnet_lite.efficientnet_lite0",
    "googlenet": "googlenet.build",
    "lenet5": "lenet5.build",
    "lenet5_xnor": "lenet5_xnor.build",
    "lstm_lm": "lstm_lm.build",
    "lstm_sentiment": "lstm_sentiment.build",
    "lstm_speaker": "lstm_speaker.build",
    "mobilenet_v1": "mobilenet_v1.build",
    "mobilenet_v2": "mobilenet_v2.build",
    "mobilenet_v2_cifar": "mobilenet_v2.mobilenet_v2_cifar",
    "resnet101": "resnet.resnet101",
    "resnet152": "resnet.resnet152",
    "resnet18": "resnet.resnet18",
    "resnet18_cifar": "resnet.resnet18_cifar",
    "resnet34": "resnet.resnet34",
    "resnet50": "resnet.resnet50",
    "resnet56": "resnet_cifar.resnet56",
    "squeezenet1_0": "squeezenet.squeezenet1_0",
    "transformer_encoder": "transformer_encoder.build",
    "vgg16": "vgg.vgg16",
    "vgg16_bn_cifar": "vgg.vgg16_bn_cifar",
    "vgg19": "vgg.vgg19",
    "vgg19_bn_cifar": "vgg.vgg19_bn_cifar",
}


def list_models() -> list[str]:
    """The names that `model` knows, sorted. Loads no torch."""
    return sorted(_BUILDERS)


def model(name: str) -> nn.Module:
    """A fresh network by its name, with torch's default initial weights (seed torch to fix them).

    Raises UnknownNameError, with the nearest name, where no network has this one.
    """
    if name not in _BUILDERS:
        raise unknown_name("model", name, _BUILDERS)
    file, function = _BUILDERS[name].split(".")
    built: nn.Module = getattr(import_module(f"{__name__}.{file}"), function)()
    return built
