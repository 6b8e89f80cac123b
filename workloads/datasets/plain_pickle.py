"""Pickles that hold numbers, text, plain containers and numpy arrays, and nothing else: nothing in them is executed.

A pickle is a program that names functions to call. Here no name reaches Python's own functions: the few that pickled
arrays use stand for objects of this file, which check what they get and copy the bytes; every other name is refused.
"""

from __future__ import annotations

import io
import math
import pickle
from typing import Any, NoReturn

import numpy as np

from accelsim.errors import FileFormatError

KINDS = {"u1": np.uint8, "i8": np.int64, "i4": np.int32, "f4": np.float32, "f8": np.float64}
BROKEN = (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, LookupError, MemoryError,
          RecursionError, OverflowError, ImportError)  # fmt: skip


class RefusedError(pickle.UnpicklingError):
    """The pickle asks for more than arrays and plain containers."""


def read_plain(content: bytes, where: str) -> Any:
    """What a pickle of protocol 0 to 5 holds; Python 2's strings come as Latin-1 text.

    Raises FileFormatError, which begins with `where`, for a broken pickle, and for one that names any function or
    class but those of numpy's arrays: it is refused before anything is called.
    """
    try:
        return _settled(_PlainUnpickler(io.BytesIO(content), encoding="latin1").load(), {})
    except RefusedError as error:
        raise FileFormatError(f"{where} is refused: {error}; only arrays and plain containers are read") from error
    except BROKEN as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise FileFormatError(f"{where} is no whole pickle of arrays: {reason}") from error


class _Fixed:
    """An object whose state a pickle cannot set."""

    __slots__ = ()

    def __setstate__(self, state: object) -> NoReturn:
        raise RefusedError(f"it sets the state of {type(self).__name__.strip('_')}")


class _Kind:
    """An element type under construction: its code, such as "u1", then its byte order."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code, self.order = code, "<"

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or _text(state[1]) not in {"<", "|", "=", ">"}:
            raise RefusedError("it holds an array of unknown byte order")
        self.order = _text(state[1])

    def dtype(self) -> np.dtype:
        """The numpy type; one of the few plain ones."""
        if self.code not in KINDS:
            raise RefusedError(f"it holds an array of type {self.code[:20]!r}")
        return np.dtype(KINDS[self.code]).newbyteorder(">" if self.order == ">" else "<")


class _Array:
    """An array under construction, empty until its state is set."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: np.ndarray | None = None

    def __setstate__(self, state: object) -> None:
        """(version, shape, kind, Fortran order, bytes), as numpy pickles an array."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise RefusedError("it holds an array of unknown layout")
        _, shape, kind, fortran, content = state
        self.values = _filled(content, kind, shape, "F" if fortran else "C")


def _filled(content: object, kind: object, shape: object, order: object) -> np.ndarray:
    """The elements of `content`, copied; ValueError where bytes and shape disagree."""
    raw = content.encode("latin1") if isinstance(content, str) else content
    if not isinstance(raw, bytes | bytearray) or not isinstance(kind, _Kind) or not isinstance(shape, tuple):
        raise RefusedError("it holds an array that is not plain bytes")
    values = np.frombuffer(bytes(raw), kind.dtype())
    if not all(isinstance(n, int) and n >= 0 for n in shape) or math.prod(shape) != values.size:
        raise ValueError(f"an array of {values.size} elements has the shape {shape!r:.60}")
    return values.reshape(shape, order="F" if order == "F" else "C").astype(kind.dtype().newbyteorder("="))


def _text(value: object) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


class _Class(_Fixed):
    """Stands for numpy.ndarray, which is named as an argument only."""

    __slots__ = ()


class _MakeArray(_Fixed):
    __slots__ = ()

    def __call__(self, *arguments: object) -> _Array:
        return _Array()


class _MakeKind(_Fixed):
    __slots__ = ()

    def __call__(self, code: object, *flags: object) -> _Kind:
        return _Kind(_text(code))


class _FromBuffer(_Fixed):
    __slots__ = ()

    def __call__(self, content: object, kind: object, shape: object, order: object = "C") -> np.ndarray:
        return _filled(content, kind, shape, order)


class _Encode(_Fixed):
    """Stands for codecs.encode, by which Python 3 writes bytes in protocols 0 to 2."""

    __slots__ = ()

    def __call__(self, text: object, encoding: object = "latin1") -> bytes:
        if not isinstance(text, str) or encoding not in {"latin1", "latin-1"}:
            raise RefusedError("it encodes text")
        return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], type[_Fixed]] = {
    ("numpy", "ndarray"): _Class,
    ("numpy", "dtype"): _MakeKind,
    ("_codecs", "encode"): _Encode,
} | {
    (f"numpy.{core}.{module}", name): stand_in
    for core in ("core", "_core")
    for module, name, stand_in in (
        ("multiarray", "_reconstruct", _MakeArray),
        ("numeric", "_frombuffer", _FromBuffer),
    )
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> _Fixed:
        """A fresh stand-in for an allowed name; RefusedError for any other, which is never looked up."""
        if (module, name) not in _ALLOWED:
            raise RefusedError(f"it names {f'{module}.{name}'[:80]!r}")
        return _ALLOWED[module, name]()

    def persistent_load(self, pid: object) -> NoReturn:
        raise RefusedError("it refers to an object outside")


def _settled(value: Any, done: dict[int, Any]) -> Any:
    """Plain values with arrays in the place of what built them; RefusedError for anything left half made.

    `done` keeps what was settled, by identity, so that a container that stands in many places is walked once.
    """
    if id(value) not in done:
        done[id(value)] = _settled_once(value, done)
    return done[id(value)]


def _settled_once(value: Any, done: dict[int, Any]) -> Any:
    if isinstance(value, _Array):
        if value.values is None:
            raise RefusedError("it holds an array without content")
        return value.values
    if isinstance(value, dict):
        return {_settled(key, done): _settled(entry, done) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_settled(entry, done) for entry in value)
    if value is None or isinstance(value, str | bytes | int | float | np.ndarray):
        return value
    raise RefusedError(f"it holds a {type(value).__name__.strip('_')}")
