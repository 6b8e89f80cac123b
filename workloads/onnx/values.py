"""What is known of an ONNX model's values: type, shape, numbers where they can be had, codes of quantized ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, TensorShapeProto, TypeProto, helper, numpy_helper
from onnx.shape_inference import infer_node_outputs

from accelsim.errors import FileFormatError, MissingFileError

from .files import SIDE_LIMIT, label, short

Numbers = Callable[[], np.ndarray]
SMALL, FEW = 2**14, 16  # elements of integers and of real numbers that shape inference looks at
RANK_LIMIT = 32  # axes that a tensor of sizes may ask for
INTEGERS: Mapping[int, tuple[int, int, int]] = {  # type -> least and greatest integer, and bits
    TensorProto.INT8: (-128, 127, 8), TensorProto.UINT8: (0, 255, 8), TensorProto.INT16: (-(2**15), 2**15 - 1, 16),
    TensorProto.UINT16: (0, 2**16 - 1, 16), TensorProto.INT4: (-8, 7, 4), TensorProto.UINT4: (0, 15, 4),
    TensorProto.INT2: (-2, 1, 2), TensorProto.UINT2: (0, 3, 2),
}  # fmt: skip
_SIZES = {TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL}
_OF_SIZES = {"Reshape": 1, "Expand": 1, "ConstantOfShape": 0, "Tile": 1, "Upsample": 1, "RandomUniform": 0}
_UNSAFE = {"GatherND"}  # its shape inference reads beyond its arrays where the indices are broken


@dataclass(frozen=True)
class Code:
    """How a quantized tensor stores real numbers: scale · (integer − zero_point), integers of `bits` in a range.

    A zero point that is not given is 0, unless it is `computed` as the model runs.
    """

    bits: int
    least: int
    most: int
    scale: list[float] | float | None
    zero_point: list[int] | int | None
    computed: bool = False

    @property
    def is_binary(self) -> bool:
        """Whether it is −1 and +1 in one bit, which two's complement has not."""
        return self.bits == 1 and self.least < 0 < self.most

    def signed_bits(self) -> int:
        """Bits in two's complement of every integer of the range with the zero point subtracted."""
        points = np.atleast_1d(np.asarray(0 if self.zero_point is None else self.zero_point, np.int64))
        return max(self.bits, held_bits(self.least - int(points.max()), self.most - int(points.min())))

    def raw(self) -> dict[str, bool | int]:
        """The fields of a trace whose memory carries these codes as they are; none where x itself has as few bits.

        Neither where each channel has a zero point of its own, nor where the model computes it or it is no such code.
        """
        points = np.unique(np.rint(0 if self.zero_point is None else self.zero_point))
        if self.computed or self.is_binary or len(points) != 1 or self.signed_bits() == self.bits:
            return {}
        point, signed = int(points[0]), self.least < 0
        low = -(2 ** (self.bits - 1)) if signed else 0
        return {"activation_signed": signed, "activation_zero_point": point} if 0 <= point - low < 2**self.bits else {}


def held_bits(least: int, most: int) -> int:
    """The fewest bits of two's complement that hold both."""
    return max(most.bit_length(), (-least - 1).bit_length() if least < 0 else 0) + 1


