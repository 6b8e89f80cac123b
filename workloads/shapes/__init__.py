"""The shapes of the zoo's networks for one input, one JSON file each, so that simulating them needs no torch.

`python -m workloads.shapes` writes them anew from the torch models.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.errors import InternalError

if TYPE_CHECKING:
    import torch

INPUTS: dict[str, tuple[int, ...]] = {  # network -> the shape of one input
    "alexnet": (3, 224, 224),
    "alexnet_caffe": (3, 227, 227),
    "densenet121": (3, 224, 224),
    "efficientnet_lite0": (3, 224, 224),
    "googlenet": (3, 224, 224),
    "lenet5": (1, 28, 28),
    "lenet5_xnor": (1, 28, 28),
    "lstm_lm": (35,),
    "lstm_sentiment": (200,),
    "lstm_speaker": (160, 40),
    "mobilenet_v1": (3, 224, 224),
    "mobilenet_v2": (3, 224, 224),
    "mobilenet_v2_cifar": (3, 32, 32),
    "resnet101": (3, 224, 224),
    "resnet152": (3, 224, 224),
    "resnet18": (3, 224, 224),
    "resnet18_cifar": (3, 32, 32),
    "resnet34": (3, 224, 224),
    "resnet50": (3, 224, 224),
    "resnet56": (3, 32, 32),
    "squeezenet1_0": (3, 224, 224),
    "transformer_encoder": (128,),
    "vgg16": (3, 224, 224),
    "vgg16_bn_cifar": (3, 32, 32),
    "vgg19": (3, 224, 224),
    "vgg19_bn_cifar": (3, 32, 32),
}
WORD_IDS = frozenset({"lstm_lm", "lstm_sentiment", "transformer_encoder"})  # take integers
NOT_LOWERED = {"lstm_speaker": ["linalg_vector_norm at the model"]}
"""What the shapes of a network leave out: the length of 256 numbers, after which they are divided by it."""
FOLDER = Path(__file__).parent


def example(name: str, batch: int = 1) -> torch.Tensor:
    """Inputs of a network, all 0, as many as `batch`."""
    import torch

    return torch.zeros(batch, *INPUTS[name], dtype=torch.long if name in WORD_IDS else torch.float32)


def traced(name: str, trace_by: str | None = None) -> str:
    """The JSON text of a network's shapes, from its model. Nothing is computed: tensors are on torch's meta device."""
    import torch

    from accelsim.trace.serialization import brief

    from ..models import model
    from ..torch.importer import from_torch
    from .entries import operator_entry

    with torch.device("meta"):
        network, inputs = model(name), example(name)
    workload = from_torch(network, inputs, name=name, trace_by=trace_by)
    if workload.provenance["not_lowered"] != NOT_LOWERED.get(name, []):
        raise InternalError(f"network {name!r} holds what is not lowered: {workload.provenance['not_lowered']}")
    plain = [replace(trace, operation="any", pruned=True) for trace in workload]  # the zoo says so of all its layers
    layers = ",\n".join(f" {json.dumps(brief(trace))}" for trace in plain)
    head = f'"network": {json.dumps(name)}, "input": {json.dumps(INPUTS[name])}'
    parts = f'{head}, "layers": [\n{layers}\n]'
    if workload.operators:
        operators = ",\n".join(f" {json.dumps(operator_entry(operator))}" for operator in workload.operators)
        parts += f', "operators": [\n{operators}\n]'
    graph = ",\n".join(f" {json.dumps(reader)}: {json.dumps(sources)}" for reader, sources in workload.graph.items())
    return f'{{{parts}, "graph": {{\n{graph}\n}}}}\n'
