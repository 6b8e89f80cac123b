"""What an operation becomes: a GEMM, or work of the vector unit. Names and order are settled when all are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from accelsim.trace.gemm import GemmTrace
from accelsim.trace.operator import lane_operations

from .calls import Value

if TYPE_CHECKING:
    import torch

Tensors = Callable[[], "torch.Tensor"]


@dataclass(eq=False)
class Gemm:
    """A GEMM before its integers are made: `layer` is its shape under the name that the model gives it.

    `weight` gives real numbers (groups·N, K), `activation` (M, groups·K) or a convolution's ifmap (B, C, H, W); they
    are asked for only where the model runs on real numbers, the activation at once and the weight later, which is
    then a parameter or its view, and `parameter` its dotted name. `of_activations`: the weight operand is an
    activation.
    """

    layer: GemmTrace
    reads: tuple[Value, ...]
    writes: Value
    weight: Tensors | None = None
    activation: Tensors | None = None
    of_activations: bool = False
    fold: bool = False  # whether a batch norm or a bias that follows can become a part of it
    parameter: str = ""
    weight_bits: int | None = None  # of a weight that is integers already, which stay
    activation_bits: int | None = None  # likewise
    unbatched: bool = False  # whether a convolution's output is (filters, ...), without a batch in front

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.name

    def rename(self, name: str) -> None:
        """Give the layer another name."""
        self.layer = replace(self.layer, name=name)

    def takes(self, work: VectorWork) -> bool:
        """Whether an operator on its outputs is part of it: a batch norm of its filters, or their bias."""
        filters = self.layer.groups * self.layer.N
        if work.scale is not None:
            return self.fold and work.parameters == 2 * filters
        return self.fold and work.op == "bias" and work.parameters == filters


@dataclass(eq=False)
class VectorWork:
    """An operator of the vector unit; `fusable` where it may run as the outputs of its one input drain.

    `scale` gives what a batch norm multiplies each channel with, for the weights of the layer it is folded into.
    """

    name: str
    op: str
    reads: tuple[Value, ...]
    writes: Value
    inputs: int
    outputs: int
    work: int
    parameters: int = 0
    repeat: int = 1
    fusable: bool = False
    scale: Tensors | None = field(default=None, repr=False)


Item = Gemm | VectorWork


def elementwise(
    name: str, op: str, reads: tuple[Value, ...], writes: Value, *, window: int = 1, rows: int = 0, parameters: int = 0
) -> VectorWork:
    """An operator whose work is what `accelsim.trace.operator.OPS` says of it, for the elements that it writes."""
    from accelsim.trace.operator import OPS

    work = lane_operations(op, writes.elements, window, rows)
    inputs = sum(value.elements for value in reads)
    fusable = OPS[op].fusable and len(reads) == 1
    return VectorWork(name, op, reads, writes, inputs, writes.elements, work, parameters, fusable=fusable)