@dataclass(eq=False)
class Known:
    """A value: `numbers` of constants, or of all where the model is computed; `integers` of a dequantized one.

    `limits` are the least and greatest integer where a `Clip` leaves fewer than the type holds.
    """

    name: str
    type: TypeProto | None
    constant: bool = False
    parameter: str = ""
    numbers: Numbers | None = None
    code: Code | None = None
    integers: Numbers | None = None
    limits: tuple[int, int] | None = None
    maker: str = "the model"
    _kept: np.ndarray | None = None

    def array(self) -> np.ndarray:
        """Its numbers; small ones are kept."""
        if self._kept is not None:
            return self._kept
        if self.numbers is None:
            raise FileFormatError(
                f"the numbers of {self.name[:80]!r}, which {self.maker} makes, cannot be computed here"
            )
        result = self.numbers()
        if result.size <= SMALL:
            self._kept = result
        return result

    def sides(self) -> list[int | str | None] | None:
        """Its shape, with a name or None for what is not known; None where not even the rank is."""
        if self.type is None or not self.type.HasField("tensor_type") or not self.type.tensor_type.HasField("shape"):
            return None
        return [side(d) for d in self.type.tensor_type.shape.dim]

    def shape(self) -> tuple[int, ...]:
        """Its shape; FileFormatError naming the dimension that is not known or out of range."""
        sides = self.sides()
        if sides is None:
            raise FileFormatError(f"the shape of {self.name[:80]!r}, which {self.maker} makes, is not known")
        for axis, size in enumerate(sides):
            if not isinstance(size, int):
                called = f" ({size!r:.60})" if size else ""
                raise FileFormatError(
                    f"dimension {axis}{called} of {self.name[:80]!r}, which {self.maker} makes, is not known; set the "
                    "inputs' sizes with batch and dimensions"
                )
            if not 0 <= size <= SIDE_LIMIT:
                raise FileFormatError(
                    f"dimension {axis} of {self.name[:80]!r} is {size}; 0 to {SIDE_LIMIT} is expected"
                )
        return tuple(s for s in sides if isinstance(s, int))

    def known_shape(self) -> tuple[int, ...] | None:
        """Its shape where all of it is known."""
        sides = self.sides()
        if sides is None or not all(isinstance(s, int) for s in sides):
            return None
        return self.shape()

    @property
    def kind(self) -> int:
        """The type of its elements as TensorProto counts them, 0 where it is not known."""
        return 0 if self.type is None else self.type.tensor_type.elem_type

    def is_small(self) -> bool:
        """Whether shape inference looks at its numbers: sizes, axes and factors, and no weights."""
        shape = self.known_shape()
        if not self.constant or self.numbers is None or shape is None:
            return False
        return math.prod(shape) <= (SMALL if self.kind in _SIZES else FEW)


def side(dimension: TensorShapeProto.Dimension) -> int | str | None:
    """One dimension's size, its name, or None."""
    if dimension.HasField("dim_value"):
        return int(dimension.dim_value)
    return dimension.dim_param or None


def tensor_type(kind: int, shape: Sequence[int | str | None]) -> TypeProto:
    """The type of a tensor."""
    return helper.make_tensor_type_proto(kind, list(shape))


def inferred(node: NodeProto, inputs: Mapping[str, Known], versions: Mapping[str, int]) -> dict[str, TypeProto]:
    """The types of a node's outputs by ONNX's own shape inference; FileFormatError where the node contradicts it.

    Nothing where ONNX has no such operator, or where a type of its inputs is not known.
    """
    if node.op_type in _UNSAFE or any(known.type is None for known in inputs.values()):
        return {}
    try:
        schema = onnx.defs.get_schema(node.op_type, versions.get(node.domain, 1), node.domain)
    except onnx.defs.SchemaError:
        return {}
    _check_sizes(node, inputs)
    types = {name: known.type for name, known in inputs.items() if known.type is not None}
    try:
        data = {n: numpy_helper.from_array(k.array(), n) for n, k in inputs.items() if k.is_small()}
        imports = [helper.make_opsetid(domain, version) for domain, version in versions.items()]
        return infer_node_outputs(schema, node, types, data, opset_imports=imports)
    except (FileFormatError, MissingFileError):
        raise
    except Exception as error:  # the library's own kinds, and whatever a broken node makes it meet
        raise FileFormatError(f"{label(node)} does not fit its inputs: {short(error)}") from error


def _check_sizes(node: NodeProto, inputs: Mapping[str, Known]) -> None:
    """What shape inference itself does not check: sides in range, and no more axes asked for than can be."""
    for known in inputs.values():
        if known.known_shape() is not None:
            known.shape()
    place = _OF_SIZES.get(node.op_type)
    if place is not None and place < len(node.input) and node.input[place] in inputs:
        sides = inputs[node.input[place]].sides()
        if sides and isinstance(sides[0], int) and sides[0] > RANK_LIMIT:
            raise FileFormatError(f"{label(node)} asks for {sides[0]} axes; at most {RANK_LIMIT} are expected")
