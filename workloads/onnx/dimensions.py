"""Open sizes of a model's inputs: set by name, by input and axis, by axis, or, where they have no name, as "-1"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from onnx import TypeProto, ValueInfoProto

from accelsim.errors import ConfigError, FileFormatError, suggestion
from accelsim.validation import is_whole

from .values import side, tensor_type

Dimensions = Mapping[str, int] | Mapping[int, int] | Mapping[str | int, int]
OPEN_SIZES = ("refuse", "assume")
UNNAMED = ("-1", "", "name", "?")  # what stands for a dimension without a name; exporters write None, -1 or 0
NO_NAMES = ("?", "-1", "None")  # what paddle2onnx and others write for a dimension without a name
ASSUMED_IMAGE, ASSUMED_OTHER = 224, 128  # a side of an image of four axes; any other axis: a sequence's steps
SIZE_LIMIT = 2**20


def checked_dimensions(dimensions: Dimensions | None) -> dict[str, int]:
    """The sizes by their names as texts. ConfigError for one that is no size.

    >>> checked_dimensions({"H": 224, -1: 10})
    {'H': 224, '-1': 10}
    """
    result = {str(name): size for name, size in (dimensions or {}).items()}
    for name, size in result.items():
        if not is_whole(size, 1, SIZE_LIMIT):
            raise ConfigError(f"dimension {name[:60]!r} is {size!r:.60}; an integer from 1 to {SIZE_LIMIT} is expected")
    return result


class OpenSizes:
    """Sets the open sizes of a model's inputs.

    The first axis of an input is `batch` unless `given` names it. `given` sets others by the name that the file gives
    them ("H"), by input and axis ("image:2"), by axis alone ("2"), or, where they have none, by "-1". With `assume`
    those that are left are 224 for a side of an image and 128 otherwise, and `assumed` says which.
    """

    def __init__(self, where: str, batch: int, given: Mapping[str, int], assume: bool) -> None:
        self.where, self.batch, self.given, self.assume = where, batch, given, assume
        self.sizes: dict[str, int] = {}  # of names, for the types that the file declares of other values
        self.assumed: dict[str, int] = {}

    def input_type(self, value: ValueInfoProto) -> TypeProto:
        """An input's type with its open sizes set. FileFormatError where one stays open."""
        tensor = value.type.tensor_type
        if not value.type.HasField("tensor_type") or not tensor.HasField("shape"):
            raise FileFormatError(f"{self.where}: input {value.name[:80]!r} has no shape; a tensor's is expected")
        sides = _sides(value.type)
        if sides and _is_fixed(sides[0]) and self.batch not in (1, sides[0]):
            raise FileFormatError(
                f"{self.where}: input {value.name[:80]!r} is for a batch of {sides[0]}, not {self.batch}"
            )
        fixed = [s if _is_fixed(s) else self._size(value.name, axis, s, len(sides)) for axis, s in enumerate(sides)]
        return tensor_type(tensor.elem_type, fixed)

    def hint(self) -> str:
        """What an error adds where sizes were assumed, which may be what is wrong."""
        if not self.assumed:
            return ""
        told = ", ".join(f"{name} = {size}" for name, size in self.assumed.items())
        return f" ({told} is assumed; --dim sets what the model is for)"

    def declared_type(self, kind: TypeProto) -> TypeProto:
        """A declared type with the sizes of the names that are set; other open ones stay open."""
        sides = _sides(kind)
        named = [self.given.get(s, self.sizes.get(s, s)) if isinstance(s, str) else s for s in sides]
        known = [None if isinstance(s, int) and s < 0 else s for s in named]
        return tensor_type(kind.tensor_type.elem_type, known)

    def require_known(self, inputs: Iterable[ValueInfoProto], declared: Iterable[TypeProto]) -> None:
        """ConfigError for a size that was given to no dimension of the model."""
        known = {d.dim_param for kind in declared for d in kind.tensor_type.shape.dim if d.dim_param}
        for value in inputs:
            sides = _sides(value.type)
            for axis, called in enumerate(sides):
                known.update(() if _is_fixed(called) else _places(value.name, axis, called, len(sides)))
        wrong = next((name for name in self.given if name not in known), None)
        if wrong is not None:
            expected = sorted(known - {*UNNAMED[1:], *map(str, range(99))}) or ["no open size"]
            raise ConfigError(f"{self.where} has no open dimension {wrong[:60]!r}; {suggestion(wrong[:60], expected)}")

    def _size(self, name: str, axis: int, called: int | str | None, rank: int) -> int:
        """The size of an open axis."""
        key = called if isinstance(called, str) else ""
        places = _places(name, axis, called, rank)
        size = next((self.given[place] for place in places if place in self.given), None)
        if size is None:
            size = self.sizes.get(key) if key else None
        if size is None:
            size = self.batch if axis == 0 else self._assumed(name, axis, key, rank)
        if key:
            self.sizes.setdefault(key, size)
        return size

    def _assumed(self, name: str, axis: int, key: str, rank: int) -> int:
        """The size that stands for one that nobody gave. FileFormatError unless sizes may be assumed."""
        place = key or f"{name}:{axis}"
        if not self.assume:
            called = repr(key[:60]) if key else "open"
            raise FileFormatError(
                f"{self.where}: dimension {axis} of input {name[:80]!r} is {called}; give its size with "
                f"dimensions={{{place[:60]!r}: ...}} (--dim {place[:60]}=...)"
            )
        self.assumed[place] = ASSUMED_IMAGE if rank == 4 else ASSUMED_OTHER
        return self.assumed[place]


def _sides(kind: TypeProto) -> list[int | str | None]:
    """The sizes of a type; names that say that there is none, which some exporters give to several axes, are none."""
    sides = (side(d) for d in kind.tensor_type.shape.dim)
    return [None if size in NO_NAMES else size for size in sides]


def _places(name: str, axis: int, called: int | str | None, rank: int) -> list[str]:
    """What an open axis may be called: "input:axis", its name, its axis; "-1" too where it has no name.

    The first axis is the batch, which "-1" does not set, but for an input of one axis.
    """
    named = [called] if isinstance(called, str) else []
    unnamed = UNNAMED if not named and (axis > 0 or rank == 1) else ()
    return [f"{name}:{axis}", *named, str(axis), *unnamed]


def _is_fixed(size: int | str | None) -> bool:
    return isinstance(size, int) and size > 0
