"""Step: what runs at a time."""

from __future__ import annotations

from dataclasses import dataclass

from ..hardware.parts import Buffers
from ..trace.gemm import GemmTrace
from ..trace.operator import OPS, Operator
from .residency import EVERYTHING_CROSSES, Residency
from .tensor_values import TensorValues


@dataclass(frozen=True)
class Step:
    """What runs at a time: a layer or an operator, the operators fused behind it, and what stays on chip meanwhile.

    `buffers` are what is left of the machine's for tiles in flight, None where all is; `warmup_bytes` of its weights
    come with the first inference alone. `output_values` are what it hands on, and `input_values` all tensors that an
    operator reads, where activations are compressed and their integers are known.
    """

    runs: GemmTrace | Operator
    fused: tuple[Operator, ...] = ()
    residency: Residency = EVERYTHING_CROSSES
    buffers: Buffers | None = None
    warmup_bytes: int = 0
    output_values: TensorValues | None = None
    input_values: tuple[TensorValues, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of all that runs."""
        return (self.runs.name, *(operator.name for operator in self.fused))

    @property
    def last(self) -> str:
        """The name of what runs last."""
        return self.names[-1]

    @property
    def is_free(self) -> bool:
        """Whether nothing runs: tensors that lie side by side count as one."""
        return isinstance(self.runs, Operator) and self.runs.is_free

    @property
    def outputs(self) -> int:
        """Activation elements that leave the step."""
        last = self.fused[-1] if self.fused else self.runs
        return last.outputs if isinstance(last, Operator) else last.groups * last.M * last.N

    @property
    def inputs(self) -> int:
        """Activation elements of all tensors that the step reads."""
        runs = self.runs
        if isinstance(runs, Operator):
            return runs.inputs
        if runs.conv is None:
            return runs.groups * runs.M * runs.K + (0 if runs.has_weights else runs.groups * runs.N * runs.K)
        return runs.groups * runs.conv.batch * runs.conv.channels * runs.conv.height * runs.conv.width

    @property
    def between(self) -> int:
        """Activation elements that lie between a layer and operators of the step where tiles cut their windows."""
        if isinstance(self.runs, Operator):
            return 0
        return sum(operator.inputs for operator in self.fused if OPS[operator.op].pooling)

    @property
    def joins(self) -> bool:
        """Whether the step reads several tensors."""
        return OPS[self.runs.op].joins if isinstance(self.runs, Operator) else not self.runs.has_weights
