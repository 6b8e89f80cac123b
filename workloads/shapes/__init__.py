"""The shapes of the zoo's networks for one input, one JSON file each, so that simulating them needs no torch.

`python -m workloads.shapes` writes them anew from the torch models.
"""

from __future__ import annotations

import json
from pathlib import Path

INPUTS: dict[str, tuple[int, ...]] = {  # network -> the shape of one input
    "lenet5": (1, 28, 28),
    "lenet5_xnor": (1, 28, 28),
}
FOLDER = Path(__file__).parent


def traced(name: str) -> str:
    """The JSON text of a network's shapes, from its model. Nothing is computed: tensors are on torch's meta device."""
    import torch

    from workloads.models import model
    from workloads.torch_models import from_torch

    with torch.device("meta"):
        workload = from_torch(model(name), torch.empty(1, *INPUTS[name]), name)
    manifest, _ = workload.manifest()
    return json.dumps(manifest, indent=1) + "\n"
