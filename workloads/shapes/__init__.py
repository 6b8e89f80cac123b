"""The shapes of the zoo's networks for one input, one JSON file each, so that simulating them needs no torch.

`python -m workloads.shapes` writes them anew from the torch models.
"""

from __future__ import annotations

import json
from pathlib import Path

INPUTS: dict[str, tuple[int, ...]] = {  # network -> the shape of one input
    "alexnet": (3, 224, 224),
    "densenet121": (3, 224, 224),
    "efficientnet_lite0": (3, 224, 224),
    "googlenet": (3, 224, 224),
    "lenet5": (1, 28, 28),
    "lenet5_xnor": (1, 28, 28),
    "mobilenet_v1": (3, 224, 224),
    "mobilenet_v2": (3, 224, 224),
    "resnet18": (3, 224, 224),
    "resnet34": (3, 224, 224),
    "resnet50": (3, 224, 224),
    "resnet56": (3, 32, 32),
    "squeezenet1_0": (3, 224, 224),
    "vgg16": (3, 224, 224),
    "vgg19": (3, 224, 224),
}
FOLDER = Path(__file__).parent


def traced(name: str) -> str:
    """The JSON text of a network's shapes, from its model. Nothing is computed: tensors are on torch's meta device."""
    import torch

    from workloads.models import model
    from workloads.shapes.entries import entry
    from workloads.torch_models import from_torch

    with torch.device("meta"):
        workload = from_torch(model(name), torch.empty(1, *INPUTS[name]), name)
    layers = ",\n".join(f" {json.dumps(entry(trace))}" for trace in workload)
    return f'{{"network": {json.dumps(name)}, "input": {json.dumps(INPUTS[name])}, "layers": [\n{layers}\n]}}\n'
