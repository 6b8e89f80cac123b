"""A registry of parts by name: those that ship, those registered in a program, and those of installed packages."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar, cast

from accelsim.errors import ConfigError, unknown_name

Part = TypeVar("Part")


class Registry(Generic[Part]):
    """Parts of one sort. `shipped` says "module:attribute" of each name; `group` is the entry points' group.

    `what` is what messages call a part. Shipped parts are imported when they are asked for, and installed packages are
    looked through only when a name is unknown or all names are listed.

    >>> registry = Registry("error", "accelsim.doctest", {"config": "accelsim.errors:ConfigError"})
    >>> registry.get("config").__name__
    'ConfigError'
    >>> registry.get("conf")
    Traceback (most recent call last):
    accelsim.errors.UnknownNameError: unknown error 'conf'; did you mean 'config'?
    """

    def __init__(self, what: str, group: str, shipped: Mapping[str, str]) -> None:
        self.what, self.group = what, group
        self._shipped = dict(shipped)
        self._added: dict[str, Part] = {}

    def add(self, name: str, value: Part) -> None:
        """Register a part. ConfigError where the name is another part's; the same part may come twice."""
        known = name in self._added or name in self._shipped
        if known and self.get(name) is not value:
            raise ConfigError(f"{self.what} {name!r} is registered already, as {self.get(name)!r:.120}")
        self._added[name] = value

    def get(self, name: str) -> Part:
        """Return the part of a name. UnknownNameError names the nearest one; ConfigError a package that fails."""
        if name not in self._added:
            self._added[name] = self._load(name)
        return self._added[name]

    def names(self) -> list[str]:
        """Return all names: shipped ones in their order, then the others by the alphabet."""
        others = {*self._added, *self._installed()} - self._shipped.keys()
        return [*self._shipped, *sorted(others)]

    def _load(self, name: str) -> Part:
        if name in self._shipped:
            module, attribute = self._shipped[name].split(":")
            return cast(Part, getattr(import_module(module), attribute))
        installed = self._installed()
        if name not in installed:
            raise unknown_name(self.what, name, self.names())
        point = installed[name]
        try:
            return cast(Part, point.load())
        except Exception as error:  # whatever somebody else's package raises when it is imported
            where = f"the entry point {point.value!r} of {self.group}"
            raise ConfigError(f"{self.what} {name!r}, {where}, fails to load: {error}") from error

    def _installed(self) -> dict[str, EntryPoint]:
        points: dict[str, EntryPoint] = {}
        for point in entry_points(group=self.group):
            if point.name in points and points[point.name].value != point.value:
                raise ConfigError(
                    f"{self.what} {point.name!r} is offered twice: {points[point.name].value} and {point.value}"
                )
            points[point.name] = point
        return points
