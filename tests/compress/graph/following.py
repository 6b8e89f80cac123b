"""Small networks by a function, and half of all their channels pruned: what the tests of following share."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import compress


class Net(nn.Module):
    """Modules and parameters by name, and what is done with them."""

    def __init__(self, run: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs: Any) -> Any:
        return self.run(self, *inputs)


def restless(model: nn.Module) -> nn.Module:
    """In evaluation mode, with statistics and shifts of the batch norms that are not trivial."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            for tensor, low, high in ((module.running_mean, -0.1, 0.1), (module.running_var, 0.5, 1.5)):
                nn.init.uniform_(tensor, low, high)
            if module.bias is not None:
                nn.init.uniform_(module.bias, -0.1, 0.1)
    return model.eval()


def halved(model: nn.Module, *inputs: Any) -> nn.Module:
    """The model without every second unit of all groups, after its outputs have been compared with the masked one."""
    restless(model)
    for group in compress.groups(model, inputs):
        group.clear(model, group.free[::2])
    smaller = compress.shrink(model, inputs)
    with torch.no_grad():
        compare(model(*inputs), smaller.eval()(*inputs))
    return smaller


def compare(masked: Any, smaller: Any) -> None:
    for a, b in zip(_all(masked), _all(smaller), strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-5 * float(a.abs().max()))


def _all(outputs: Any) -> list[torch.Tensor]:
    parts = outputs if isinstance(outputs, tuple | list) else [outputs]
    return [part for part in parts if part is not None]


def shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(p.shape) for name, p in model.named_parameters() if p.ndim > 1}
