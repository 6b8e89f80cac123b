"""Operator: work of a network that is no GEMM, as the vector unit sees it; OPS says what each kind costs an element."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..errors import FileFormatError, TraceError, suggestion
from ..validation import is_integer
from .shape import SIZE_LIMIT


@dataclass(frozen=True)
class Op:
    """Lane operations of one kind: for each element, for each element of a pooling window, and for each row.

    One lane does one addition, subtraction, multiplication, comparison, selection or move a cycle. A nonlinear
    function is a multiply and an add of a piecewise linear table whose look-up the lane hides (Yu et al., NN-LUT,
    DAC 2022, section 3), so 2. `fusable`: elementwise or over a window of one input, so that it can run while
    the outputs of the layer before drain. `pooling`: outputs are fewer than inputs. `joins`: it reads several
    tensors.
    """

    element: int
    window: int = 0
    row: int = 0
    fusable: bool = False
    pooling: bool = False
    joins: bool = False


TABLE = 2  # a multiply and an add
_ELEMENTWISE = {
    "relu": 1, "relu6": 2, "clip": 2, "leaky_relu": 2, "prelu": 2, "hard_tanh": 2, "hard_sigmoid": 4, "hard_swish": 5,
    "abs": 1, "neg": 1, "sqrt": TABLE, "exp": TABLE, "log": TABLE, "reciprocal": TABLE, "erf": TABLE,
    "sigmoid": TABLE, "tanh": TABLE, "gelu": TABLE, "silu": TABLE, "elu": TABLE, "selu": TABLE, "softplus": TABLE,
    "mish": TABLE, "scale": 1, "bias": 1, "batch_norm": 2, "quantize": 3,
    "zero_point": 1, "requantize": 3,  # take z · ΣW off a sum; multiply it, shift it and clip it
}  # fmt: skip
_OF_SEVERAL = {
    "add": 1, "sub": 1, "mul": 1, "div": TABLE + 1, "max": 1, "min": 1, "pow": 2 * TABLE + 1, "where": 1, "concat": 1,
}  # fmt: skip
_MOVES = ("split", "slice", "pad", "transpose", "gather", "embedding", "shuffle", "upsample")

OPS: Mapping[str, Op] = {
    **{name: Op(cost, fusable=True) for name, cost in _ELEMENTWISE.items()},
    **{name: Op(cost, joins=True) for name, cost in _OF_SEVERAL.items()},
    **{name: Op(1) for name in _MOVES},
    # a comparison for each element of the window; or an addition for each, and one multiply
    **{name: Op(0, window=1, fusable=True, pooling=True) for name in ("max_pool", "global_max_pool")},
    **{name: Op(1, window=1, fusable=True, pooling=True) for name in ("avg_pool", "global_avg_pool")},
    "reduce_sum": Op(0, window=1),
    "reduce_max": Op(0, window=1),
    "reduce_mean": Op(1, window=1),
    "softmax": Op(4 + TABLE, row=TABLE),  # maximum, subtract, exp, add, multiply; the reciprocal of the row's sum
    "log_softmax": Op(4 + TABLE, row=TABLE + 1),  # maximum, subtract, exp, add, subtract; log and its addition
    # sum, subtract, square, sum, three multiply-adds' worth of scaling and shift; two means, rsqrt and the epsilon
    "layer_norm": Op(7, row=3 + TABLE),
    "group_norm": Op(7, row=3 + TABLE),
    "instance_norm": Op(7, row=3 + TABLE),
    "rms_norm": Op(4, row=2 + TABLE),  # square, sum, two multiplies; the mean, rsqrt and the epsilon
    "lrn": Op(3 + 2 * TABLE, window=2),  # square and sum over the window; scale, power, divide
    # a hidden unit's gates: sums of both parts, sigmoid and tanh, then the state's multiplies and adds
    "lstm_cell": Op(4 + 5 * TABLE + 4),  # i, f, g, o and tanh(c); f·c + i·g, o·tanh(c)
    "gru_cell": Op(3 + 3 * TABLE + 4),  # r, z, n with r·h; n + z·(h − n)
    "rnn_cell": Op(1 + TABLE),
}


def lane_operations(op: str, elements: int, window: int = 1, rows: int = 0) -> int:
    """Lane operations of `op` over `elements` outputs, with `window` inputs each and `rows` normalised rows.

    For lstm_cell and gru_cell `elements` are hidden units times batch. Raises TraceError for an op that OPS lacks.
    """
    cost = OPS[_known(op, "an operator")]
    return elements * (cost.element + cost.window * window) + rows * cost.row


@dataclass(frozen=True)
class Operator:
    """Work that is no GEMM: activation, pooling, elementwise, softmax, normalisation, embedding.

    `op` is a key of OPS; `after` names the trace or operator that runs right before it, "" at the start. `inputs` and
    `outputs` are activation elements read and written over all operands, `parameters` elements read beside them,
    `work` lane operations in total (`lane_operations` counts them), all of one of `repeat` runs. `fused`: it reads
    the output of `after` and parameters alone, so that it can run as those outputs drain, without DRAM traffic of
    its own. Raises TraceError for what cannot be.
    """

    name: str
    op: str
    after: str
    inputs: int
    outputs: int
    work: int
    parameters: int = 0
    fused: bool = False
    activation_bits: int = 8
    repeat: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TraceError(f"an operator's name is {self.name!r}; a text that is not empty is expected")
        _known(self.op, f"operator {self.name!r}")
        if not isinstance(self.after, str) or self.after == self.name:
            raise TraceError(f"after of operator {self.name!r} is {self.after!r}; another layer's name is expected")
        for field in ("inputs", "outputs", "work", "parameters"):
            object.__setattr__(self, field, self._whole(field, 0, SIZE_LIMIT))
        object.__setattr__(self, "activation_bits", self._whole("activation_bits", 1, 32))
        object.__setattr__(self, "repeat", self._whole("repeat", 1, SIZE_LIMIT))
        self._check_fused()

    def _whole(self, field: str, least: int, most: int) -> int:
        value = getattr(self, field)
        if not is_integer(value, least, most):
            bound = "2^62" if most == SIZE_LIMIT else most
            raise TraceError(
                f"{field} of operator {self.name!r} is {value!r}; an integer from {least} to {bound} is expected"
            )
        return int(value)

    def _check_fused(self) -> None:
        if not isinstance(self.fused, bool):
            raise TraceError(f"fused of operator {self.name!r} is {self.fused!r}; true or false is expected")
        if self.fused and not self.after:
            raise TraceError(f"operator {self.name!r} is fused with nothing; `after` must name the layer before it")
        if self.fused and not OPS[self.op].fusable:
            raise TraceError(
                f"operator {self.name!r} is fused, but {self.op} reads more than one input or a row at a time; "
                "fused false is expected"
            )

    @property
    def is_free(self) -> bool:
        """Whether it computes and moves nothing: parts that were written side by side are joined."""
        return not (self.inputs or self.outputs or self.work or self.parameters)

    def to_record(self) -> dict[str, Any]:
        """All fields as a JSON object; `operator_from_record` takes it back."""
        return asdict(self)


def operator_from_record(record: Any, where: str) -> Operator:
    """The operator of a JSON object; fields with a default may be missing. FileFormatError begins with `where`."""
    if not isinstance(record, dict):
        raise FileFormatError(f"{where} is {repr(record)[:60]}; an object is expected")
    known = [field.name for field in fields(Operator)]
    wrong = next((key for key in record if key not in known), None)
    if wrong is not None:
        raise FileFormatError(f"{where}: unknown key {wrong!r:.60}; {suggestion(str(wrong), known)}")
    missing = next((key for key in known[:6] if key not in record), None)
    if missing is not None:
        raise FileFormatError(f"{where}: {missing} is missing; it is required")
    try:
        return Operator(**record)
    except TraceError as error:
        raise FileFormatError(f"{where}: {error}") from error


def _known(op: object, where: str) -> str:
    if not isinstance(op, str) or op not in OPS:
        raise TraceError(f"op of {where} is {op!r:.60}; {suggestion(str(op)[:80], OPS)}")
    return op
