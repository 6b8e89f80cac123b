"""Any torch model as a workload: run once on an example, each conv and linear layer seen becomes a shape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from accelsim.conv import ConvGeometry
from accelsim.errors import TraceError
from accelsim.trace import GemmTrace
from accelsim.workload import Workload
from workloads.changes import changed

if TYPE_CHECKING:
    import torch
    from torch import nn

NO_GEMM = (  # modules whose parameters scale, shift or look up, and multiply no matrices
    *(f"BatchNorm{n}d" for n in (1, 2, 3)),
    *("SyncBatchNorm", "LayerNorm", "GroupNorm", "RMSNorm", "InstanceNorm1d", "InstanceNorm2d"),
    *("Embedding", "PReLU"),
)


def from_torch(model: nn.Module, example_input: torch.Tensor, name: str | None = None) -> Workload:
    """The shapes of the Conv2d and Linear layers that `example_input` (batch first) reaches, as they run.

    The model runs once, in evaluation mode and without gradients. A layer that runs n times on the same shape counts
    `repeat` n. Raises TraceError where a module with weights is of a kind that cannot be lowered, or none was reached.
    """
    import torch
    from torch import nn

    refuse_unsupported(model)
    seen: list[GemmTrace] = []

    def watch(layer: str, module: nn.Module) -> Any:
        return module.register_forward_hook(lambda _, inputs, __: _count(seen, lowered(layer, module, inputs[0].shape)))

    layers = [(n or "layer", m) for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    hooks = [watch(layer, module) for layer, module in layers]
    training = model.training
    try:
        with torch.no_grad():
            model.eval()(example_input)
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    title = name or type(model).__name__
    if not seen:
        raise TraceError(f"model {title!r} ran no Conv2d and no Linear layer; there is nothing to simulate")
    return Workload(title, seen, {"source": "torch", "model": type(model).__name__, "input": list(example_input.shape)})


def refuse_unsupported(model: nn.Module) -> None:
    """TraceError, naming the module, where one with parameters of its own can neither be lowered nor left out."""
    from torch import nn

    for name, module in model.named_modules():
        own = any(True for _ in module.parameters(recurse=False))
        if own and not isinstance(module, nn.Conv2d | nn.Linear) and type(module).__name__ not in NO_GEMM:
            raise TraceError(
                f"module {name or 'model'!r} ({type(module).__name__}) cannot be lowered to a GEMM; "
                f"Conv2d and Linear can, and {', '.join(NO_GEMM[:5])} and the like are left out"
            )
        if isinstance(module, nn.Conv2d) and module.padding_mode != "zeros":
            raise TraceError(f"module {name!r} pads with {module.padding_mode!r}; only 'zeros' can be lowered")


def lowered(name: str, module: nn.Module, shape: torch.Size) -> GemmTrace:
    """One layer as a shape, for an input of `shape`: (B, C, H, W) of a Conv2d, (..., K) of a Linear."""
    from torch import nn

    if isinstance(module, nn.Linear):
        return GemmTrace(name, M=math.prod(shape[:-1]), N=module.out_features, K=module.in_features)
    assert isinstance(module, nn.Conv2d)
    batch, channels, height, width = (1, *shape)[-4:]
    geometry = ConvGeometry(
        batch,
        channels // module.groups,
        height,
        width,
        _two(module.kernel_size),
        _two(module.stride),
        _padding(name, module),
        _two(module.dilation),
    )
    return GemmTrace(name, N=module.out_channels // module.groups, groups=module.groups, conv=geometry)


def _two(pair: tuple[int, ...]) -> tuple[int, int]:
    return pair[0], pair[1]


def _padding(name: str, module: nn.Conv2d) -> tuple[int, int]:
    """Zeros on each side, (rows, columns); TraceError where "same" would pad unevenly."""
    if not isinstance(module.padding, str):
        return _two(module.padding)
    if module.padding == "valid":
        return 0, 0
    spread = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
    if any(total % 2 for total in spread):
        raise TraceError(
            f"module {name!r}: padding 'same' of a {module.kernel_size} kernel is uneven; give two numbers"
        )
    return spread[0] // 2, spread[1] // 2


def _count(seen: list[GemmTrace], trace: GemmTrace) -> None:
    """Add a run of a layer: to the run before of the same shape, else under a name of its own."""
    runs = [i for i, other in enumerate(seen) if other.name.split("#")[0] == trace.name]
    for i in runs:
        if (seen[i].M, seen[i].conv) == (trace.M, trace.conv):
            seen[i] = changed(seen[i], repeat=seen[i].repeat + 1)
            return
    seen.append(changed(trace, name=f"{trace.name}#{len(runs) + 1}") if runs else trace)
