"""ResNet-50 from torch: its shapes, and its integer weights with the activations of one image."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

import workloads


def measure() -> str:
    """Processor seconds of one thread for each tracer, beside one run of the model, and of the shapes that ship."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, image = workloads.model("resnet50").eval(), torch.randn(1, 3, 224, 224)

    def lowered(tracer: str, values: str | None) -> Callable[[], object]:
        return lambda: workloads.from_torch(model, image, values=values, trace_by=tracer)

    with torch.no_grad():
        run = _processor_seconds(lambda: model(image))
    told = [f"the model itself {run:.2f} s"]
    for tracer in ("torch.export", "hooks"):
        shapes, integers = (_processor_seconds(lowered(tracer, values)) for values in (None, "activations"))
        told.append(f"{tracer} shapes {shapes:.2f} s, integers {integers:.2f} s")
    shipped = _processor_seconds(lambda: workloads.load("resnet50"))
    return f"ResNet-50: {'; '.join(told)}; shipped shapes {1000 * shipped:.0f} ms"


def _processor_seconds(work: Callable[[], object]) -> float:
    """Of the second run: the first loads code."""
    work()
    started = time.process_time()
    work()
    return time.process_time() - started
