"""One registry for all that can be added by name: what ships, what a program registers, what installed packages bring.

    FORMATS = Registry("format", "accelsim.formats", {"dense": "accelsim.formats.dense:Dense"})
    FORMATS.add("mine", Mine)      # in this process
    FORMATS.get("dense")           # a shipped name loads its module on first use

A package of anybody's own brings a name by an entry point of the registry's group; it works by being installed:

    [project.entry-points."accelsim.formats"]
    mine = "my_package.formats:Mine"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .errors import ConfigError, unknown_name

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


def anything(_name: str, _value: object) -> str | None:
    """The check of a registry that takes any object."""
    return None


def subclass_of(base: type) -> Callable[[str, object], str | None]:
    """A check that takes only classes below `base`.

    >>> subclass_of(Exception)("mine", ValueError) is None
    True
    >>> subclass_of(Exception)("mine", 3)
    'a subclass of Exception is expected'
    """

    def check(_name: str, value: object) -> str | None:
        good = isinstance(value, type) and issubclass(value, base)
        return None if good else f"a subclass of {base.__name__} is expected"

    return check


class Registry(Generic[T]):
    """Values by name: shipped ones as "module:attribute", registered ones, and entry points of `group`.

    `what` is what a message calls a value ("array kind"). `check(name, value)` returns None, or what is expected where
    a value of that name is of the wrong kind. A shipped name is never replaced. Installed packages are looked through
    only when a name is unknown or all names are listed, so that nobody pays for plug-ins that he does not use.

    >>> numbers = Registry("number", "example.numbers", {"pi": "math:pi"})
    >>> numbers.get("pi") > 3.14
    True
    >>> numbers.add("two", 2)
    2
    >>> numbers.names()
    ['pi', 'two']
    >>> numbers.get("tow")
    Traceback (most recent call last):
    accelsim.errors.UnknownNameError: unknown number 'tow'; did you mean 'two'?
    """

    def __init__(
        self,
        what: str,
        group: str,
        shipped: Mapping[str, str],
        *,
        check: Callable[[str, object], str | None] = anything,
    ) -> None:
        self.what, self.group, self.shipped = what, group, shipped
        self._check = check
        self._values: dict[str, T] = {}

    def add(self, name: str, value: T) -> T:
        """Register `value` under `name` and return it.

        Raises ConfigError where the name is no text, where the value is of the wrong kind, or where the name already
        stands for something else.
        """
        if not isinstance(name, str) or not name:
            raise ConfigError(f"{self.what} {name!r:.60} cannot be registered; a name is expected")
        self._require(name, value, f"{self.what} {name!r}")
        known = self.get(name) if name in self.shipped else self._values.setdefault(name, value)
        if known is not value:
            raise ConfigError(
                f"{self.what} {name!r} is registered already, as {_place(known)}; "
                f"another name is expected for {_place(value)}"
            )
        return value

    def get(self, name: str) -> T:
        """What `name` stands for.

        Raises UnknownNameError with the nearest name where nothing does, and ConfigError where the entry point of that
        name does not load, is of the wrong kind, or is claimed by two packages for different objects.
        """
        if name not in self._values:
            if name in self.shipped:
                self._values[name] = _load(self.shipped[name])
            elif points := self._entry_points().get(name):
                self._values[name] = self._one_of(points)
        if name not in self._values:
            raise unknown_name(self.what, str(name), self.names())
        return self._values[name]

    def names(self) -> list[str]:
        """All names: the shipped ones in their order, then those that were registered or installed, by the alphabet."""
        others = {*self._values, *self._entry_points()} - {*self.shipped}
        return [*self.shipped, *sorted(others)]

    def __contains__(self, name: object) -> bool:
        known = isinstance(name, str) and (name in self.shipped or name in self._values)
        return known or name in self._entry_points()

    def _entry_points(self) -> dict[str, list[EntryPoint]]:
        """Entry points of the group by name, as they are installed."""
        from importlib.metadata import entry_points

        by_name: dict[str, list[EntryPoint]] = {}
        for point in entry_points(group=self.group):
            by_name.setdefault(point.name, []).append(point)
        return by_name

    def _one_of(self, points: Sequence[EntryPoint]) -> T:
        """The one object that the installed entry points of one name stand for."""
        first, *others = (self._load_point(point) for point in points)
        if any(other is not first for other in others):
            packages = " and ".join(sorted(f"{_origin(point)} ({point.value})" for point in points))
            raise ConfigError(f"{self.what} {points[0].name!r} is brought by {packages}; one of them is expected to go")
        return first

    def _load_point(self, point: EntryPoint) -> T:
        where = f"entry point {point.name!r} of {self.group!r} ({point.value}, from {_origin(point)})"
        try:
            value = point.load()
        except Exception as error:  # whatever somebody else's module raises while it is imported
            reason = " ".join(str(error).split())[:200]
            raise ConfigError(f"{where} does not load: {type(error).__name__}: {reason}") from error
        self._require(point.name, value, where)
        loaded: T = value
        return loaded

    def _require(self, name: str, value: object, where: str) -> None:
        expected = self._check(name, value)
        if expected:
            raise ConfigError(f"{where} is {_place(value):.80}; {expected}")


def _load(place: str) -> Any:
    """The attribute that "module:attribute" names."""
    module, attribute = place.split(":")
    return getattr(import_module(module), attribute)


def _place(value: object) -> str:
    """Where an object was defined, or what it is."""
    name = getattr(value, "__qualname__", None)
    return f"{value.__module__}.{name}" if name else repr(value)


def _origin(point: EntryPoint) -> str:
    """The package that brings an entry point."""
    return point.dist.name if point.dist else "an unnamed package"
